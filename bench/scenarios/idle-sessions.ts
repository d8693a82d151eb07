import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { treeResidentBytes } from '../../test/peers/process-tree.ts';
import type { LoadJob, LoadResult } from '../clients/load-job.ts';
import { asyncssh, latticeport, openssh10, ssh2NoDelay } from '../servers/servers.ts';
import type { Scenario } from './scenario.ts';

const CLIENT = resolve(import.meta.dirname, '../clients/session-load.ts');
const KIB = 1024;

/** Sessions that are logged in, have an SFTP channel, and do nothing. */
export const idleSessions: Scenario = {
  name: 'idle-sessions',
  title: 'Memory of an idle session',
  method:
    'Resident memory of the server with so many sessions open (each with its SFTP channel), less that before, over their ' +
    'number. For a server with a process for each session shared pages count for each of them.',
  metrics: [{ name: 'memory', unit: 'KiB/session', better: 'lower' }],
  cases: ['100 sessions', '2000 sessions'],
  servers: [latticeport, openssh10, ssh2NoDelay, asyncssh],
  place: () =>
    Promise.resolve({
      latticeport: { limits: { connectionsPerSecondPerSource: 0, connections: 10_000, connectionsPerUser: 10_000 } },
    }),
  async measure(bench, server, oneCase) {
    const wanted = Number(oneCase.split(' ', 1)[0]);
    const count = bench.smoke ? Math.min(wanted, 10) : wanted;
    // two thousand processes of sshd are no fair use of a small machine
    if (server.processPerSession && count > 100) return null;
    const job: LoadJob = {
      port: server.port,
      user: server.user,
      key: bench.identity.userKeys['ed25519'].path,
      signature: 'ssh-ed25519',
      hostKey: 'ssh-ed25519',
      kex: 'curve25519-sha256',
      concurrency: 8,
      load: { hold: count },
    };
    const before = treeResidentBytes(server.pid);
    const client = spawn(process.execPath, [CLIENT, JSON.stringify(job)], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(client, 'exit');
    try {
      const [line] = (await Promise.race([once(createInterface(client.stdout), 'line'), ended.then(() => [''])])) as [
        string,
      ];
      if (line === '' || !(JSON.parse(line) as LoadResult).supported)
        throw new Error('the sessions could not be opened');
      return { memory: (treeResidentBytes(server.pid) - before) / KIB / count };
    } finally {
      client.stdin.end();
      await ended;
    }
  },
};
