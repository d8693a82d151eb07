// Two hundred uploads at once with memory for a few of them: all of them succeed, and memory stays within the budget.
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from '../../peers/process.ts';
import { findSftp, sftpCommand } from '../../server/openssh-sftp.ts';
import { inMib, MemoryWatch, residentBytes } from '../../soak/process-watch.ts';
import type { Site } from './run.ts';

const MIB = 1024 * 1024;
const UPLOADS = Number(process.env['LATTICEPORT_SCALE_UPLOADS'] ?? 200);
const FILE_BYTES = 16 * MIB;
const BUDGET_BYTES = 64 * MIB;
const SLACK_BYTES = 64 * MIB;
const TIMEOUT_MS = 600_000;
/** Logins on their way at a time. */
const LOGINS = 16;
const WARM_UP_UPLOADS = 16;

export async function manyUploads({ double, identity, directory, start, sparseFile, report }: Site): Promise<void> {
  const client = findSftp();
  if (client === null) throw new Error('no OpenSSH client');
  const server = await start(
    { uploadBudgetBytes: BUDGET_BYTES },
    { unauthenticatedConnections: UPLOADS + LOGINS, connections: 2 * UPLOADS, connectionsPerUser: 2 * UPLOADS },
  );
  const source = await sparseFile(FILE_BYTES);
  const put = async (file: string, name: string): Promise<number> => {
    const own = join(directory, randomBytes(6).toString('hex'));
    await mkdir(own);
    const command = sftpCommand(client, { port: server.port, identity, directory: own });
    return (await runProgram(command, { input: `put ${file} ${name}\n`, timeoutMs: TIMEOUT_MS })).code ?? -1;
  };
  await put(await sparseFile(64 * 1024), 'first');
  const cold = residentBytes(server.pid);
  // As of a server in use: code is compiled, and V8 frees buffers that nobody holds any more only when it has to.
  await Promise.all(Array.from({ length: WARM_UP_UPLOADS }, async (_, i) => put(source, `warm-up-${i}`)));
  const before = await double.state();
  const idle = residentBytes(server.pid);

  let opens = 0;
  let read = 0;
  const opened = (): number => {
    const { lines } = server.process;
    for (; read < lines.length; read += 1) if (lines[read]?.includes('"OPEN /upload-') === true) opens += 1;
    return opens;
  };
  // The store answers nothing until every client has its file open: all of them want memory at once.
  await double.hold();
  const watch = new MemoryWatch(server.pid);
  const begun = performance.now();
  const running: Promise<number>[] = [];
  const deadline = performance.now() + 240_000;
  while (running.length < UPLOADS) {
    running.push(put(source, `upload-${running.length}`));
    while (running.length - opened() >= LOGINS && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 20));
  }
  while (opened() < UPLOADS && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
  const together = opened();
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  const waiting = residentBytes(server.pid);
  await double.release();
  const failures = (await Promise.all(running)).filter((code) => code !== 0).length;
  const seconds = (performance.now() - begun) / 1000;
  const { peak } = watch.stop();
  const { bytes, uploads } = await double.state();
  const received = bytes - before.bytes;
  report(
    `${UPLOADS} at once of ${inMib(FILE_BYTES)}, a budget of ${inMib(BUDGET_BYTES)}`,
    `${together} open together, ${seconds.toFixed(0)} s, ${inMib(received / seconds)}/s; ` +
      `RSS: new ${inMib(cold)}, idle ${inMib(idle)}, while the store holds +${inMib(waiting - idle)}, peak +${inMib(peak - idle)}`,
    [
      ...(failures === 0 ? [] : [`${failures} failed`]),
      ...(together === UPLOADS ? [] : ['not all of them were open together']),
      ...(received >= UPLOADS * FILE_BYTES ? [] : [`the store received only ${inMib(received)}`]),
      ...(uploads === 0 ? [] : [`${uploads} multipart uploads are left`]),
      ...(peak - idle <= BUDGET_BYTES + SLACK_BYTES
        ? []
        : [`memory rose by more than ${inMib(BUDGET_BYTES + SLACK_BYTES)}`]),
    ],
  );
}
