import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { sftp } from '../clients/openssh.ts';
import { childrenGone, treeCpuSeconds } from '../../test/peers/process-tree.ts';
import { localServers } from '../servers/servers.ts';
import type { Bench, Scenario } from './scenario.ts';

const KIB = 1024;
const filesOf = (bench: Bench): number => (bench.smoke ? 20 : 2000);
const entriesOf = (bench: Bench): number => (bench.smoke ? 100 : 10_000);

/** Many small files: what the cost of a request, not of a byte, decides. */
export const smallFiles: Scenario = {
  name: 'small-files',
  title: 'Two thousand files of 4 KiB, and a directory of ten thousand',
  method: "One session of OpenSSH's sftp each; time of the whole command, login included.",
  metrics: [
    { name: 'time', unit: 's', better: 'lower' },
    { name: 'server CPU', unit: 's', better: 'lower' },
  ],
  cases: ['put 2000 × 4 KiB', 'get 2000 × 4 KiB', 'rm 2000', 'ls -l of 10000'],
  servers: localServers,
  prepare: (bench) => {
    const folder = join(bench.directory, 'small');
    mkdirSync(folder);
    for (let i = 0; i < filesOf(bench); i += 1) writeFileSync(join(folder, `file-${i}`), randomBytes(4 * KIB));
    return Promise.resolve();
  },
  populate(bench) {
    makeEntries(join(bench.files, 'many'), entriesOf(bench));
  },
  async measure(bench, server, oneCase) {
    const remote = (name: string): string => join(server.remoteRoot, name);
    const down = join(bench.directory, 'small-down');
    const batch = {
      put: [`mkdir ${remote('small')}`, `put ${join(bench.directory, 'small')}/* ${remote('small')}`],
      get: [`lmkdir ${down}`, `get ${remote('small')}/* ${down}`],
      rm: [`rm ${remote('small')}/*`, `rmdir ${remote('small')}`],
      ls: [`ls -l ${remote('many')}`],
    }[oneCase.split(' ', 1)[0] ?? ''];
    if (batch === undefined) throw new Error(`no such case: ${oneCase}`);
    const before = treeCpuSeconds(server.pid);
    const login = { port: server.port, user: server.user, key: bench.identity.userKeys['ed25519'].path };
    const { milliseconds, stdout } = await sftp({ ...login, cipher: 'aes128-gcm@openssh.com' }, batch);
    await childrenGone(server.pid);
    const cpuSeconds = treeCpuSeconds(server.pid) - before;
    if (oneCase.startsWith('get')) {
      const count = readdirSync(down).length;
      await rm(down, { recursive: true });
      if (count !== filesOf(bench)) throw new Error(`${count} files came back`);
    }
    if (oneCase.startsWith('ls') && stdout.split('\n').length < entriesOf(bench))
      throw new Error('the listing is short');
    return { time: milliseconds / 1000, 'server CPU': cpuSeconds };
  },
};

function makeEntries(folder: string, count: number): void {
  mkdirSync(folder);
  for (let i = 0; i < count; i += 1) writeFileSync(join(folder, `entry-${i}`), '');
}
