import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { S3Store } from '../../../src/storage/s3/s3-store.ts';
import { radosgw } from '../../peers/s3-endpoints.ts';
import { randomRuns, timeoutFor } from '../../random-runs.ts';
import { TestBucket } from '../s3/s3-server.ts';
import { expectAgreement, type ModelledStore } from './agreement.ts';

/** Sequences, in all lanes together. */
const RUNS = randomRuns(500);
/** A sequence waits for the store most of its time, so several are played at once, each lane in a bucket of its own. */
const LANES = 4;
const PART = 5 * 1024 ** 2;

const { endpoint } = radosgw;

interface Lane {
  readonly bucket: TestBucket;
  readonly stores: Record<'store' | 'discard', S3Store>;
}

async function openLane(at: string): Promise<Lane> {
  const bucket = await TestBucket.create(at);
  const open = async (partialUploads: 'store' | 'discard'): Promise<S3Store> => {
    const spool = { directory: join(bucket.spoolDirectory, partialUploads), maxBytes: 512 * 1024 ** 2 };
    return S3Store.open(bucket.options({ prefix: 'home', partBytes: PART, partialUploads, spool }));
  };
  return { bucket, stores: { store: await open('store'), discard: await open('discard') } };
}

function subjectOf({ bucket, stores }: Lane): ModelledStore {
  return {
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
}

if (endpoint === undefined) {
  test.skip(`s3 agrees with the model: ${radosgw.missing ?? ''}`, () => undefined);
} else {
  let lanes: Lane[];

  beforeAll(async () => {
    lanes = await Promise.all(Array.from({ length: LANES }, () => openLane(endpoint)));
  });

  afterAll(async () => {
    for (const { bucket, stores } of lanes) {
      await stores.store.close();
      await stores.discard.close();
      await bucket.destroy();
    }
  });

  test(
    `s3 agrees with the model in ${RUNS} random sequences of up to three clients`,
    async () => {
      const runs = Math.ceil(RUNS / LANES);
      const pending = lanes.map((lane) => expectAgreement(subjectOf(lane), { runs }));
      // One that fails does not end before the others: their buckets are removed then.
      await Promise.allSettled(pending);
      for (const played of await Promise.all(pending)) expect(played).toBeGreaterThanOrEqual(runs);
    },
    timeoutFor(RUNS),
  );
}
