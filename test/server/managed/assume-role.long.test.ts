// Users whose role is assumed by STS: whose credentials S3 sees, and what becomes of a session when there are none.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { generatePrivateKey } from '../../../src/crypto/keys/private-key.ts';
import type { UserRecord } from '../../../src/state/records.ts';
import { moto } from '../../peers/s3-endpoints.ts';
import { AccountStore, OWN_KEY } from '../../storage/s3/account-store.ts';
import { TestBucket } from '../../storage/s3/s3-server.ts';
import { findSftp } from '../openssh-sftp.ts';
import { run } from '../run.ts';
import { ManagedSite, unusedPort } from './managed-site.ts';

const SERVER = 's-0123456789abcdef0';
const KEY = generatePrivateKey('ed25519', undefined, 'alice');
const PARTNERS = 'arn:aws:iam::123456789012:role/partners';
const AUDITORS = 'arn:aws:iam::123456789012:role/auditors';
const PART = 5 * 1024 ** 2;

/** What the documents of Transfer Family give as an example: a user has its home, and nothing beside it. */
const HOME_POLICY = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Action: 's3:ListBucket',
      Resource: 'arn:aws:s3:::${transfer:HomeBucket}',
      Condition: { StringLike: { 's3:prefix': ['${transfer:HomeFolder}/*', '${transfer:HomeFolder}'] } },
    },
    {
      Effect: 'Allow',
      Action: ['s3:PutObject', 's3:GetObject', 's3:DeleteObject'],
      Resource: 'arn:aws:s3:::${transfer:HomeDirectory}/*',
    },
  ],
});

/** Until it works; the last error where it does not. */
async function eventually(work: () => Promise<void>): Promise<void> {
  const end = performance.now() + 60_000;
  for (;;) {
    try {
      await work();
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

const describeWithMoto = moto.endpoint === undefined ? describe.skip : describe;

describeWithMoto(`users whose role is assumed${moto.missing === null ? '' : ` (${moto.missing})`}`, () => {
  let account: AccountStore;
  let bucket: TestBucket;
  let site: ManagedSite;
  let port = 0;

  beforeAll(async () => {
    bucket = await TestBucket.create(moto.endpoint ?? '');
  });
  afterAll(() => bucket.destroy());

  beforeEach(async () => {
    account = await AccountStore.start(moto.endpoint ?? '');
    const { endpoint } = account;
    const storage = {
      ...{ type: 's3' as const, bucket: bucket.name, endpoint, credentials: OWN_KEY, forcePathStyle: true },
      ...{ prefix: 'in/', partBytes: PART, spoolDirectory: bucket.spoolDirectory },
    };
    site = await new ManagedSite({
      management: {
        servers: { host: '127.0.0.1' },
        storages: { inbox: storage },
        roles: [
          { arn: AUDITORS, buckets: ['inbox'], assumeRole: { externalId: 'ext-1', durationSeconds: 900 } },
          { arn: PARTNERS, buckets: '*', assumeRole: true },
        ],
      },
    }).start();
    port = await unusedPort();
    await site.createServer(SERVER, port);
  });
  afterEach(async () => {
    await site.end();
    await account.stop();
  });

  const put = (name: string, settings: Partial<UserRecord['settings']> = {}): Promise<void> =>
    site.putUser(SERVER, name, [KEY], { Role: PARTNERS, Policy: HOME_POLICY, ...settings });
  const failures = (): unknown[] => site.log.filter(({ event }) => event === 'storage.ASSUME_ROLE_FAILED');

  /** Nobody but roles has touched what users see. */
  const expectOnlyRoles = (prefix: string): void => {
    expect(account.usersOf(prefix)).not.toHaveLength(0);
    expect(account.usersOf(prefix)).not.toContain(OWN_KEY.accessKeyId);
  };

  test('OpenSSH uploads, lists, renames, downloads and removes with the credentials of the role', async () => {
    const sftp = findSftp();
    if (sftp === null) throw new Error('there is no sftp');
    await put('alice');
    const at = (name: string): string => path.join(site.folder, name);
    writeFileSync(at('key'), KEY.privateKey, { mode: 0o600 });
    writeFileSync(at('up'), Buffer.alloc(2 * PART + 12_345, 'latticeport '));
    const lines = [
      `put ${at('up')} first`,
      'mkdir d',
      'rename first d/second',
      'ls -l d',
      `get d/second ${at('down')}`,
    ];
    const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'BatchMode=yes', 'IdentitiesOnly=yes'];
    const { status, stderr } = await run(
      [
        ...[...sftp.command, '-F', 'none', '-b', '-', '-P', String(port), '-i', at('key')],
        ...options.flatMap((option) => ['-o', option]),
        'alice@127.0.0.1',
      ],
      { input: [...lines, 'rm d/second', 'rmdir d'].join('\n') },
    );
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
    expect(readFileSync(at('down')).equals(readFileSync(at('up')))).toBe(true);
    // One call for all of it; the server has made the home with it, too.
    expect(account.calls).toEqual([
      {
        ...{ role: PARTNERS, session: `alice@${SERVER}`, externalId: null, seconds: 3600 },
        policy: JSON.stringify(JSON.parse(HOME_POLICY)).replaceAll(
          /\$\{transfer:(HomeBucket|HomeFolder|HomeDirectory)\}/g,
          (_, name: string) =>
            ({ HomeBucket: bucket.name, HomeFolder: 'in/alice', HomeDirectory: `${bucket.name}/in/alice` })[name] ?? '',
        ),
      },
    ]);
    expectOnlyRoles('in/alice');
  });

  test('an upload goes on with new credentials where the old ones end in the middle of it', async () => {
    await put('alice');
    const client = await site.login(port, 'alice', KEY);
    let parts = 0;
    account.onRequest = ({ method, key }) => {
      if (method !== 'PUT' || key !== 'in/alice/large') return;
      parts += 1;
      if (parts === 2) account.expireAll();
    };
    const bytes = 'latticeport '.repeat((4 * PART) / 12);
    await client.put('/inbox/alice/large', bytes);
    expect(parts).toBeGreaterThan(4);
    expect(account.calls).toHaveLength(2);
    expect((await client.get('/inbox/alice/large')) === bytes).toBe(true);
    expectOnlyRoles('in/alice');
  });

  test('two users share no credentials, and S3 keeps one out of what is the other’s', async () => {
    await put('alice', {
      HomeDirectory: '/inbox',
      Policy: HOME_POLICY.replaceAll('${transfer:HomeFolder}', 'in/alice').replaceAll(
        '${transfer:HomeDirectory}',
        `${bucket.name}/in/alice`,
      ),
    });
    await put('bob', { Role: AUDITORS });
    const [alice, bob] = [await site.login(port, 'alice', KEY), await site.login(port, 'bob', KEY)];
    await bob.put('/inbox/bob/secret', 'of bob');
    await alice.put('/inbox/alice/own', 'of alice');
    await expect(alice.get('/inbox/bob/secret')).rejects.toThrow(/refused access/);
    await expect(alice.put('/inbox/bob/secret', 'of alice')).rejects.toThrow(/refused access/);
    await expect(alice.names('/inbox/bob')).rejects.toThrow(/refused access/);
    await expect(alice.remove('/inbox/bob/secret')).rejects.toThrow(/refused access/);
    expect(await bob.get('/inbox/bob/secret')).toBe('of bob');
    expect(account.calls.map(({ role, session, externalId, seconds }) => [role, session, externalId, seconds])).toEqual(
      [
        [AUDITORS, `bob@${SERVER}`, 'ext-1', 900],
        [PARTNERS, `alice@${SERVER}`, null, 3600],
      ],
    );
    const ids = account.given.map(({ accessKeyId }) => accessKeyId);
    expect([account.usersOf('in/bob'), account.usersOf('in/alice')]).toEqual([[ids[0]], [ids[1]]]);
  });

  test('the next login has the credentials of another role once the user has that, and all sessions share them', async () => {
    await put('alice');
    await (await site.login(port, 'alice', KEY)).put('/inbox/alice/a', 'one');
    await (await site.login(port, 'alice', KEY)).put('/inbox/alice/a', 'two');
    expect(account.calls).toHaveLength(1);
    await put('alice', { Role: AUDITORS });
    const before = account.asked.length;
    const client = await site.login(port, 'alice', KEY);
    expect(await client.get('/inbox/alice/a')).toBe('two');
    expect(account.calls.map(({ role }) => role)).toEqual([PARTNERS, AUDITORS]);
    const asked = account.asked.slice(before).filter(({ key }) => key.startsWith('in/alice'));
    expect(new Set(asked.map(({ accessKeyId }) => accessKeyId))).toEqual(new Set([account.given[1]?.accessKeyId]));
  });

  test.each(['refused', 'unavailable'] as const)(
    'no session without credentials: STS answers "%s"; the next one has some',
    async (answer) => {
      await put('alice');
      account.sts = answer;
      await expect(
        site.login(port, 'alice', KEY).then((client) => client.cwd().then(() => client.get('/inbox/alice/a'))),
      ).rejects.toThrow();
      expect(failures()).toContainEqual(
        expect.objectContaining({ level: 'warn', role: PARTNERS, roleSession: `alice@${SERVER}` }),
      );
      expect(account.usersOf('in/alice')).toEqual([]);
      account.sts = 'credentials';
      // So soon after a failure STS is not asked again.
      await eventually(async () => {
        const client = await site.login(port, 'alice', KEY);
        await client.put('/inbox/alice/a', answer);
      });
      expectOnlyRoles('in/alice');
      const text = JSON.stringify(site.log);
      for (const { token, accessKeyId } of account.given) {
        expect(text).not.toContain(token);
        expect(text).not.toContain(`secret-of-${accessKeyId}`);
      }
    },
    120_000,
  );

  test('operations fail while STS gives no new credentials, and work again when it does', async () => {
    await put('alice');
    const client = await site.login(port, 'alice', KEY);
    await client.put('/inbox/alice/a', 'one');
    account.expireAll();
    account.sts = 'refused';
    await expect(client.put('/inbox/alice/a', 'two')).rejects.toThrow(/could not sign in to its storage/);
    expect(failures()).not.toHaveLength(0);
    account.sts = 'credentials';
    await eventually(async () => {
      expect(await client.get('/inbox/alice/a')).toBe('one');
    });
    expectOnlyRoles('in/alice');
  }, 120_000);

  test('a session policy that STS would not take is refused when the user is made, and shuts one out that is there', async () => {
    const policy = JSON.stringify({ Statement: [{ Resource: '${transfer:UserName}'.repeat(100) }] });
    await expect(put('alice', { Policy: policy })).resolves.toBeUndefined();
    const name = 'a'.repeat(90);
    await expect(put(name, { Policy: policy })).rejects.toThrow(/has 9\d+ characters .* at most 2048/);
    const record: Omit<UserRecord, 'revision'> = {
      ...{ serverId: SERVER, userName: name, createdAt: Date.now(), tags: [] },
      settings: { Role: PARTNERS, HomeDirectory: '/inbox/a', Policy: policy },
      keys: [{ keyId: 'key-0', importedAt: Date.now(), body: KEY.publicKey }],
    };
    await site.state.change({ accessKeyId: 'LPAKTEST', remoteAddress: '127.0.0.1' }, (state) => state.putUser(record));
    await site.servers.settled(SERVER);
    await expect(site.login(port, name, KEY)).rejects.toThrow(/authentication/);
    expect(JSON.stringify(site.log.filter(({ user }) => user === name))).toMatch(/cannot be handed to STS/);
    expect(account.calls).toEqual([]);
  });
});
