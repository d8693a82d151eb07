// One very long file: memory is that of its parts on their way, however long it gets.
import { mustRun } from '../../peers/process.ts';
import { findSftp, sftpCommand } from '../../server/openssh-sftp.ts';
import { inMib, MemoryWatch, residentBytes } from '../../soak/process-watch.ts';
import type { Site } from './run.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const FILE_BYTES = Number(process.env['LATTICEPORT_SCALE_GIB'] ?? 20) * GIB;
/** As the soak test allows for 1 GiB. */
const BOUND_BYTES = 150 * MIB;
const TIMEOUT_MS = 3_600_000;

export async function longUpload({ double, identity, directory, start, sparseFile, report }: Site): Promise<void> {
  const client = findSftp();
  if (client === null) throw new Error('no OpenSSH client');
  const server = await start({});
  const put = async (source: string, name: string): Promise<number> => {
    const command = sftpCommand(client, { port: server.port, identity, directory });
    return (await mustRun(command, { input: `put ${source} ${name}\n`, timeoutMs: TIMEOUT_MS })).milliseconds;
  };
  await put(await sparseFile(256 * MIB), 'warm-up');
  const before = await double.state();
  const idle = residentBytes(server.pid);
  const watch = new MemoryWatch(server.pid);
  const milliseconds = await put(await sparseFile(FILE_BYTES), 'long');
  const { sampled, peak } = watch.stop();
  const { bytes } = await double.state();
  const every = Math.max(1, Math.floor(watch.samples.length / 24));
  const shown = watch.samples.filter((_, index) => index % every === 0).map((sample) => Math.round(sample / MIB));
  report(
    `${FILE_BYTES / GIB} GiB`,
    `${(milliseconds / 1000).toFixed(0)} s, ${inMib((FILE_BYTES / milliseconds) * 1000)}/s; RSS: idle ${inMib(idle)}, ` +
      `sampled +${inMib(sampled - idle)}, peak +${inMib(peak - idle)} [${shown.join(' ')}]`,
    [
      ...(bytes - before.bytes >= FILE_BYTES ? [] : [`the store received only ${inMib(bytes - before.bytes)}`]),
      ...(sampled - idle > BOUND_BYTES ? [`memory rose by more than ${inMib(BOUND_BYTES)}`] : []),
    ],
  );
}
