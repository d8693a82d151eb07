import { describe, expect, test } from '@jest/globals';
import { StorageError } from '../../../src/storage/object-store.ts';
import type { ContractContext } from './store-contract.ts';
import { expectError, KEEP, writeAt } from './store-driver.ts';
import { storePath } from '../store-path.ts';

export function describeOpening(context: ContractContext): void {
  describe('opening', () => {
    test('a missing file is not-found, for reading and for writing without create', async () => {
      const { driver } = context;
      await expectError(driver.store.openRead(driver.at('missing')), 'not-found');
      await expectError(driver.openWrite('missing', { create: false, truncate: false }), 'not-found');
      await expectError(driver.openWrite('missing', { create: false, truncate: true }), 'not-found');
      await expectError(driver.openWrite('missing', { create: false, truncate: false, append: true }), 'not-found');
      expect(await driver.names()).toEqual([]);
    });

    test('create makes a missing file, and opens one that is there', async () => {
      const { driver } = context;
      await driver.put('f', 'one', { truncate: false });
      expect(await driver.text('f')).toBe('one');
      await driver.put('f', 'T', { truncate: false });
      expect(await driver.text('f')).toBe('Tne');
    });

    test('truncate starts empty', async () => {
      const { driver } = context;
      await driver.put('f', 'a long content');
      await driver.put('f', 'short');
      expect(await driver.text('f')).toBe('short');
      await driver.put('f', 'x', { create: false });
      expect(await driver.text('f')).toBe('x');
    });

    test('truncate alone, closed without a write, leaves an empty file', async () => {
      const { driver } = context;
      await driver.put('f', 'content');
      await (await driver.openWrite('f')).close();
      expect((await driver.stat('f')).attributes.size).toBe(0);
      expect(await driver.text('f')).toBe('');
    });

    test('opened to keep its bytes and closed without a write, a file stays as it is', async () => {
      const { driver } = context;
      await driver.put('f', 'content', { attributes: { mtime: 1_000_000_000 } });
      await (await driver.openWrite('f', KEEP)).close();
      expect(await driver.text('f')).toBe('content');
      expect((await driver.stat('f')).attributes.mtime).toBe(1_000_000_000);
    });

    test('exclusive refuses a file and a directory that are there, and leaves them alone', async () => {
      const { driver } = context;
      await driver.put('f', 'old');
      await driver.mkdir('d');
      await expectError(driver.openWrite('f', { exclusive: true }), 'exists');
      await expectError(driver.openWrite('d', { exclusive: true }), 'exists', 'is-a-directory');
      expect(await driver.text('f')).toBe('old');
      await driver.put('new', 'made', { exclusive: true });
      expect(await driver.text('new')).toBe('made');
    });

    test('of several exclusive creations at once exactly one wins, whole', async () => {
      const { driver } = context;
      const outcomes = await Promise.all(
        ['a', 'b', 'c', 'd'].map(async (text) => {
          try {
            await driver.put('lock', text.repeat(1000), { exclusive: true });
            return text;
          } catch (error) {
            expect(error).toBeInstanceOf(StorageError);
            expect((error as StorageError).code).toBe('exists');
            return undefined;
          }
        }),
      );
      const winners = outcomes.filter((text) => text !== undefined);
      expect(winners).toHaveLength(1);
      expect(await driver.text('lock')).toBe(winners[0]?.repeat(1000));
    });

    test('a directory cannot be opened as a file, the root neither', async () => {
      const { driver } = context;
      await driver.mkdir('d');
      for (const path of [driver.at('d'), '']) {
        await expectError(driver.store.openRead(storePath(path)), 'is-a-directory');
        for (const truncate of [true, false]) {
          const options = { create: true, exclusive: false, truncate, append: false, read: false, attributes: {} };
          await expectError(driver.store.openWrite(storePath(path), options), 'is-a-directory');
        }
      }
    });

    context.testWhere(
      (traits) => !traits.implicitParents,
      'a missing parent is not-found, a file as parent is not-a-directory',
      async () => {
        const { driver } = context;
        await driver.put('f', 'file');
        await expectError(driver.openWrite('no/f'), 'not-found');
        await expectError(driver.openWrite('f/x'), 'not-a-directory');
        await expectError(driver.mkdir('no/d'), 'not-found');
        await expectError(driver.mkdir('f/d'), 'not-a-directory');
        expect(await driver.names()).toEqual(['f']);
      },
    );

    context.testWhere(
      (traits) => traits.implicitParents,
      'a parent that nobody made becomes a directory by the file in it',
      async () => {
        const { driver } = context;
        await driver.put('no/such/f', 'file');
        expect(await driver.text('no/such/f')).toBe('file');
        expect((await driver.stat('no')).kind).toBe('directory');
        expect((await driver.list('no')).map(({ name, kind }) => ({ name, kind }))).toEqual([
          { name: 'such', kind: 'directory' },
        ]);
        expect(await driver.names()).toEqual(['no']);
      },
    );

    test('what lies under a file is not there', async () => {
      const { driver } = context;
      await driver.put('f', 'file');
      await expectError(driver.stat('f/x'), 'not-found', 'not-a-directory');
      await expectError(driver.store.openRead(driver.at('f/x')), 'not-found', 'not-a-directory');
      await expectError(driver.store.remove(driver.at('f/x')), 'not-found', 'not-a-directory');
    });

    test('a closed handle refuses further work', async () => {
      const { driver } = context;
      const writer = await driver.openWrite('f');
      await writeAt(writer, 0, 'kept');
      await writer.close();
      await expect(writeAt(writer, 4, 'late')).rejects.toBeInstanceOf(StorageError);
      const reader = await driver.store.openRead(driver.at('f'));
      await reader.close();
      await expect(reader.read(0, 4)).rejects.toBeInstanceOf(StorageError);
      expect(await driver.text('f')).toBe('kept');
    });
  });
}
