import { describe, jest, test } from '@jest/globals';
import { S3Store } from '../../../src/storage/s3/s3-store.ts';
import { describeStoreContract } from '../contract/store-contract.ts';
import type { OpenedStore, StoreTraits } from '../contract/store-contract.ts';
import { servers, TestBucket } from './s3-server.ts';

const PART = 5 * 1024 ** 2;

// moto looks at every key of a bucket for each listing, and whatever changes a name asks for claims.
jest.setTimeout(300_000);

const traits: StoreTraits = {
  implicitParents: false,
  ownership: true,
  exactListing: true,
  boundaries: [PART],
  writeFaults: false,
  writesInPlace: false,
};

for (const { name, endpoint, missing } of servers) {
  if (endpoint === undefined) {
    describe(`s3 on ${name}`, () => {
      test.skip(`the store contract: ${missing ?? ''}`, () => undefined);
    });
    continue;
  }
  describeStoreContract(`s3 on ${name}`, traits, async ({ partialUploads }): Promise<OpenedStore> => {
    const bucket = await TestBucket.create(endpoint);
    const store = await S3Store.open(bucket.options({ prefix: 'home', partBytes: PART, partialUploads }));
    return {
      store,
      cleanup: async () => {
        await store.close();
        await bucket.destroy();
      },
      leftovers: async () => {
        const { uploadBytes, uploadsWaiting, spoolFiles, openWrites, readBytes, openReads } = store.usage();
        const uploads = (await bucket.uploads()).map(({ key }) => `multipart upload of ${key}`);
        const counts = Object.entries({ uploadBytes, uploadsWaiting, spoolFiles, openWrites, readBytes, openReads });
        return [...uploads, ...counts.filter(([, count]) => count > 0).map(([what, count]) => `${what}: ${count}`)];
      },
    };
  });
}
