import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { treeResidentBytes } from '../../test/peers/process-tree.ts';
import { sftp } from '../clients/openssh.ts';
import { latticeport, latticeportWorkers, openssh10, ssh2NoDelay } from '../servers/servers.ts';
import type { Bench, Scenario } from './scenario.ts';
import { makeRandomFile } from './transfer.ts';

const MIB = 1024 * 1024;
const SAMPLE_EVERY_MS = 200;
const clientsOf = (bench: Bench): number => (bench.smoke ? 4 : 100);
const sizeOf = (bench: Bench): number => (bench.smoke ? MIB : 8 * MIB);

/** Many at once: whether each gets its share, and what memory it takes. */
export const crowd: Scenario = {
  name: 'crowd',
  title: 'A hundred transfers at once',
  method:
    "A hundred of OpenSSH's sftp at once, 8 MiB each. Fairness: the time of the slowest over that of the fastest, logins " +
    'included. Memory: the most that the server had resident, less what it had before.',
  metrics: [
    { name: 'throughput', unit: 'MiB/s', better: 'higher' },
    { name: 'slowest over fastest', unit: 'ratio', better: 'lower' },
    { name: 'memory', unit: 'MiB', better: 'lower' },
  ],
  cases: ['put', 'get'],
  servers: [latticeport, latticeportWorkers(2), openssh10, ssh2NoDelay],
  prepare: async (bench) => makeRandomFile(join(bench.directory, 'piece'), sizeOf(bench)),
  async measure(bench, server, oneCase) {
    const login = { port: server.port, user: server.user, key: bench.identity.userKeys['ed25519'].path };
    const before = treeResidentBytes(server.pid);
    let peak = before;
    const sampler = setInterval(() => {
      peak = Math.max(peak, treeResidentBytes(server.pid));
    }, SAMPLE_EVERY_MS);
    const begun = performance.now();
    try {
      const times = await Promise.all(
        Array.from({ length: clientsOf(bench) }, async (_, number) => {
          const remote = join(server.remoteRoot, `piece-${number}`);
          const local = join(bench.directory, `piece-${number}`);
          const put = `put ${join(bench.directory, 'piece')} ${remote}`;
          const { milliseconds } = await sftp({ ...login, cipher: 'aes128-gcm@openssh.com' }, [
            oneCase === 'put' ? put : `get ${remote} ${local}`,
          ]);
          await rm(local, { force: true });
          return milliseconds;
        }),
      );
      const seconds = (performance.now() - begun) / 1000;
      return {
        throughput: (clientsOf(bench) * sizeOf(bench)) / MIB / seconds,
        'slowest over fastest': Math.max(...times) / Math.min(...times),
        memory: (peak - before) / MIB,
      };
    } finally {
      clearInterval(sampler);
    }
  },
};
