import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { KEX_ALGORITHMS } from '../../src/crypto/algorithms/algorithm-table.ts';
import { KEY_TYPES } from '../../src/crypto/keys/key-registry.ts';
import { generatePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { ServerProcess } from '../../test/peers/process.ts';
import { childrenGone, treeCpuSeconds } from '../../test/peers/process-tree.ts';
import type { LoadJob, LoadResult } from '../clients/load-job.ts';
import { pinned } from '../measure/cores.ts';
import type { RunningBenchServer } from '../servers/bench-server.ts';
import {
  asyncssh,
  latticeport,
  latticeportWorkers,
  openssh10,
  opensshMachine,
  ssh2NoDelay,
} from '../servers/servers.ts';
import type { Bench, Measurement, Scenario } from './scenario.ts';

const CLIENT = resolve(import.meta.dirname, '../clients/session-load.ts');
export const SERVER_CORE = '0';
export const CLIENT_CORE = '1';
/** The method that most clients end with. */
export const KEYS_KEX = 'mlkem768x25519-sha256';
/** A key of each type, with the strongest signature that it makes. */
const KEYS = KEY_TYPES.flatMap(({ keygen, signatures }) =>
  signatures.slice(0, 1).map(({ name }) => ({ generated: keygen.name, signature: name })),
);

export const LOGIN_METRICS = [
  { name: 'logins', unit: '1/s', better: 'higher' },
  { name: 'logins per core', unit: '1/s of CPU time', better: 'higher' },
] as const;

/** Connect, key exchange, public key, SFTP, close; server on one core, client on the other. */
export const logins: Scenario = {
  name: 'logins',
  title: 'Full logins a second on one core',
  method:
    'Connect, key exchange, public key authentication (Ed25519), SFTP version exchange, close; eight at a time, for two ' +
    'seconds after one that is not measured (six with a server that has just started). The server is ' +
    'bound to one core and the client to the other. "Per core" is the number of logins over the CPU time that the server used: ' +
    'what one core could do if the client were not in the way.',
  metrics: LOGIN_METRICS,
  cases: KEX_ALGORITHMS.map(({ name }) => name),
  rotates: true,
  servers: [latticeport, openssh10, opensshMachine, ssh2NoDelay, asyncssh],
  place: () => Promise.resolve({ cores: SERVER_CORE }),
  measure: async (bench, server, kex) =>
    measureLogins(server, { ...ed25519(bench), kex }, bench.smoke ? 0.3 : 2, CLIENT_CORE),
};

/** What a second worker brings where the sessions cost CPU time. */
export const workers: Scenario = {
  name: 'workers',
  title: 'Logins a second with one worker and with two',
  method: 'As above, without binding anybody to a core: on a machine of two cores the client takes its share of them.',
  metrics: LOGIN_METRICS,
  cases: ['mlkem768x25519-sha256', 'diffie-hellman-group16-sha512'],
  rotates: true,
  servers: [latticeportWorkers(1), latticeportWorkers(2)],
  measure: async (bench, server, kex) =>
    measureLogins(server, { ...ed25519(bench), kex }, bench.smoke ? 0.3 : 3, undefined),
};

/** What each key type costs a login: as the host key, and as the user's. */
export const loginKeys: Scenario = {
  name: 'login-keys',
  title: 'Full logins a second with each type of key',
  method:
    `As "logins", with ${KEYS_KEX}. "host": the server proves itself with that type, and the user logs in with Ed25519; ` +
    '"user": the other way round.',
  metrics: LOGIN_METRICS,
  cases: KEYS.flatMap(({ signature }) => [`host ${signature}`, `user ${signature}`]),
  rotates: true,
  servers: [latticeport],
  place: (bench) => {
    const publicKeys = KEYS.map(({ generated, signature }) => {
      const { privateKey, publicKey } = generatePrivateKey(generated);
      writeFileSync(keyFile(bench, signature), privateKey, { mode: 0o600 });
      return publicKey;
    });
    const hostKeys = KEYS.map(({ signature }) => keyFile(bench, signature));
    const users = [{ name: bench.identity.user, publicKeys, home: '/' }];
    return Promise.resolve({ cores: SERVER_CORE, latticeport: { hostKeys, users } });
  },
  measure: async (bench, server, oneCase) => {
    const [side, name] = oneCase.split(' ');
    const signature = KEYS.find((key) => key.signature === name)?.signature ?? 'ssh-ed25519';
    const [user, host] = side === 'user' ? [signature, 'ssh-ed25519' as const] : ['ssh-ed25519' as const, signature];
    const keys = { key: keyFile(bench, user), signature: user, hostKey: host, kex: KEYS_KEX };
    return measureLogins(server, keys, bench.smoke ? 0.3 : 2, CLIENT_CORE);
  },
};

function keyFile(bench: Bench, signature: string): string {
  return join(bench.directory, `login-key-${signature}`);
}

/** Ed25519 on both sides. */
export function ed25519(bench: Bench): Pick<LoadJob, 'key' | 'signature' | 'hostKey'> {
  return { key: bench.identity.userKeys['ed25519'].path, signature: 'ssh-ed25519', hostKey: 'ssh-ed25519' };
}

/** Servers whose code has run often enough to be compiled. */
const warmed = new WeakSet<RunningBenchServer>();

export async function measureLogins(
  server: RunningBenchServer,
  keys: Pick<LoadJob, 'key' | 'signature' | 'hostKey' | 'kex' | 'users'>,
  seconds: number,
  clientCores: string | undefined,
): Promise<Measurement | null> {
  const job: LoadJob = {
    port: server.port,
    user: server.user,
    ...keys,
    concurrency: 8,
    load: { warmUpSeconds: warmed.has(server) ? seconds / 2 : seconds * 3, seconds },
  };
  const client = new ServerProcess(pinned(clientCores, [process.execPath, CLIENT, JSON.stringify(job)]));
  try {
    const first = await client.line(() => true, { timeoutMs: 120_000 });
    if (first !== 'ready') return null;
    warmed.add(server);
    const before = treeCpuSeconds(server.pid);
    const result = JSON.parse(await client.line((line) => line.startsWith('{'), { timeoutMs: 120_000 })) as LoadResult;
    await childrenGone(server.pid);
    const cpuSeconds = treeCpuSeconds(server.pid) - before;
    return { logins: result.count / result.seconds, 'logins per core': result.count / cpuSeconds };
  } finally {
    await client.stop('SIGKILL');
  }
}
