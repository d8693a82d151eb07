import { writeFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findPeer } from '../../test/peers/peers.ts';
import { mustRun } from '../../test/peers/process.ts';
import { childrenGone, treeCpuSeconds } from '../../test/peers/process-tree.ts';
import { client, loginOptions, sftp } from '../clients/openssh.ts';
import { latticeport, latticeportWorkers, openssh10, ssh2NoDelay } from '../servers/servers.ts';
import type { Scenario } from './scenario.ts';
import { checkOnce, cipherOf, CIPHERS, makeRandomFile, sizeOf, sourceOf } from './transfer.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** One file over four connections at once. */
export const segmented: Scenario = {
  name: 'segmented',
  title: 'One large file over four connections',
  method: "lftp's pget -n 4 over OpenSSH's ssh, 1 GiB, files in RAM; time of the whole command.",
  metrics: [
    { name: 'throughput', unit: 'MiB/s', better: 'higher' },
    { name: 'server CPU', unit: 's/GiB', better: 'lower' },
  ],
  cases: CIPHERS.map(({ name }) => `pget -n 4 ${name}`),
  servers: [latticeport, latticeportWorkers(2), openssh10, ssh2NoDelay],
  prepare: async (bench) => makeRandomFile(sourceOf(bench), sizeOf(bench)),
  async measure(bench, server, oneCase) {
    const lftp = findPeer('lftp');
    const ssh = client?.program('ssh') ?? null;
    if (lftp === null || ssh === null) return null;
    const key = bench.identity.userKeys['ed25519'].path;
    const login = { port: server.port, user: server.user, key, ...cipherOf(oneCase) };
    const remote = join(server.remoteRoot, 'segmented');
    await sftp(login, [`put ${sourceOf(bench)} ${remote}`]);
    const down = join(bench.directory, 'segmented-down');
    const script = join(bench.directory, 'lftp-script');
    const connect = ['-a', '-x', ...loginOptions(login)].join(' ');
    await writeFile(
      script,
      [
        'set cmd:fail-exit yes',
        `set sftp:connect-program "${ssh.join(' ')} ${connect}"`,
        `open -u ${login.user},none -p ${login.port} sftp://127.0.0.1`,
        `pget -n 4 ${remote} -o ${down}`,
        'bye\n',
      ].join('\n'),
    );
    const before = treeCpuSeconds(server.pid);
    const { milliseconds } = await mustRun([...lftp.command, '-f', script], {
      env: { HOME: bench.directory },
      timeoutMs: 120_000,
    });
    await childrenGone(server.pid);
    const cpuSeconds = treeCpuSeconds(server.pid) - before;
    await checkOnce(bench, server, oneCase, down);
    await rm(down);
    const bytes = sizeOf(bench);
    return { throughput: bytes / MIB / (milliseconds / 1000), 'server CPU': cpuSeconds / (bytes / GIB) };
  },
};
