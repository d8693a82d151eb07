// What the random sequences have found, as plain tests: the same on every store.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LocalStore } from '../../../src/storage/local/local-store.ts';
import { MemoryStore } from '../../../src/storage/memory/memory-store.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { S3Store } from '../../../src/storage/s3/s3-store.ts';
import { radosgw } from '../../peers/s3-endpoints.ts';
import { KEEP, StoreDriver, writeAt } from '../contract/store-driver.ts';
import { TestBucket } from '../s3/s3-server.ts';
import { storePath } from '../store-path.ts';

interface Opened {
  readonly store: ObjectStore;
  cleanup(): Promise<void>;
}

const { endpoint } = radosgw;

const stores: readonly (readonly [string, (() => Promise<Opened>) | undefined])[] = [
  ['memory', () => Promise.resolve({ store: new MemoryStore(), cleanup: () => Promise.resolve() })],
  [
    'local',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'latticeport-model-'));
      const store = await LocalStore.open(folder, { fsync: 'never' });
      return { store, cleanup: async () => rm(folder, { recursive: true }) };
    },
  ],
  [
    's3',
    endpoint === undefined
      ? undefined
      : async () => {
          const bucket = await TestBucket.create(endpoint);
          const store = await S3Store.open(bucket.options());
          return {
            store,
            cleanup: async () => {
              await store.close();
              await bucket.destroy();
            },
          };
        },
  ],
];

describe.each(stores)('%s', (name, open) => {
  if (open === undefined) {
    test.skip(radosgw.missing ?? name, () => undefined);
    return;
  }
  let opened: Opened;
  let driver: StoreDriver;
  beforeAll(async () => {
    opened = await open();
    driver = new StoreDriver(opened, storePath(''));
  });
  afterAll(async () => {
    await opened.cleanup();
  });

  test('a file that is opened to be read and written, and closed without a write, is made', async () => {
    await (await driver.openWrite('made', { truncate: false, read: true })).close();
    expect(await driver.text('made')).toBe('');
    await driver.put('emptied', 'content');
    await (await driver.openWrite('emptied', { truncate: true, read: true })).close();
    expect(await driver.text('emptied')).toBe('');
  });

  test('an empty file can be changed in every way', async () => {
    for (const change of ['append', 'write behind', 'edit', 'extend', 'extend by path'] as const) {
      await driver.put('empty', '');
      if (change === 'extend by path') {
        await driver.store.truncate(storePath('empty'), 3);
        expect(await driver.text('empty')).toBe('\0\0\0');
        continue;
      }
      const handle = await driver.openWrite('empty', {
        ...KEEP,
        append: change === 'append',
        read: change === 'edit',
      });
      if (change === 'extend') await handle.truncate(3);
      else await writeAt(handle, change === 'write behind' ? 2 : 0, 'x');
      await handle.close();
      const expected = { append: 'x', 'write behind': '\0\0x', edit: 'x', extend: '\0\0\0' }[change];
      expect([change, await driver.text('empty')]).toEqual([change, expected]);
    }
  });

  test('a file tells its size with the writes that were called before, answered or not', async () => {
    const handle = await driver.openWrite('size');
    const [, { attributes }] = await Promise.all([writeAt(handle, 0, 'x'.repeat(300_000)), handle.stat()]);
    expect(attributes.size).toBe(300_000);
    await handle.close();
  });

  test('an interrupted file ends at its first gap, so that a client that goes on at its end is right', async () => {
    const fresh = await driver.openWrite('gap');
    await writeAt(fresh, 0, 'begun ');
    await writeAt(fresh, 10, 'ahead');
    expect(await fresh.abandon()).toBe('stored');
    expect(await driver.text('gap')).toBe('begun ');

    const edited = await driver.openWrite('gap', { ...KEEP, read: true });
    await edited.truncate(100);
    await writeAt(edited, 50, 'far');
    await writeAt(edited, 6, 'more');
    await writeAt(edited, 0, 'Begun');
    expect(await edited.abandon()).toBe('stored');
    expect(await driver.text('gap')).toBe('Begun more');
  });

  test('of an interrupted file a cut is kept, and a size that is no change is none', async () => {
    await driver.put('cut', 'a long content');
    const cut = await driver.openWrite('cut', KEEP);
    await cut.truncate(6);
    expect(await cut.abandon()).toBe('stored');
    expect(await driver.text('cut')).toBe('a long');

    const same = await driver.openWrite('cut', KEEP);
    await same.truncate(6);
    expect(await same.abandon()).toBe('discarded');
    const fresh = await driver.openWrite('cut');
    await fresh.truncate(0);
    expect(await fresh.abandon()).toBe('discarded');
    expect(await driver.text('cut')).toBe('a long');
  });

  test('a copy that failed half-way is dropped, whatever becomes of interrupted uploads', async () => {
    await driver.put('kept', 'old content');
    const handle = await driver.openWrite('kept');
    await writeAt(handle, 0, 'half');
    expect(await handle.abandon({ discard: true })).toBe('discarded');
    expect(await driver.text('kept')).toBe('old content');
  });
});
