import { makeIdentity } from '../../interop/identity.ts';
import { startLatticeport } from '../../interop/server-harness.ts';
import { DoubleProcess } from './double-process.ts';
import { runProgram } from '../../peers/process.ts';
import { findSftp, sftpCommand } from '../../server/openssh-sftp.ts';
import { residentBytes, inMib } from '../../soak/process-watch.ts';
import { mkdtempSync, mkdirSync, readFileSync } from 'node:fs';
const directory = mkdtempSync('/dev/shm/zz-');
const identity = await makeIdentity(directory + '/id');
const double = await DoubleProcess.start();
const server = await startLatticeport({
  directory,
  identity,
  storage: double.storage({ spoolDirectory: directory + '/spool' }),
  nodeArguments: process.argv.slice(2),
  config: {
    limits: { connectionsPerSecondPerSource: 0, unauthenticatedConnections: 300 },
    log: { level: 'info', format: 'json' },
  },
});
const heap = () => {
  const s = readFileSync(`/proc/${server.pid}/smaps`, 'latin1').split('\n');
  let cur = '';
  const t: Record<string, number> = {};
  for (const l of s) {
    const m = /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+\s*(.*)$/.exec(l);
    if (m) cur = m[1] === '' ? 'anon' : m[1]!.startsWith('/') ? 'file' : m[1]!;
    const r = /^Rss:\s+(\d+)/.exec(l);
    if (r) t[cur] = (t[cur] ?? 0) + Number(r[1]);
  }
  return JSON.stringify(Object.fromEntries(Object.entries(t).map(([k, v]) => [k, Math.round(v / 1024)])));
};
const one = async (i: number, batch: string) => {
  const own = `${directory}/c${i}`;
  mkdirSync(own, { recursive: true });
  return runProgram(sftpCommand(findSftp()!, { port: server.port, identity, directory: own }), {
    input: batch,
    timeoutMs: 100000,
  });
};
try {
  for (let i = 0; i < 5; i++) await one(i, 'ls\n');
  console.log('warm', inMib(residentBytes(server.pid)), heap());
  const all: Promise<unknown>[] = [];
  for (let i = 0; i < 200; i += 1) {
    all.push(one(i, 'pwd\n!sleep 45\nls\n'));
    await new Promise((r) => setTimeout(r, 60));
  }
  await new Promise((r) => setTimeout(r, 12000));
  console.log(
    '200 idle',
    inMib(residentBytes(server.pid)),
    heap(),
    server.process.lines.filter((l) => l.includes('auth.success')).length,
  );
  await Promise.all(all);
  console.log('after', inMib(residentBytes(server.pid)), heap());
} finally {
  await server.stop();
  await double.stop();
}
