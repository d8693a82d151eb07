// A node goes on while another one, of a newer version, changes the schema of the state that they share.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { generatePrivateKey, type GeneratedKey } from '../../../src/crypto/keys/private-key.ts';
import { MIGRATIONS } from '../../../src/state/database/migrations/index.ts';
import type { Migration } from '../../../src/state/database/migrations/migration.ts';
import { PostgresStateDatabase } from '../../../src/state/database/postgresql/postgres-database.ts';
import { loadSecretBox } from '../../../src/state/secret-keys.ts';
import type { UserRecord } from '../../../src/state/records.ts';
import { StoredState } from '../../../src/state/stored-state.ts';
import { missingPeer } from '../../peers/peers.ts';
import { AUTHOR } from '../../state/sample-records.ts';
import { whenSnapshot } from '../../state/when.ts';
import { findSftp } from '../openssh-sftp.ts';
import { eventually, NodeSite, ROLE, type Node } from './node-site.ts';

const client = findSftp();
const missing = missingPeer('postgresql') ?? (client === null ? missingPeer('openssh-10') : null);
const LAST = MIGRATIONS.length;

/** A step as a later release has it: a new column, which takes the lock that keeps everybody from the table. */
function laterStep(
  version: number,
  compatibleFrom: number,
  meanwhile: () => Promise<void> = () => Promise.resolve(),
): Migration {
  return {
    version,
    compatibleFrom,
    up: async (db) => {
      await db.schema.alterTable('records').addColumn(`later_${version}`, 'text').execute();
      await meanwhile();
    },
  };
}

(missing === null ? describe : describe.skip)(`a rolling update${missing === null ? '' : ` (${missing})`}`, () => {
  let site: NodeSite;
  let node: Node;
  let ServerId: unknown;
  const key = generatePrivateKey('ed25519');

  beforeAll(async () => {
    if (client === null) throw new Error('no sftp');
    site = new NodeSite(client);
    const root = path.join(site.folder, 'files');
    mkdirSync(root);
    await site.start(['127.0.0.2'], { type: 'local', root });
    [node] = site.nodes as unknown as [Node];
    ({ ServerId } = await node.call('CreateServer', {}));
    await createUser('anna', key);
  });

  afterAll(async () => {
    await site.end();
  });

  async function createUser(UserName: string, { publicKey }: GeneratedKey): Promise<void> {
    await node.call('CreateUser', { ServerId, UserName, Role: ROLE, SshPublicKeyBody: publicKey });
  }

  const logIn = (user: string, ofUser: GeneratedKey): Promise<string> =>
    site.mustSftp({ host: node.host, port: site.sftpPort, user, key: ofUser }, 'ls -1\n');

  async function expectToServe(user: string, ofUser: GeneratedKey): Promise<void> {
    expect(await logIn(user, ofUser)).toMatch(/^files$/m);
    expect(await node.call('DescribeUser', { ServerId, UserName: user })).toMatchObject({ User: { UserName: user } });
    expect((await node.readiness()).status).toBe(200);
  }

  /** Whether a connection of a node waits for a lock. */
  async function somebodyWaits(): Promise<boolean> {
    const rows = await site.place.query('select count(*)::int as waiting from pg_locks where not granted');
    return (rows[0] as { readonly waiting: number }).waiting > 0;
  }

  test('a step that the version before can work with: it serves during the step and after it, and both change the state', async () => {
    const later = generatePrivateKey('ed25519');
    const during: { change: Promise<void> | null } = { change: null };
    const migrations = [
      ...MIGRATIONS,
      laterStep(LAST + 1, LAST, async () => {
        await expectToServe('anna', key);
        // A change waits until the step is done.
        during.change = createUser('bert', later);
        await eventually(somebodyWaits, 'the change waits for the step');
      }),
    ];
    const newer = await PostgresStateDatabase.open(site.stateUrl, migrations);
    const secrets = loadSecretBox({ type: 'file', file: path.join(site.folder, 'secret.key') });
    const state = await StoredState.over(newer, secrets);
    try {
      await during.change;
      await expectToServe('bert', later);
      expect((await node.readiness()).text.trim()).toBe('ok');

      // The newer node follows the older one's changes, and the older one the newer one's.
      const known = (await whenSnapshot(state, ({ users }) => users.get(String(ServerId))?.has('bert') === true)).users;
      const bert = known.get(String(ServerId))?.get('bert') as UserRecord;
      const tags = [{ Key: 'latticeport:disabled', Value: 'true' }];
      await state.change(AUTHOR, (transaction) => transaction.putUser({ ...bert, tags }));
      await eventually(async () => {
        const { User } = await node.call('DescribeUser', { ServerId, UserName: 'bert' });
        return JSON.stringify((User as { readonly Tags?: unknown }).Tags) === JSON.stringify(tags);
      }, 'the older node has followed');
      await expect(logIn('bert', later)).rejects.toThrow('Permission denied');

      // Members of a record that only the newer version knows survive a change by the older one.
      const member = sql`jsonb_set(body::jsonb, '{later}', '"kept"')::text`;
      await newer.write((db) =>
        db
          .updateTable('records')
          .set({ body: member as never })
          .where('key', '=', 'anna')
          .execute(),
      );
      const { Arn } = (await node.call('DescribeUser', { ServerId, UserName: 'anna' }))['User'] as {
        readonly Arn: string;
      };
      await node.call('TagResource', { Arn, Tags: [{ Key: 'stage', Value: 'test' }] });
      const [row] = await newer.read((db) =>
        db.selectFrom('records').select('body').where('key', '=', 'anna').execute(),
      );
      expect(JSON.parse(row?.body ?? '')).toMatchObject({ later: 'kept', tags: [{ Key: 'stage' }] });
    } finally {
      await state.close();
    }
  });

  test('a step that it cannot work with: it serves as it was, changes nothing, says so, and does not start again', async () => {
    const steps = [laterStep(LAST + 1, LAST), laterStep(LAST + 2, LAST + 2)];
    await (await PostgresStateDatabase.open(site.stateUrl, [...MIGRATIONS, ...steps])).close();

    await eventually(() => node.log().some(({ event }) => event === 'state.outdated'), 'the node has noticed');
    await expectToServe('anna', key);
    expect((await node.readiness()).text).toContain('a newer version has changed the state: update this node');
    expect(
      await node.outcome('CreateUser', { ServerId, UserName: 'carl', Role: ROLE, SshPublicKeyBody: key.publicKey }),
    ).toMatchObject({
      exception: 'ServiceUnavailableException',
      message: expect.stringContaining('changes nothing until it is updated'),
    });
    const rows = await site.place.query(`select 1 from records where key = 'carl'`, site.stateUrl);
    expect(rows).toEqual([]);

    await node.process.stop();
    const refused = await node.startRefused();
    expect(refused.code).not.toBe(0);
    expect(refused.stdout + refused.stderr).toContain(`the schema of the state has version ${LAST + 2}`);
  });
});
