// One time for a file, wherever it is shown: by STAT, by a listing, by a server that has just started, by another one.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { systemClock } from '../../../../src/storage/flow/clock.ts';
import { S3Store } from '../../../../src/storage/s3/s3-store.ts';
import type { S3StoreOptions } from '../../../../src/storage/s3/s3-options.ts';
import { listAll, writeAt, writeOptions } from '../../contract/store-driver.ts';
import { servers, TestBucket } from '../s3-server.ts';
import { storePath } from '../../store-path.ts';

const FOLLOW = { followSymlinks: true };

for (const { name, endpoint } of servers) {
  (endpoint === undefined ? describe.skip : describe)(`times on ${name}`, () => {
    let bucket: TestBucket;
    const stores: S3Store[] = [];
    const asked: string[] = [];

    beforeEach(async () => {
      bucket = await TestBucket.create(endpoint ?? '');
    });
    afterEach(async () => {
      for (const store of stores.splice(0)) await store.close();
      await bucket.destroy();
    });

    const open = async (options: Partial<S3StoreOptions> = {}): Promise<S3Store> => {
      const onTry = ({ operation }: { readonly operation: string }): void => {
        // Claims are released when nothing needs them any more.
        if (!operation.startsWith('Delete')) asked.push(operation);
      };
      const store = await S3Store.open(bucket.options({ sweep: false, onTry, ...options }));
      stores.push(store);
      return store;
    };
    const put = async (store: S3Store, path: string, mtime: number): Promise<void> => {
      const handle = await store.openWrite(storePath(path), writeOptions({ attributes: { mtime } }));
      await writeAt(handle, 0, 'content');
      await handle.close();
    };
    const listed = async (store: S3Store): Promise<Record<string, number>> =>
      Object.fromEntries((await listAll(store, storePath(''))).map((entry) => [entry.name, entry.attributes.mtime]));
    const stated = async (store: S3Store, names: readonly string[]): Promise<Record<string, number>> => {
      const entries: [string, number][] = [];
      for (const path of names) entries.push([path, (await store.stat(storePath(path), FOLLOW)).attributes.mtime]);
      return Object.fromEntries(entries);
    };

    test('a listing shows the times that were set, to every process, and follows what others set', async () => {
      const first = await open();
      await put(first, 'a', 1_000_000_001);
      await put(first, 'b', 1_000_000_002);
      await first.mkdir(storePath('d'), { mtime: 1_000_000_003 });
      const expected = { a: 1_000_000_001, b: 1_000_000_002, d: 1_000_000_003 };
      const second = await open();
      for (const store of [first, second]) expect(await listed(store)).toEqual(expected);
      expect(await stated(second, ['a', 'b', 'd'])).toEqual(expected);
      // In the same second, and with the same ETag.
      await first.setAttributes(storePath('a'), { mtime: 1_000_000_009 }, FOLLOW);
      expect(await listed(second)).toEqual({ ...expected, a: 1_000_000_009 });
    });

    test('what is known is not asked for again', async () => {
      const later = { ...systemClock, now: () => Date.now() + 60_000 };
      const store = await open({ clock: later });
      await put(store, 'a', 1_000_000_001);
      await bucket.client.send(new PutObjectCommand({ Bucket: bucket.name, Key: 'of another program', Body: 'x' }));
      const first = await listed(store);
      asked.length = 0;
      expect(await listed(store)).toEqual(first);
      expect(asked).toEqual(['ListObjectsV2']);
      await store.setAttributes(storePath('a'), { mtime: 1_000_000_009 }, FOLLOW);
      expect(await listed(store)).toEqual({ ...first, a: 1_000_000_009 });
    });

    test('with "upload" it is the time of storing everywhere, and a listing is one request', async () => {
      const store = await open({ listTimes: 'upload' });
      await put(store, 'a', 1_000_000_001);
      await store.mkdir(storePath('d'), { mtime: 1_000_000_003 });
      asked.length = 0;
      const shown = await listed(store);
      expect(asked).toEqual(['ListObjectsV2']);
      expect(shown['a']).toBeGreaterThan(1_700_000_000);
      expect(await stated(store, ['a', 'd'])).toEqual(shown);
      const handle = await store.openRead(storePath('a'));
      expect((await handle.stat()).attributes.mtime).toBe(shown['a']);
      await handle.close();
    });
  });
}
