import { describe, test } from '@jest/globals';
import { S3Store } from '../../src/storage/s3/s3-store.ts';
import { servers, TestBucket } from '../storage/s3/s3-server.ts';
import { describeBehaviour } from './behaviour-suite.ts';

for (const { name, endpoint, missing } of servers) {
  if (endpoint === undefined) {
    describe(`an SFTP client over ${name}`, () => {
      test.skip(missing ?? '', () => undefined);
    });
    continue;
  }
  describeBehaviour(name, async () => {
    const bucket = await TestBucket.create(endpoint);
    const store = await S3Store.open(bucket.options({ partBytes: 5 * 1024 * 1024 }));
    return {
      store,
      cleanup: async () => {
        await store.close();
        await bucket.destroy();
      },
    };
  });
}
