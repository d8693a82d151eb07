// A process that does one large thing with a store, and then says how far its memory grew meanwhile.
import { S3Store } from '../../../src/storage/s3/s3-store.ts';
import type { S3StoreOptions } from '../../../src/storage/s3/s3-options.ts';
import { storePath } from '../store-path.ts';

export type ScaleJob =
  | { readonly kind: 'upload'; readonly bytes: number }
  | { readonly kind: 'uploads'; readonly count: number; readonly bytes: number }
  | { readonly kind: 'download'; readonly bytes: number }
  | { readonly kind: 'list'; readonly path: string };

export interface ScaleReport {
  /** Bytes of resident memory above those before. */
  readonly growth: number;
  readonly seconds: number;
  /** Entries listed, bytes read or written. */
  readonly amount: number;
  /** Seconds until the first entry. */
  readonly first: number;
}

const WRITE = 256 * 1024;
const chunk = Buffer.alloc(WRITE);
const OPTIONS = { create: true, exclusive: false, truncate: true, append: false, read: false, attributes: {} };

const [options, job] = JSON.parse(process.argv[2] ?? '') as [S3StoreOptions, ScaleJob];
const store = await S3Store.open(options);

async function upload(path: string, bytes: number): Promise<void> {
  const handle = await store.openWrite(storePath(path), OPTIONS);
  for (let at = 0; at < bytes; at += WRITE) await handle.write(at, [chunk]);
  await handle.close();
}

async function download(path: string, bytes: number): Promise<number> {
  const handle = await store.openRead(storePath(path));
  let next = 0;
  let amount = 0;
  const reader = async (): Promise<void> => {
    for (let at = next; at < bytes; at = next) {
      next += 261_120;
      const got = await handle.read(at, 261_120);
      amount += got.length;
    }
  };
  await Promise.all(Array.from({ length: 8 }, reader));
  await handle.close();
  return amount;
}

async function list(path: string, began: number, most = Infinity): Promise<{ amount: number; first: number }> {
  let amount = 0;
  let first = 0;
  for await (const page of store.list(storePath(path))) {
    if (amount === 0) first = (performance.now() - began) / 1000;
    amount += page.length;
    if (amount >= most) break;
  }
  return { amount, first };
}

// Code, connections and caches come first: they are not what grows with the work.
await upload('warm', 20 * 1024 ** 2);
await download('warm', 20 * 1024 ** 2);
if (job.kind === 'list') await list(job.path, 0, 5000);
globalThis.gc?.();

const before = process.memoryUsage.rss();
let peak = before;
// What is garbage already is not what the work needs; how much of it Node leaves lying grows with the machine's speed.
const sampler = setInterval(() => {
  globalThis.gc?.();
  peak = Math.max(peak, process.memoryUsage.rss());
}, 50);
const began = performance.now();
let amount = 0;
let first = 0;
switch (job.kind) {
  case 'upload':
    await upload('large', job.bytes);
    amount = job.bytes;
    break;
  case 'uploads':
    await Promise.all(Array.from({ length: job.count }, async (_, index) => upload(`f${index}`, job.bytes)));
    amount = job.count * job.bytes;
    break;
  case 'download':
    amount = await download('large', job.bytes);
    break;
  case 'list':
    ({ amount, first } = await list(job.path, began));
    break;
}
clearInterval(sampler);
const report: ScaleReport = { growth: peak - before, seconds: (performance.now() - began) / 1000, amount, first };
process.stdout.write(JSON.stringify(report));
await store.close();
