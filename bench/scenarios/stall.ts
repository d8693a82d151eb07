import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { mustRun } from '../../test/peers/process.ts';
import type { LoadJob } from '../clients/load-job.ts';
import { sftp } from '../clients/openssh.ts';
import type { EventLoopDelay } from '../measure/event-loop-delay.ts';
import type { RunningBenchServer } from '../servers/bench-server.ts';
import { latticeport } from '../servers/servers.ts';
import type { Bench, Scenario } from './scenario.ts';
import { makeRandomFile } from './transfer.ts';

const MIB = 1024 * 1024;
const PROBE = resolve(import.meta.dirname, '../measure/event-loop-delay.ts');
const LOGINS = resolve(import.meta.dirname, '../clients/session-load.ts');
const CASES = ['big files', 'small files', 'logins', 'all at once'] as const;

const largeFile = (bench: Bench): string => join(bench.directory, 'stall-large');
const smallFiles = (bench: Bench): string => join(bench.directory, 'stall-small');
const delayFile = (bench: Bench): string => join(bench.directory, 'event-loop-delay');

/** How long the one thread that serves everybody is away from its event loop. */
export const stall: Scenario = {
  name: 'stall',
  title: 'Delay of the event loop under load',
  method:
    'By how much a timer of one millisecond is late in the server: two puts and gets of a large file at once, a put and get of ' +
    'a thousand files of 4 KiB, logins eight at a time for three seconds, and all of it at once. Files in RAM.',
  metrics: [
    { name: 'median', unit: 'ms', better: 'lower' },
    { name: '99 %', unit: 'ms', better: 'lower' },
    { name: '99.9 %', unit: 'ms', better: 'lower' },
    { name: 'longest', unit: 'ms', better: 'lower' },
  ],
  cases: CASES,
  rotates: true,
  servers: [latticeport],
  place: (bench) => {
    const probe = pathToFileURL(PROBE);
    probe.searchParams.set('out', delayFile(bench));
    return Promise.resolve({ nodeArguments: ['--import', probe.href] });
  },
  prepare: async (bench) => {
    await makeRandomFile(largeFile(bench), (bench.smoke ? 8 : 512) * MIB);
    mkdirSync(smallFiles(bench));
    for (let i = 0; i < (bench.smoke ? 20 : 1000); i += 1) {
      writeFileSync(join(smallFiles(bench), `file-${i}`), randomBytes(4096));
    }
  },
  async measure(bench, server, oneCase) {
    const all = oneCase === 'all at once';
    const loads: (() => Promise<unknown>)[] = [];
    if (all || oneCase === 'big files') for (const number of [1, 2]) loads.push(() => large(bench, server, number));
    if (all || oneCase === 'small files') loads.push(() => small(bench, server));
    if (all || oneCase === 'logins') loads.push(() => logins(bench, server));
    await readDelay(bench, server);
    await Promise.all(loads.map((load) => load()));
    const { p50, p99, p999, max } = await readDelay(bench, server);
    return { median: p50, '99 %': p99, '99.9 %': p999, longest: max };
  },
};

function loginOf(bench: Bench, server: RunningBenchServer) {
  const key = bench.identity.userKeys['ed25519'].path;
  return { port: server.port, user: server.user, key, cipher: 'aes128-gcm@openssh.com' };
}

async function large(bench: Bench, server: RunningBenchServer, number: number): Promise<void> {
  const remote = join(server.remoteRoot, `stall-large-${number}`);
  const down = `${largeFile(bench)}-down-${number}`;
  await sftp(loginOf(bench, server), [`put ${largeFile(bench)} ${remote}`, `get ${remote} ${down}`, `rm ${remote}`]);
  await rm(down);
}

async function small(bench: Bench, server: RunningBenchServer): Promise<void> {
  const remote = join(server.remoteRoot, 'stall-small');
  const down = `${smallFiles(bench)}-down`;
  await sftp(loginOf(bench, server), [
    ...[`mkdir ${remote}`, `put ${smallFiles(bench)}/* ${remote}`],
    ...[`lmkdir ${down}`, `get ${remote}/* ${down}`, `rm ${remote}/*`, `rmdir ${remote}`],
  ]);
  await rm(down, { recursive: true });
}

async function logins(bench: Bench, { port, user }: RunningBenchServer): Promise<void> {
  const job: LoadJob = {
    ...{ port, user, key: bench.identity.userKeys['ed25519'].path, signature: 'ssh-ed25519', hostKey: 'ssh-ed25519' },
    ...{ kex: 'mlkem768x25519-sha256', concurrency: 8 },
    load: { warmUpSeconds: 0, seconds: bench.smoke ? 0.3 : 3 },
  };
  await mustRun([process.execPath, LOGINS, JSON.stringify(job)], { timeoutMs: 120_000 });
}

/** What the server has counted since the last time. */
async function readDelay(bench: Bench, server: RunningBenchServer): Promise<EventLoopDelay> {
  const file = delayFile(bench);
  await rm(file, { force: true });
  process.kill(server.pid, 'SIGUSR2');
  const deadline = performance.now() + 10_000;
  for (;;) {
    const text = await readFile(file, 'utf8').catch(() => null);
    if (text !== null) return JSON.parse(text) as EventLoopDelay;
    if (performance.now() > deadline) throw new Error('the server does not tell its delay');
    await sleep(10);
  }
}
