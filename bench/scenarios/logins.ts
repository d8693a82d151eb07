import { resolve } from 'node:path';
import { KEX_ALGORITHMS } from '../../src/crypto/algorithms/algorithm-table.ts';
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
const SERVER_CORE = '0';
const CLIENT_CORE = '1';

const METRICS = [
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
  metrics: METRICS,
  cases: KEX_ALGORITHMS.map(({ name }) => name),
  rotates: true,
  servers: [latticeport, openssh10, opensshMachine, ssh2NoDelay, asyncssh],
  place: () => Promise.resolve({ cores: SERVER_CORE }),
  measure: async (bench, server, oneCase) => measureLogins(bench, server, oneCase, bench.smoke ? 0.3 : 2, CLIENT_CORE),
};

/** What a second worker brings where the sessions cost CPU time. */
export const workers: Scenario = {
  name: 'workers',
  title: 'Logins a second with one worker and with two',
  method: 'As above, without binding anybody to a core: on a machine of two cores the client takes its share of them.',
  metrics: METRICS,
  cases: ['mlkem768x25519-sha256', 'diffie-hellman-group16-sha512'],
  rotates: true,
  servers: [latticeportWorkers(1), latticeportWorkers(2)],
  measure: async (bench, server, oneCase) => measureLogins(bench, server, oneCase, bench.smoke ? 0.3 : 3, undefined),
};

/** Servers whose code has run often enough to be compiled. */
const warmed = new WeakSet<RunningBenchServer>();

async function measureLogins(
  bench: Bench,
  server: RunningBenchServer,
  kex: string,
  seconds: number,
  clientCores: string | undefined,
): Promise<Measurement | null> {
  const job: LoadJob = {
    port: server.port,
    user: server.user,
    key: bench.identity.userKeys['ed25519'].path,
    kex,
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
