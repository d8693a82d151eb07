// A directory of 100,000 files: the first of them comes after the store's first page, and memory does not grow.
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { SftpChannel, login } from '../../client/sftp-channel.ts';
import { SSH_FX, SSH_FXP } from '../../../src/sftp/protocol.ts';
import { SshReader } from '../../../src/wire/reader.ts';
import { inMib, MemoryWatch, residentBytes } from '../../soak/process-watch.ts';
import type { Site } from './run.ts';

const MIB = 1024 * 1024;
const ENTRIES = Number(process.env['LATTICEPORT_SCALE_ENTRIES'] ?? 100_000);
const GROWTH_BYTES = 32 * MIB;
const TRIALS = 7;
const ROUNDS = 3;
/** As of a store in the same region: a request of any kind, and a page of 1,000 keys. Milliseconds. */
const REQUEST_MS = 15;
const PAGE_MS = 80;

interface Round {
  readonly entries: number;
  readonly seconds: number;
  /** Resident bytes before, and how many more at most. */
  readonly idle: number;
  readonly growth: number;
}

export async function listing({ double, identity, start, report }: Site): Promise<void> {
  // The times that clients have set cost a request for each entry: here is what the listing itself costs.
  const server = await start({ listTimes: 'upload' });
  const client = await login(server.port, identity.user, identity.userKeys.ed25519);
  const sftp = await SftpChannel.open(client);
  const fresh = residentBytes(server.pid);
  // V8 lets garbage pile up to more than twice of what lives before it looks: the heap of a server that has listed a large
  // directory is as large as it gets. What kept more with every entry would show in a second listing just as well.
  await count(sftp, `/many-${ENTRIES}`);
  await double.delayBy(REQUEST_MS, PAGE_MS);
  const [own, first] = await medians(
    async () => firstPageOf(double.endpoint, `many-${ENTRIES}/`),
    async () => firstEntry(sftp, `/many-${ENTRIES}`),
  );
  report('the first entry', `${first.toFixed(0)} ms, the store's own first page ${own.toFixed(0)} ms`, [
    ...(first > 2 * own ? ['it takes more than twice as long'] : []),
  ]);

  await double.delayBy(0, 0);
  const rounds: Round[] = [];
  // What grows with the entries grows in each; when V8 gives memory back before one begins, it only looks so.
  while (rounds.length < ROUNDS && !rounds.some(({ growth }) => growth <= GROWTH_BYTES)) {
    const idle = residentBytes(server.pid);
    const watch = new MemoryWatch(server.pid);
    const begun = performance.now();
    const entries = await count(sftp, `/many-${ENTRIES}`);
    const seconds = (performance.now() - begun) / 1000;
    rounds.push({ entries, seconds, idle, growth: watch.stop().peak - idle });
  }
  client.end();
  const figures = rounds.map(
    ({ seconds, idle, growth }) => `${seconds.toFixed(1)} s, idle ${inMib(idle)}, peak +${inMib(growth)}`,
  );
  report(`${ENTRIES} entries`, `RSS: new ${inMib(fresh)}; ${figures.join('; ')}`, [
    ...(rounds.every(({ entries }) => entries === ENTRIES) ? [] : ['not all were listed']),
    ...(rounds.some(({ growth }) => growth <= GROWTH_BYTES) ? [] : [`memory rose by more than ${inMib(GROWTH_BYTES)}`]),
  ]);
}

/** Of two things that are measured in turn, so that what else the machine does falls on both. */
async function medians(one: () => Promise<number>, other: () => Promise<number>): Promise<[number, number]> {
  await one();
  await other();
  const [ones, others]: [number[], number[]] = [[], []];
  for (let i = 0; i < TRIALS; i += 1) {
    ones.push(await one());
    others.push(await other());
  }
  return [median(ones), median(others)];
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1] ?? Infinity;
}

let store: S3Client | undefined;

/** Milliseconds of one page, asked of the store by the SDK alone. */
async function firstPageOf(endpoint: string, prefix: string): Promise<number> {
  store ??= new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'double', secretAccessKey: 'double' },
  });
  const begun = performance.now();
  const { Contents = [] } = await store.send(
    new ListObjectsV2Command({ Bucket: 'double', Prefix: prefix, Delimiter: '/', EncodingType: 'url' }),
  );
  if (Contents.length === 0) throw new Error('the double lists nothing');
  return performance.now() - begun;
}

/** Milliseconds from the OPENDIR to the first name that is no `.` or `..`. */
async function firstEntry(sftp: SftpChannel, path: string): Promise<number> {
  const begun = performance.now();
  let milliseconds = 0;
  await walk(sftp, path, () => {
    milliseconds = performance.now() - begun;
    return false;
  });
  return milliseconds;
}

async function count(sftp: SftpChannel, path: string): Promise<number> {
  let entries = 0;
  await walk(sftp, path, () => {
    entries += 1;
    return true;
  });
  return entries;
}

/** Calls `onEntry` for each name until it answers false. */
async function walk(sftp: SftpChannel, path: string, onEntry: () => boolean): Promise<void> {
  const opened = await sftp.request(SSH_FXP.OPENDIR, (w) => w.string(path));
  if (opened.type !== SSH_FXP.HANDLE) throw new Error(`${path} cannot be listed: ${opened.body.toString('latin1')}`);
  const handle = Buffer.from(new SshReader(opened.body).string());
  for (let more = true; more;) {
    const { type, body } = await sftp.request(SSH_FXP.READDIR, (w) => w.string(handle));
    const reader = new SshReader(body);
    if (type !== SSH_FXP.NAME) {
      const status = reader.uint32();
      if (status !== SSH_FX.EOF) throw new Error(`READDIR ends with ${status}: ${reader.utf8()}`);
      break;
    }
    for (let left = reader.uint32(); left > 0 && more; left -= 1) {
      const name = reader.utf8();
      reader.utf8();
      // ATTRS with flags, size, ids, permissions and times, as this server sends them.
      for (let word = 0; word < 8; word += 1) reader.uint32();
      if (name !== '.' && name !== '..') more = onEntry();
    }
  }
  await sftp.close(handle);
}
