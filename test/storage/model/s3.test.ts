import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { S3Store } from '../../../src/storage/s3/s3-store.ts';
import { TestBucket } from '../s3/s3-server.ts';
import { expectAgreement, type ModelledStore } from './agreement.ts';

/** As many sequences as the time allows, unless a number is given: each takes a hundred requests. */
const RUNS = Number(process.env['LATTICEPORT_MODEL_S3_RUNS'] ?? 2000);
const TIME_LIMIT_MS =
  process.env['LATTICEPORT_MODEL_S3_RUNS'] === undefined
    ? Number(process.env['LATTICEPORT_MODEL_S3_SECONDS'] ?? 75) * 1000
    : undefined;
const PART = 5 * 1024 ** 2;

const endpoint = process.env['S3_ENDPOINT'];

if (endpoint === undefined) {
  test.skip('s3 agrees with the model: radosgw is not installed', () => undefined);
} else {
  let bucket: TestBucket;
  let stores: Record<'store' | 'discard', S3Store>;

  beforeAll(async () => {
    bucket = await TestBucket.create(endpoint);
    const open = async (partialUploads: 'store' | 'discard'): Promise<S3Store> => {
      const spool = { directory: join(bucket.spoolDirectory, partialUploads), maxBytes: 512 * 1024 ** 2 };
      return S3Store.open(bucket.options({ prefix: 'home', partBytes: PART, partialUploads, spool }));
    };
    stores = { store: await open('store'), discard: await open('discard') };
  });

  afterAll(async () => {
    await stores.store.close();
    await stores.discard.close();
    await bucket.destroy();
  });

  test(`s3 agrees with the model in random sequences of up to three clients`, async () => {
    const subject: ModelledStore = {
      stores,
      losesOldVersions: true,
      leftovers: async () => {
        const left: string[] = (await bucket.uploads()).map(({ key }) => `multipart upload of ${key}`);
        for (const store of Object.values(stores)) {
          for (const [what, count] of Object.entries(store.usage())) if (count > 0) left.push(`${what}: ${count}`);
        }
        return left;
      },
    };
    const runs = await expectAgreement(subject, {
      runs: RUNS,
      ...(TIME_LIMIT_MS === undefined ? {} : { timeLimit: TIME_LIMIT_MS }),
    });
    console.log(`s3: ${runs} sequences`);
    expect(runs).toBeGreaterThanOrEqual(TIME_LIMIT_MS === undefined ? RUNS : 1);
  }, 3_600_000);
}
