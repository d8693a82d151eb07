import { describe, expect, test } from '@jest/globals';
import { StorageError } from '../../../src/storage/object-store.ts';
import type { ContractContext } from './store-contract.ts';
import type { OpenedStore } from './store-driver.ts';
import { expectSameBytes, KEEP, pattern, StoreDriver, writeAt } from './store-driver.ts';
import { storePath } from '../store-path.ts';

export function describeInterruption(context: ContractContext): void {
  describe('interruption', () => {
    /** A store of its own with the setting, checked for leftovers at the end. */
    const withStore = async (
      partialUploads: 'store' | 'discard',
      body: (driver: StoreDriver, opened: OpenedStore) => Promise<void>,
    ) => {
      const opened = await context.open({ partialUploads });
      try {
        await body(new StoreDriver(opened, storePath('')), opened);
        expect((await opened.leftovers?.()) ?? []).toEqual([]);
      } finally {
        await opened.cleanup();
      }
    };

    const sizes = [5000, ...context.traits.boundaries.map((boundary) => boundary + 5000)];

    for (const size of sizes) {
      test(`partialUploads store: ${size} bytes received become the file`, async () => {
        await withStore('store', async (driver) => {
          const bytes = pattern(size, 41);
          const fresh = await driver.openWrite('new');
          await fresh.write(0, [Buffer.from(bytes)]);
          expect(await fresh.abandon()).toBe('stored');
          expectSameBytes(await driver.get('new'), bytes);

          await driver.put('old', 'old content');
          const over = await driver.openWrite('old');
          await over.write(0, [Buffer.from(bytes)]);
          expect(await over.abandon()).toBe('stored');
          expectSameBytes(await driver.get('old'), bytes);

          const resumed = await driver.openWrite('old', KEEP);
          await writeAt(resumed, size, 'and more');
          expect(await resumed.abandon()).toBe('stored');
          expectSameBytes(await driver.get('old'), Buffer.concat([bytes, Buffer.from('and more')]));
        });
      });

      test(`partialUploads discard: ${size} bytes received are dropped and the old file stays`, async () => {
        await withStore('discard', async (driver) => {
          const fresh = await driver.openWrite('new');
          await fresh.write(0, [pattern(size)]);
          expect(await fresh.abandon()).toBe('discarded');
          expect(await driver.exists('new')).toBe(false);

          await driver.put('old', 'old content');
          const over = await driver.openWrite('old');
          await over.write(0, [pattern(size)]);
          expect(await over.abandon()).toBe('discarded');
          expect(await driver.text('old')).toBe('old content');

          const resumed = await driver.openWrite('old', { ...KEEP, append: true });
          await resumed.write(0, [pattern(size)]);
          expect(await resumed.abandon()).toBe('discarded');
          expect(await driver.text('old')).toBe('old content');
          expect(await driver.names()).toEqual(['old']);
        });
      });
    }

    for (const partialUploads of ['store', 'discard'] as const) {
      test(`partialUploads ${partialUploads}: a handle that received nothing leaves things as they were`, async () => {
        await withStore(partialUploads, async (driver) => {
          await driver.put('old', 'old content');
          expect(await (await driver.openWrite('old')).abandon()).toBe('discarded');
          expect(await (await driver.openWrite('old', KEEP)).abandon()).toBe('discarded');
          expect(await (await driver.openWrite('new')).abandon()).toBe('discarded');
          expect(await driver.text('old')).toBe('old content');
          expect(await driver.names()).toEqual(['old']);
        });
      });
    }

    test('abandon with writes in flight waits for them and never throws', async () => {
      await withStore('store', async (driver) => {
        const handle = await driver.openWrite('f');
        const write = writeAt(handle, 0, 'y'.repeat(400_000));
        const [outcome] = await Promise.all([handle.abandon(), write.catch(() => undefined)]);
        expect(outcome).toBe('stored');
        expectSameBytes(await driver.get('f'), Buffer.alloc(400_000, 'y'));
      });
    });

    test('abandon after abandon or close does no harm', async () => {
      await withStore('store', async (driver) => {
        const handle = await driver.openWrite('f');
        await writeAt(handle, 0, 'content');
        await handle.close();
        await handle.abandon();
        await handle.abandon();
        expect(await driver.text('f')).toBe('content');
      });
    });

    test('an abandoned exclusive creation does not replace the file that came first', async () => {
      await withStore('store', async (driver) => {
        const loser = await driver.openWrite('f', { exclusive: true });
        await writeAt(loser, 0, 'loser');
        await driver.put('f', 'winner');
        expect(await loser.abandon()).toBe('discarded');
        expect(await driver.text('f')).toBe('winner');
        expect(await driver.names()).toEqual(['f']);
      });
    });

    context.testWhere(
      (traits) => traits.writeFaults,
      'after a failed write the handle fails, and the old file stays whole',
      async () => {
        await withStore('store', async (driver, opened) => {
          await driver.put('f', 'old content');
          for (const end of ['close', 'abandon'] as const) {
            const handle = await driver.openWrite('f');
            await writeAt(handle, 0, 'begun');
            opened.failNextWrite?.();
            await expect(writeAt(handle, 5, 'x'.repeat(100_000))).rejects.toBeInstanceOf(StorageError);
            await expect(writeAt(handle, 0, 'again')).rejects.toBeInstanceOf(StorageError);
            await expect(handle.sync()).rejects.toBeInstanceOf(StorageError);
            if (end === 'close') await expect(handle.close()).rejects.toBeInstanceOf(StorageError);
            else expect(await handle.abandon()).toBe('discarded');
            expect(await driver.text('f')).toBe('old content');
            expect(await driver.names()).toEqual(['f']);
          }
        });
      },
    );
  });
}
