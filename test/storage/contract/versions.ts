import { describe, expect, test } from '@jest/globals';
import type { ContractContext } from './store-contract.ts';
import type { StoreDriver } from './store-driver.ts';
import { expectError, expectSameBytes, KEEP, pattern, readToEnd, writeAt } from './store-driver.ts';

/** What an open version is committed over, how it goes on after that, and where it follows its name. */
export function describeVersions(context: ContractContext): void {
  describe('versions', () => {
    const large = Math.max(200_000, ...context.traits.boundaries) + 5_000;

    describe('a checkpoint', () => {
      for (const size of [5_000, large]) {
        test(`commits ${size} bytes, and what follows changes them`, async () => {
          const { driver } = context;
          const bytes = pattern(size, 51);
          const handle = await driver.openWrite('f');
          await handle.write(0, [Buffer.from(bytes)]);
          await handle.checkpoint();
          expectSameBytes(await driver.get('f'), bytes);
          await writeAt(handle, size, 'more');
          const seen = context.traits.writesInPlace ? Buffer.concat([bytes, Buffer.from('more')]) : bytes;
          expectSameBytes(await driver.get('f'), seen);
          await handle.checkpoint();
          await writeAt(handle, 0, 'HEAD');
          await handle.close();
          const expected = Buffer.concat([bytes, Buffer.from('more')]);
          expected.write('HEAD', 0, 'latin1');
          expectSameBytes(await driver.get('f'), expected);
        });
      }

      test('of an appending handle, and of one that is read', async () => {
        const { driver } = context;
        await driver.put('f', 'one ');
        const handle = await driver.openWrite('f', { ...KEEP, append: true, read: true });
        await writeAt(handle, 0, 'two ');
        await handle.checkpoint();
        await writeAt(handle, 0, 'three');
        expect((await readToEnd(handle)).toString()).toBe('one two three');
        await handle.close();
        expect(await driver.text('f')).toBe('one two three');
      });

      test('without changes leaves the file as it is, whatever it is by now', async () => {
        const { driver } = context;
        await driver.put('f', 'old', { attributes: { mtime: 1_111_111_111 } });
        const handle = await driver.openWrite('f', KEEP);
        await handle.checkpoint();
        expect((await driver.stat('f')).attributes.mtime).toBe(1_111_111_111);
        await driver.put('f', 'another');
        await handle.checkpoint();
        await handle.close();
        expect(await driver.text('f')).toBe('another');
      });

      test('of a new file makes it, empty, and keeps its attributes', async () => {
        const { driver } = context;
        const handle = await driver.openWrite('f', { attributes: { mode: 0o600 } });
        await handle.checkpoint();
        expect(await driver.text('f')).toBe('');
        await writeAt(handle, 0, 'content');
        await handle.close();
        expect(await driver.text('f')).toBe('content');
        expect((await driver.stat('f')).attributes.mode & 0o777).toBe(0o600);
      });

      test('what was committed stays where the rest is abandoned', async () => {
        const { driver } = context;
        const handle = await driver.openWrite('f');
        await writeAt(handle, 0, 'content');
        await handle.checkpoint();
        await handle.abandon();
        expect(await driver.text('f')).toBe('content');
      });
    });

    describe('a version that keeps the bytes', () => {
      for (const size of [5_000, large]) {
        test(`is not committed over another one (${size} bytes)`, async () => {
          const { driver } = context;
          await driver.put('f', pattern(size, 52));
          for (const end of ['close', 'checkpoint'] as const) {
            for (const at of [0, (await driver.stat('f')).attributes.size]) {
              const handle = await driver.openWrite('f', KEEP);
              await writeAt(handle, at, 'late');
              const other = pattern(size, at + 53);
              await driver.put('f', other);
              await expectError(handle[end](), 'changed');
              await handle.abandon();
              expectSameBytes(await driver.get('f'), other);
            }
          }
        });
      }

      test('is not committed where its file is gone', async () => {
        const { driver } = context;
        await driver.put('f', 'old');
        const handle = await driver.openWrite('f', KEEP);
        await writeAt(handle, 0, 'new');
        await driver.store.remove(driver.at('f'));
        await expectError(handle.close(), 'changed', 'not-found');
        expect(await driver.names()).toEqual([]);
      });

      test('of a name that had no file is not committed over one that came since', async () => {
        const { driver } = context;
        const handle = await driver.openWrite('f', { truncate: false });
        await writeAt(handle, 0, 'late');
        await driver.put('f', 'first');
        await expectError(handle.close(), 'changed');
        expect(await driver.text('f')).toBe('first');
      });

      test('is committed over its base whose attributes were set meanwhile', async () => {
        const { driver } = context;
        await driver.put('f', 'old content');
        const handle = await driver.openWrite('f', KEEP);
        await writeAt(handle, 0, 'new');
        await driver.store.setAttributes(driver.at('f'), { mtime: 1_222_222_222 }, { followSymlinks: true });
        await handle.close();
        expect(await driver.text('f')).toBe('new content');
      });
    });

    describe('a new name', () => {
      test('of a file that was committed before the rename', async () => {
        const { driver } = context;
        const handle = await driver.openWrite('f');
        await writeAt(handle, 0, 'content');
        await handle.checkpoint();
        await driver.rename('f', 'g');
        await handle.moved(driver.at('g'));
        await writeAt(handle, 7, ' and more');
        await handle.close();
        expect(await driver.names()).toEqual(['g']);
        expect(await driver.text('g')).toBe('content and more');
      });

      test('of one that was not committed yet', async () => {
        const { driver } = context;
        for (const read of [false, true]) {
          const handle = await driver.openWrite('f', { read });
          await writeAt(handle, 0, 'content');
          await handle.moved(driver.at(`g ${read}`));
          await writeAt(handle, 7, '!');
          await handle.close();
          expect(await driver.text(`g ${read}`)).toBe('content!');
        }
        expect(await driver.names()).toEqual(['g false', 'g true']);
      });

      test('a part is stored under it only where its base is there', async () => {
        const { driver } = context;
        const handle = await driver.openWrite('f');
        await writeAt(handle, 0, 'content');
        await handle.checkpoint();
        await driver.rename('f', 'g');
        await handle.moved(driver.at('g'));
        await writeAt(handle, 7, ' and more');
        await driver.put('g', 'another');
        expect(await handle.abandon()).toBe('discarded');
        expect(await driver.text('g')).toBe('another');
        expect(await driver.names()).toEqual(['g']);
      });
    });

    describe('a part of a file', () => {
      type Change = readonly [string, (driver: StoreDriver) => Promise<void>, (driver: StoreDriver) => Promise<void>];
      const changes: readonly Change[] = [
        ['was replaced', async (driver) => driver.put('f', 'another'), async (driver) => has(driver, 'f', 'another')],
        [
          'was replaced by a rename',
          async (driver) => {
            await driver.put('other', 'another');
            await driver.rename('other', 'f', true);
          },
          async (driver) => has(driver, 'f', 'another'),
        ],
        [
          'was removed',
          async (driver) => driver.store.remove(driver.at('f')),
          async (driver) => {
            expect(await driver.names()).toEqual([]);
          },
        ],
        [
          'was renamed away',
          async (driver) => driver.rename('f', 'g'),
          async (driver) => {
            expect(await driver.names()).toEqual(['g']);
            await has(driver, 'g', 'old');
          },
        ],
      ];
      const has = async (driver: StoreDriver, name: string, text: string) => {
        expect(await driver.text(name)).toBe(text);
      };
      for (const truncate of [true, false]) {
        for (const size of [5_000, large]) {
          for (const [what, change, check] of changes) {
            test(`is dropped where the file ${what} (${size} bytes, truncate ${truncate})`, async () => {
              const { driver } = context;
              await driver.put('f', 'old');
              const handle = await driver.openWrite('f', { create: false, truncate });
              await handle.write(3, [pattern(size, 54)]);
              await change(driver);
              expect(await handle.abandon()).toBe('discarded');
              await check(driver);
            });
          }
        }
      }

      test('is dropped where there was no file and is one by now', async () => {
        const { driver } = context;
        const handle = await driver.openWrite('f');
        await writeAt(handle, 0, 'a part');
        await driver.put('f', 'whole');
        expect(await handle.abandon()).toBe('discarded');
        expect(await driver.text('f')).toBe('whole');
      });
    });

    test('a file is not committed where a directory is by now', async () => {
      const { driver } = context;
      for (const size of [5, large]) {
        const handle = await driver.openWrite('d');
        await handle.write(0, [pattern(size, 55)]);
        await driver.mkdir('d');
        await driver.put('d/inner', 'inner');
        await expectError(handle.close(), 'is-a-directory', 'exists');
        expect(await driver.names()).toEqual(['d']);
        expect(await driver.names('d')).toEqual(['inner']);
        await driver.store.remove(driver.at('d/inner'));
        await driver.store.rmdir(driver.at('d'));
      }
    });

    test('a handle that was not opened for reading tells what it has, or that it cannot', async () => {
      const { driver } = context;
      const handle = await driver.openWrite('f');
      await writeAt(handle, 0, 'content');
      await writeAt(handle, 10, 'behind a hole');
      expect((await handle.read(0, 100)).toString('latin1')).toBe('content\0\0\0behind a hole');
      await handle.close();
      const resumed = await driver.openWrite('f', KEEP);
      expect((await resumed.read(10, 6)).toString()).toBe('behind');
      await writeAt(resumed, 23, '!');
      expect((await resumed.read(10, 100)).toString()).toBe('behind a hole!');
      await resumed.close();
    });

    describe('a handle that reads', () => {
      test('shows the file as it is now', async () => {
        const { driver } = context;
        await driver.put('f', 'content');
        const handle = await driver.store.openRead(driver.at('f'));
        await driver.store.setAttributes(driver.at('f'), { mtime: 1_333_333_333 }, { followSymlinks: true });
        expect((await handle.stat()).attributes.mtime).toBe(1_333_333_333);
        expect((await handle.read(0, 100)).toString()).toBe('content');
        await handle.close();
      });

      test('sets attributes of the file that is open', async () => {
        const { driver } = context;
        await driver.put('f', 'content');
        const handle = await driver.store.openRead(driver.at('f'));
        await handle.setAttributes({ mtime: 1_444_444_444, mode: 0o640 });
        const { mtime, mode } = (await driver.stat('f')).attributes;
        expect({ mtime, mode: mode & 0o777 }).toEqual({ mtime: 1_444_444_444, mode: 0o640 });
        expect((await handle.stat()).attributes.mtime).toBe(1_444_444_444);
        await handle.close();
      });

      test('and not those of another one that has its name by now', async () => {
        const { driver } = context;
        await driver.put('f', 'old');
        const handle = await driver.store.openRead(driver.at('f'));
        await driver.put('new', 'new', { attributes: { mtime: 1_555_555_555 } });
        await driver.rename('new', 'f', true);
        await handle.setAttributes({ mtime: 1_666_666_666 });
        expect((await driver.stat('f')).attributes.mtime).toBe(1_555_555_555);
        await handle.close();
      });
    });

    test('an unchanged handle shows the times of the file', async () => {
      const { driver } = context;
      await driver.put('f', 'content', { attributes: { mtime: 1_777_777_777 } });
      for (const read of [false, true]) {
        const handle = await driver.openWrite('f', { ...KEEP, read });
        expect((await handle.stat()).attributes).toMatchObject({ mtime: 1_777_777_777, size: 7 });
        await handle.close();
      }
    });
  });
}
