import { describe, expect, test } from '@jest/globals';
import { StorageError } from '../../src/storage/object-store.ts';
import { MemoryStore } from '../../src/storage/memory/memory-store.ts';
import { describeStoreContract } from './contract/store-contract.ts';
import { expectError, listAll, writeAt, writeOptions } from './contract/store-driver.ts';
import { storePath } from './store-path.ts';

describeStoreContract(
  'memory',
  {
    implicitParents: false,
    ownership: true,
    exactListing: true,
    boundaries: [1 << 20],
    writeFaults: true,
    writesInPlace: false,
  },
  ({ partialUploads }) => {
    let fail = false;
    const store = new MemoryStore({
      partialUploads,
      before: (operation) => {
        if (operation !== 'write' || !fail) return undefined;
        fail = false;
        throw new StorageError('unavailable', 'Made to fail');
      },
    });
    return Promise.resolve({
      store,
      cleanup: () => store.close(),
      leftovers: () => Promise.resolve(Array.from({ length: store.openHandles }, () => 'an open handle')),
      failNextWrite: () => {
        fail = true;
      },
    });
  },
);

describe('MemoryStore', () => {
  test('is full at its capacity, and has room again after a removal', async () => {
    const store = new MemoryStore({ capacity: 1000 });
    const put = async (path: string, size: number) => {
      const handle = await store.openWrite(storePath(path), writeOptions());
      try {
        await writeAt(handle, 0, 'x'.repeat(size));
      } catch (error) {
        await handle.abandon();
        throw error;
      }
      await handle.close();
    };
    await put('a', 600);
    await expectError(put('b', 600), 'no-space');
    await expectError(put('c', 1001), 'too-large');
    expect((await listAll(store, storePath(''))).map((entry) => entry.name)).toEqual(['a']);
    await store.remove(storePath('a'));
    await put('b', 600);
    expect(store.openHandles).toBe(0);
  });

  test('waits where the hook waits', async () => {
    let release: (() => void) | undefined;
    const store = new MemoryStore({
      before: (operation) =>
        operation === 'commit'
          ? new Promise((resolve) => {
              release = resolve;
            })
          : undefined,
    });
    const handle = await store.openWrite(storePath('f'), writeOptions());
    await writeAt(handle, 0, 'x');
    let closed = false;
    const closing = handle.close().then(() => {
      closed = true;
    });
    while (release === undefined) await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(false);
    await expectError(store.stat(storePath('f'), { followSymlinks: true }), 'not-found');
    release();
    await closing;
    expect((await store.stat(storePath('f'), { followSymlinks: true })).attributes.size).toBe(1);
  });
});
