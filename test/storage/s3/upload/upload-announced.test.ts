// An upload that has parts and whose id stands in no journal is another program's: ours must stand there first.
import { describe, expect, test } from '@jest/globals';
import { S3Store } from '../../../../src/storage/s3/s3-store.ts';
import { pattern, writeOptions } from '../../contract/store-driver.ts';
import { FaultProxy } from '../../fault-proxy/fault-proxy.ts';
import { servers, TestBucket } from '../s3-server.ts';
import { storePath } from '../../store-path.ts';

const PART = 5 * 1024 ** 2;
const endpoint = servers.find(({ name }) => name === 'radosgw')?.endpoint;

(endpoint === undefined ? describe.skip : describe)('the first part of an upload', () => {
  test('waits until the journal has its id, however often that is tried', async () => {
    const bucket = await TestBucket.create(endpoint ?? '');
    const proxy = await FaultProxy.start(endpoint ?? '');
    const retry = { baseDelayMs: 100, maxDelayMs: 200 };
    const store = await S3Store.open(bucket.options({ endpoint: proxy.endpoint, partBytes: PART, retry }));
    try {
      const seen: string[] = [];
      proxy.decide = ({ operation, url }) => {
        // Claims on names, and what the store can do about them, are asked for at the same time.
        if (!/UploadPart|CreateMultipartUpload/.test(operation) && !url.includes('/.latticeport/uploads/'))
          return undefined;
        const refused = operation === 'PutObject' && seen.at(-1) === 'CreateMultipartUpload';
        seen.push(operation);
        return refused ? { kind: 'reset-before' } : undefined;
      };
      const handle = await store.openWrite(storePath('f'), writeOptions());
      await handle.write(0, [pattern(2 * PART)]);
      await handle.close();
      const began = seen.indexOf('CreateMultipartUpload');
      expect(seen.slice(began, began + 4)).toEqual(['CreateMultipartUpload', 'PutObject', 'PutObject', 'UploadPart']);
    } finally {
      await store.close();
      await proxy.stop();
      await bucket.destroy();
    }
  });
});
