// A reload ends the sessions of users that could not log in any more.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { hashPassword } from '../../src/auth/password-hash.ts';
import { parseConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/schema.ts';
import { parseCertificate } from '../../src/crypto/certificates/certificate.ts';
import { generatePrivateKey, parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { NOTHING_REVOKED } from '../../src/crypto/keys/revocation-list.ts';
import { prepareConfig } from '../../src/server/prepared-config.ts';
import { revocationOf } from '../../src/server/revocation.ts';
import { SSH_FX, SSH_FXF, SSH_FXP } from '../../src/sftp/protocol.ts';
import type { SshWriter } from '../../src/wire/writer.ts';
import { alice, found } from '../auth/login.ts';
import { certifiedKey, ED25519_CERTIFICATE } from '../client/certified-key.ts';
import { SftpChannel } from '../client/sftp-channel.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import { makeCertificate } from '../crypto/certificates/make-certificate.ts';
import { MODERN, until } from '../transport/transport-pair.ts';
import type { ConfigInput, TestServer } from './test-server.ts';
import { PASSWORD, startTestServer } from './test-server.ts';

let server: TestServer;
const clients: SshTestClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.end();
  await server.stop();
});

const WITHDRAWN = { reason: 11, message: 'your access has been withdrawn' };

async function start(changes: Partial<ConfigInput> = {}): Promise<void> {
  server = await startTestServer({ shutdown: { drainSeconds: 600 }, ...changes });
}

function connect(): SshTestClient {
  const client = SshTestClient.connect(server.port, { algorithms: MODERN });
  clients.push(client);
  return client;
}

async function byKey(): Promise<SshTestClient> {
  const client = connect();
  await client.startAuth();
  const key = parsePrivateKey(readFileSync(server.userKey('ed25519'), 'utf8'));
  expect(await client.publicKey('demo', key, 'ssh-ed25519')).toBe(52);
  return client;
}

async function byPassword(user = 'demo'): Promise<SshTestClient> {
  const client = connect();
  await client.startAuth();
  expect(await client.password(user, PASSWORD)).toBe(52);
  return client;
}

const ca = parsePrivateKey(generatePrivateKey('ed25519').privateKey);
const caLine = `ssh-ed25519 ${ca.publicKey.blob.toString('base64')}`;

async function byCertificate(): Promise<SshTestClient> {
  const client = connect();
  await client.startAuth();
  const key = parsePrivateKey(generatePrivateKey('ed25519').privateKey);
  const blob = await makeCertificate(key.publicKey, ca, { principals: ['demo'] });
  expect(await client.publicKey('demo', certifiedKey(key, blob), ED25519_CERTIFICATE)).toBe(52);
  return client;
}

type Users = Config['users'];

/** What SIGHUP does, with a changed configuration. */
async function reload(users: (users: Users) => Users, more: Partial<ConfigInput> = {}): Promise<void> {
  const { config, file } = server.running.prepared.loaded;
  const changed = { ...config, ...more, users: users(config.users) };
  await server.running.reload(prepareConfig(parseConfig(JSON.stringify(changed), file)));
}

const demo = (change: (user: Users[number]) => Users[number]) => (users: Users) =>
  users.map((user) => (user.name === 'demo' ? change(user) : user));
const stillThere = async (client: SshTestClient): Promise<void> => {
  client.transport.send(Buffer.from([192, 0, 0, 0, 0]));
  await client.take(193);
};

describe('ends', () => {
  test.each<[string, (users: Users) => Users, string]>([
    ['of a user that is gone', (users) => users.filter(({ name }) => name !== 'demo'), 'user-gone'],
    ['of a user that is disabled', demo((user) => ({ ...user, disabled: true })), 'user-gone'],
    [
      'whose key is gone',
      demo((user) => ({ ...user, publicKeys: user.publicKeys.filter((line) => !line.startsWith('ssh-ed25519')) })),
      'credential-gone',
    ],
  ])('the session %s, and no other', async (_what, change, reason) => {
    await start();
    const client = await byKey();
    const other = await byPassword('reader');
    await reload(change);
    expect(await client.whenClosed()).toMatchObject(WITHDRAWN);
    expect(server.log.filter(({ event }) => event === 'session.revoked')).toMatchObject([
      { level: 'warn', user: 'demo', reason },
    ]);
    await stillThere(other);
  });

  test('a session whose password is another by now, and not one of the same user with a key', async () => {
    await start();
    const [password, key] = [await byPassword(), await byKey()];
    const passwordHash = await hashPassword('another');
    await reload(demo((user) => ({ ...user, passwordHash })));
    expect(await password.whenClosed()).toMatchObject(WITHDRAWN);
    await stillThere(key);
  });

  test('a session whose way in is closed', async () => {
    await start();
    const [password, key] = [await byPassword(), await byKey()];
    await reload((users) => users, { auth: { methods: ['publickey'] } });
    expect(await password.whenClosed()).toMatchObject(WITHDRAWN);
    await stillThere(key);
  });

  test.each<[string, Partial<ConfigInput>, (users: Users) => Users]>([
    ['is trusted no more', { auth: { trustedUserCaKeys: [] } }, (users) => users],
    ['stands for other principals', {}, demo((user) => ({ ...user, principals: ['somebody'] }))],
  ])('a session by a certificate whose CA %s', async (_what, more, change) => {
    await start({ auth: { trustedUserCaKeys: [caLine] } });
    const [certified, key] = [await byCertificate(), await byKey()];
    await reload(change, more);
    expect(await certified.whenClosed()).toMatchObject(WITHDRAWN);
    expect(server.log.filter(({ event }) => event === 'session.revoked')).toMatchObject([
      { user: 'demo', reason: 'credential-gone' },
    ]);
    await stillThere(key);
  });

  test('a session that logs in after the reload under what it was before', async () => {
    await start();
    const client = connect();
    await client.startAuth();
    await reload((users) => users.filter(({ name }) => name !== 'demo'));
    const key = parsePrivateKey(readFileSync(server.userKey('ed25519'), 'utf8'));
    expect(await client.publicKey('demo', key, 'ssh-ed25519')).toBe(52);
    expect(await client.whenClosed()).toMatchObject(WITHDRAWN);
  });
});

describe('does not end', () => {
  test('a session whose user has another key, home or permission only', async () => {
    await start();
    const client = await byKey();
    const { publicKey } = generatePrivateKey('ed25519');
    await reload(demo((user) => ({ ...user, permissions: 'read-only', publicKeys: [publicKey, ...user.publicKeys] })));
    await stillThere(client);
    expect(server.log.some(({ event }) => event === 'session.revoked')).toBe(false);
  });

  test('a session by a certificate that has expired since, as long as its CA is trusted', async () => {
    await start();
    const { publicKey } = parsePrivateKey(generatePrivateKey('ed25519').privateKey);
    const certificate = parseCertificate(await makeCertificate(publicKey, ca, { validBefore: 1n }));
    const trusting = alice({ certificates: { caKeys: [ca.publicKey], principals: ['alice'] } });
    const credential = { identity: alice(), method: 'publickey', publicKey, certificate } as const;
    const now = async (users: ReturnType<typeof found>, revoked = NOTHING_REVOKED) =>
      revocationOf(credential, '192.0.2.1', users, ['publickey'], revoked);
    expect(await now(found(trusting))).toBeNull();
    expect(await now(found(alice()))).toBe('credential-gone');
    const revokesIt = {
      ...NOTHING_REVOKED,
      revokesCertificate: ({ keyBlob }: { keyBlob: Buffer }) => keyBlob.equals(publicKey.blob),
    };
    expect(await now(found(trusting), revokesIt)).toBe('revoked-key');
  });

  test('anything where the setting says so', async () => {
    await start({ reload: { endRevokedSessions: false } });
    const client = await byKey();
    await reload((users) => users.filter(({ name }) => name !== 'demo'));
    await stillThere(client);
  });
});

describe('a file that is open', () => {
  test('may be written to its end; nothing else is begun; then the session ends', async () => {
    await start();
    const client = await byKey();
    const channel = await SftpChannel.open(client);
    const handle = await channel.create('/upload.part');
    await channel.write(handle, 0, Buffer.from('first '));
    await reload((users) => users.filter(({ name }) => name !== 'demo'));
    await until(() => server.log.some(({ event }) => event === 'session.revoked'), 'it is told');
    const statusOf = async (type: number, body: (writer: SshWriter) => void): Promise<number> => {
      const answer = await channel.request(type, body);
      expect(answer.type).toBe(SSH_FXP.STATUS);
      return answer.body.readUInt32BE();
    };
    const flags = SSH_FXF.WRITE | SSH_FXF.CREAT;
    expect(await statusOf(SSH_FXP.OPEN, (writer) => writer.string('/other').uint32(flags).uint32(0))).toBe(
      SSH_FX.PERMISSION_DENIED,
    );
    for (const type of [SSH_FXP.OPENDIR, SSH_FXP.REMOVE]) {
      expect(await statusOf(type, (writer) => writer.string('/'))).toBe(SSH_FX.PERMISSION_DENIED);
    }
    await channel.write(handle, 6, Buffer.from('second'));
    await channel.close(handle);
    // The rename to the final name belongs to the upload.
    const renamed = (writer: SshWriter) => writer.string('/upload.part').string('/upload');
    expect(await statusOf(SSH_FXP.RENAME, renamed)).toBe(SSH_FX.OK);
    expect(await client.whenClosed()).toMatchObject(WITHDRAWN);
    expect(readFileSync(path.join(server.data, 'upload'), 'utf8')).toBe('first second');
    expect(existsSync(path.join(server.data, 'other'))).toBe(false);
  });

  test('has the time of a drain, and no more', async () => {
    await start({ shutdown: { drainSeconds: 0.2 } });
    const client = await byKey();
    const channel = await SftpChannel.open(client);
    await channel.create('/upload');
    await reload((users) => users.filter(({ name }) => name !== 'demo'));
    expect(await client.whenClosed()).toMatchObject(WITHDRAWN);
  });
});
