// Parts that are too large for the memory that uploads have: they take their way over the disk.
import { describe, expect, test } from '@jest/globals';
import { S3Store } from '../../../../src/storage/s3/s3-store.ts';
import { PartBuffers, STARTER_BYTES } from '../../../../src/storage/s3/upload/part-buffers.ts';
import { expectSameBytes, pattern, readToEnd, writeOptions } from '../../contract/store-driver.ts';
import { FaultProxy } from '../../fault-proxy/fault-proxy.ts';
import { servers, TestBucket } from '../s3-server.ts';
import { storePath } from '../../store-path.ts';

const PART = 5 * 1024 ** 2;
const endpoint = servers.find(({ name }) => name === 'radosgw')?.endpoint;

/** A store through a proxy: one part fits in its memory, but not two, so that all but the first go to the disk. */
async function openSite() {
  const bucket = await TestBucket.create(endpoint ?? '');
  const proxy = await FaultProxy.start(endpoint ?? '');
  const store = await S3Store.open(
    bucket.options({
      endpoint: proxy.endpoint,
      partBytes: PART,
      uploadBuffers: new PartBuffers(Math.ceil((PART * 8) / 7) + STARTER_BYTES),
      retry: { baseDelayMs: 1, maxDelayMs: 2 },
    }),
  );
  const close = async (): Promise<void> => {
    await store.close();
    await proxy.stop();
    await bucket.destroy();
  };
  return { proxy, store, close };
}

(endpoint === undefined ? describe.skip : describe)('parts larger than memory', () => {
  test('are sent from files of their own, again where a try fails, and leave nothing', async () => {
    const { proxy, store, close } = await openSite();
    try {
      let parts = 0;
      proxy.decide = ({ operation }) => {
        if (operation !== 'UploadPart') return undefined;
        parts += 1;
        return parts % 2 === 0 ? { kind: parts % 4 === 0 ? 'reset-during' : 'reset-after' } : undefined;
      };
      const bytes = pattern(4 * PART + 12_345, 8);
      const handle = await store.openWrite(storePath('f'), writeOptions());
      let spoolBytes = 0;
      for (let at = 0; at < bytes.length; at += 1024 ** 2) {
        await handle.write(at, [Buffer.from(bytes.subarray(at, at + 1024 ** 2))]);
        spoolBytes = Math.max(spoolBytes, store.usage().spoolBytes);
      }
      await handle.close();
      expect(parts).toBeGreaterThan(5);
      // The one that is filled, and two on their way.
      expect(spoolBytes).toBeGreaterThan(0);
      expect(spoolBytes).toBeLessThanOrEqual(3 * PART);
      const reader = await store.openRead(storePath('f'));
      expectSameBytes(await readToEnd(reader), bytes);
      await reader.close();
      while (store.usage().spoolFiles > 0) await new Promise((resolve) => setImmediate(resolve));
      expect(store.usage()).toMatchObject({ uploadBytes: 0, spoolBytes: 0, openWrites: 0 });
    } finally {
      await close();
    }
  }, 60_000);

  test('that arrive with a wrong bit are refused by the store and sent again, as those from memory are', async () => {
    const { proxy, store, close } = await openSite();
    try {
      const tried = new Set<string>();
      let corrupted = 0;
      proxy.decide = ({ method, url }) => {
        if (method !== 'PUT' || !/\/(f|small)\?/.test(url) || tried.has(url)) return undefined;
        tried.add(url);
        corrupted += 1;
        return { kind: 'corrupt' };
      };
      const files = { f: pattern(3 * PART + 12_345, 8), small: pattern(10_000, 9) };
      for (const [name, bytes] of Object.entries(files)) {
        const handle = await store.openWrite(storePath(name), writeOptions());
        for (let at = 0; at < bytes.length; at += 1024 ** 2) {
          await handle.write(at, [Buffer.from(bytes.subarray(at, at + 1024 ** 2))]);
        }
        await handle.close();
        const reader = await store.openRead(storePath(name));
        expectSameBytes(await readToEnd(reader), bytes);
        await reader.close();
      }
      // The first part from memory, three from files, and the small file.
      expect(corrupted).toBe(5);
    } finally {
      await close();
    }
  }, 60_000);
});
