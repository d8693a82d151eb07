// A process that uploads one file to a store and says so on standard output; it is there to be killed.
import { S3Store } from '../../../src/storage/s3/s3-store.ts';
import type { S3StoreOptions } from '../../../src/storage/s3/s3-options.ts';
import { storePath } from '../store-path.ts';

interface Job {
  readonly options: S3StoreOptions;
  readonly path: string;
  /** Every byte of the file. */
  readonly fill: number;
  readonly size: number;
  /** Change a byte of the first part at the end. */
  readonly patch: boolean;
}

const job = JSON.parse(process.argv[2] ?? '') as Job;
const store = await S3Store.open(job.options);
const handle = await store.openWrite(storePath(job.path), {
  create: true,
  exclusive: false,
  truncate: true,
  append: false,
  read: false,
  attributes: {},
});
process.stdout.write('begun\n');
for (let at = 0; at < job.size; at += 256 * 1024) {
  await handle.write(at, [Buffer.alloc(Math.min(256 * 1024, job.size - at), job.fill)]);
}
if (job.patch) await handle.write(0, [Buffer.alloc(10, job.fill)]);
await handle.close();
process.stdout.write('confirmed\n');
await store.close();
