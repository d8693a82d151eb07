import { describe, expect, test } from '@jest/globals';
import { StorageError } from '../../../src/storage/object-store.ts';
import type { ContractContext } from './store-contract.ts';
import { expectError, expectSameBytes, pattern } from './store-driver.ts';
import { storePath } from '../store-path.ts';

export function describeCopies(context: ContractContext): void {
  describe('copying inside the store', () => {
    for (const size of [0, 100_000, ...context.traits.boundaries.map((boundary) => boundary + 1)]) {
      test(`a file of ${size} bytes onto nothing, then over a file`, async () => {
        const { driver } = context;
        const bytes = pattern(size, 31);
        await driver.put('a', bytes);
        await driver.store.copyFile(driver.at('a'), driver.at('b'));
        expectSameBytes(await driver.get('b'), bytes);
        await driver.put('c', 'to be replaced');
        await driver.store.copyFile(driver.at('b'), driver.at('c'));
        expectSameBytes(await driver.get('c'), bytes);
        expectSameBytes(await driver.get('a'), bytes);
        await driver.put('a', 'changed later');
        expectSameBytes(await driver.get('b'), bytes);
      });
    }

    test('onto itself keeps the file', async () => {
      const { driver } = context;
      await driver.put('a', 'content');
      await driver.store.copyFile(driver.at('a'), driver.at('a'));
      expect(await driver.text('a')).toBe('content');
    });

    test('of something missing, of a directory and onto a directory is refused', async () => {
      const { driver } = context;
      await driver.put('a', 'content');
      await driver.mkdir('d');
      await expectError(driver.store.copyFile(driver.at('missing'), driver.at('b')), 'not-found');
      await expectError(driver.store.copyFile(driver.at('d'), driver.at('b')), 'is-a-directory');
      await expectError(driver.store.copyFile(driver.at('a'), driver.at('d')), 'is-a-directory');
      expect(await driver.names()).toEqual(['a', 'd']);
    });

    context.testWhere(
      (traits) => !traits.implicitParents,
      'into a directory that is missing is not-found',
      async () => {
        const { driver } = context;
        await driver.put('a', 'content');
        await expectError(driver.store.copyFile(driver.at('a'), driver.at('no/b')), 'not-found');
      },
    );

    test('links are made where the store says so and refused elsewhere', async () => {
      const { driver } = context;
      const { store } = driver;
      await driver.put('a', 'content');
      if (store.capabilities.hardlink) {
        await store.hardlink(driver.at('a'), driver.at('h'));
        expect(await driver.text('h')).toBe('content');
        await expectError(store.hardlink(driver.at('a'), driver.at('h')), 'exists');
      } else {
        await expectError(store.hardlink(driver.at('a'), driver.at('h')), 'unsupported');
      }
      if (store.capabilities.symlink) {
        await store.symlink('a', driver.at('s'));
        expect(await store.readlink(driver.at('s'))).toBe('a');
        expect((await store.stat(driver.at('s'), { followSymlinks: false })).kind).toBe('symlink');
        const met = { link: driver.at('s'), path: driver.at('s'), target: 'a' };
        await expect(store.openRead(driver.at('s'))).rejects.toMatchObject(met);
        await expect(store.stat(driver.at('s'), { followSymlinks: true })).rejects.toMatchObject(met);
        await store.symlink('/a/b', driver.at('absolute'));
        expect(await store.readlink(driver.at('absolute'))).toBe('/a/b');
      } else {
        await expectError(store.symlink('a', driver.at('s')), 'unsupported');
        await expectError(store.readlink(driver.at('a')), 'unsupported');
      }
    });

    test('statistics make sense', async () => {
      const { driver } = context;
      for (const path of ['', driver.directory]) {
        const { blockSize, totalBlocks, freeBlocks, totalFiles, freeFiles, maxNameBytes } =
          await driver.store.statistics(storePath(path));
        expect(blockSize).toBeGreaterThan(0);
        expect(totalBlocks).toBeGreaterThanOrEqual(freeBlocks);
        expect(totalFiles).toBeGreaterThanOrEqual(freeFiles);
        expect(maxNameBytes).toBeGreaterThan(100);
        for (const figure of [blockSize, totalBlocks, freeBlocks, totalFiles, freeFiles, maxNameBytes]) {
          expect(Number.isSafeInteger(figure)).toBe(true);
        }
      }
      await expect(driver.store.statistics(driver.at('missing'))).rejects.toBeInstanceOf(StorageError);
    });
  });
}
