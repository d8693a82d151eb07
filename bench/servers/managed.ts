import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openState } from '../../src/state/open-state.ts';
import { LATTICEPORT, type UserKey, type UserRecord } from '../../src/state/records.ts';
import { loadSecretBox, makeSecretKeyFile } from '../../src/state/secret-keys.ts';
import type { Draft } from '../../src/state/state-store.ts';
import type { Identity } from '../../test/interop/identity.ts';
import { startLatticeport } from '../../test/interop/server-harness.ts';
import { freePort } from '../../test/peers/process.ts';
import { treeResidentBytes } from '../../test/peers/process-tree.ts';
import { pinned } from '../measure/cores.ts';
import type { BenchServer, Place, RunningBenchServer } from './bench-server.ts';
import { latticeport, nodeArguments } from './latticeport.ts';

const SERVER_ID = 's-0000000000000bec0';
const KEYS_OF_A_USER = 5;
/** Users that are stored in one change. */
const BATCH = 1000;

/** So many users, `user-0` and on, in the state of a server that the management API would have made. */
export function latticeportManaged(users: number): BenchServer {
  const name = `${users.toLocaleString('en')} users`;
  return {
    ...{ name, version: latticeport.version, storesInS3: false },
    async start(place: Place): Promise<RunningBenchServer> {
      const [port, secretKeyFile] = [await freePort(), join(place.directory, 'secret.key')];
      const state = { type: 'sqlite', file: join(place.directory, 'state.db') } as const;
      makeSecretKeyFile(secretKeyFile);
      await fill(state, secretKeyFile, { port, users, identity: place.identity });
      const begun = performance.now();
      const server = await startLatticeport({
        directory: place.directory,
        identity: place.identity,
        storage: { type: 'local', root: place.files },
        node: pinned(place.cores, [process.execPath]),
        nodeArguments: nodeArguments(place),
        config: {
          log: { level: 'info', format: 'json' },
          management: {
            ...{ state, secretKeyFile, listen: { port: 0 }, servers: { host: '127.0.0.1' } },
            // A first login makes the user's home, which is to cost nothing.
            storages: { files: { type: 'memory' } },
            roles: [{ arn: 'arn:aws:iam::*:role/*', buckets: '*' }],
          },
        },
      });
      await server.logged(({ event }) => event === 'management.listening', { timeoutMs: 60_000 });
      return {
        ...{ port, user: 'user', users, pid: server.pid, remoteRoot: '/', processPerSession: false },
        atStart: { seconds: (performance.now() - begun) / 1000, residentBytes: treeResidentBytes(server.pid) },
        stop: async () => {
          await server.stop();
        },
      };
    },
  };
}

async function fill(
  settings: Parameters<typeof openState>[0],
  file: string,
  { port, users, identity }: { readonly port: number; readonly users: number; readonly identity: Identity },
): Promise<void> {
  const privateKey = await readFile(identity.hostKeys.ed25519.path, 'utf8');
  const state = await openState(settings, loadSecretBox({ type: 'file', file }));
  await state.change(LATTICEPORT, async (change) => {
    await change.putServer({
      ...{ serverId: SERVER_ID, createdAt: Date.now(), wanted: 'ONLINE', port, settings: {}, tags: [] },
    });
    await change.putHostKey({
      ...{ serverId: SERVER_ID, hostKeyId: 'hostkey-00000000000000001', importedAt: Date.now(), description: null },
      ...{ type: 'ssh-ed25519', fingerprint: '', privateKey, tags: [] },
    });
  });
  for (let begun = 0; begun < users; begun += BATCH) {
    await state.change(LATTICEPORT, async (change) => {
      for (let number = begun; number < Math.min(begun + BATCH, users); number += 1) {
        await change.putUser(userRecord(number, identity.userKeys.ed25519.publicLine));
      }
    });
  }
  await state.close();
}

/** The key that logs in is the last of them. */
function userRecord(number: number, publicLine: string): Draft<UserRecord> {
  const key = (index: number): UserKey => ({
    keyId: `key-${index.toString(16).padStart(17, '0')}`,
    importedAt: Date.now(),
    body: index === KEYS_OF_A_USER - 1 ? publicLine : someKey(),
  });
  return {
    ...{ serverId: SERVER_ID, userName: `user-${number}`, createdAt: Date.now(), tags: [] },
    settings: { Role: 'arn:aws:iam::000000000000:role/sftp', HomeDirectory: `/files/user-${number}` },
    keys: Array.from({ length: KEYS_OF_A_USER }, (_, index) => key(index)),
  };
}

/** An Ed25519 public key that nobody has. */
function someKey(): string {
  const type = 'ssh-ed25519';
  const blob = Buffer.concat([Buffer.from([0, 0, 0, type.length]), Buffer.from(type), Buffer.from([0, 0, 0, 32])]);
  return `${type} ${Buffer.concat([blob, randomBytes(32)]).toString('base64')} somebody`;
}
