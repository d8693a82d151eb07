import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ServerProcess } from '../../test/peers/process.ts';
import { sftp } from '../clients/openssh.ts';
import { latticeport, openssh10, rclone, ssh2NoDelay } from '../servers/servers.ts';
import type { Bench, Scenario } from './scenario.ts';
import { makeRandomFile } from './transfer.ts';

const MIB = 1024 * 1024;
const PROXY = resolve(import.meta.dirname, '../clients/delay-proxy.ts');
const sizeOf = (bench: Bench): number => (bench.smoke ? 2 * MIB : 256 * MIB);

/** Far clients: what windows and requests in flight decide. */
export const roundTrip: Scenario = {
  name: 'round-trip',
  title: '256 MiB over a long way',
  method:
    "OpenSSH's sftp through a proxy that delays each direction by half of the round trip and limits nothing else; time of the " +
    'whole command, login included.',
  metrics: [{ name: 'throughput', unit: 'MiB/s', better: 'higher' }],
  cases: ['put 50 ms', 'get 50 ms', 'put 200 ms', 'get 200 ms'],
  servers: [latticeport, openssh10, ssh2NoDelay, rclone],
  prepare: async (bench) => makeRandomFile(join(bench.directory, 'middle'), sizeOf(bench)),
  async measure(bench, server, oneCase) {
    const [direction, delay = '0'] = oneCase.split(' ');
    const proxy = new ServerProcess([process.execPath, PROXY, String(server.port), delay]);
    try {
      const port = Number(await proxy.line((line) => /^\d+$/.test(line)));
      const login = { port, user: server.user, key: bench.identity.userKeys['ed25519'].path };
      const source = join(bench.directory, 'middle');
      const down = join(bench.directory, 'middle-down');
      const remote = join(server.remoteRoot, 'middle');
      const batch = direction === 'put' ? [`put ${source} ${remote}`] : [`get ${remote} ${down}`];
      const { milliseconds } = await sftp({ ...login, cipher: 'aes128-gcm@openssh.com' }, batch, 300_000);
      await rm(down, { force: true });
      return { throughput: sizeOf(bench) / MIB / (milliseconds / 1000) };
    } finally {
      await proxy.stop('SIGKILL');
    }
  },
};
