import { describe, expect, test } from '@jest/globals';
import type { ContractContext } from './store-contract.ts';
import { expectError, inParallel, pattern, expectSameBytes } from './store-driver.ts';
import { storePath } from '../store-path.ts';

export function describeRenames(context: ContractContext): void {
  describe('renaming', () => {
    for (const overwrite of [false, true]) {
      test(`a file onto nothing, ${overwrite ? 'with' : 'without'} overwrite`, async () => {
        const { driver } = context;
        await driver.put('a', 'content', { attributes: { mtime: 1_234_567_890, mode: 0o640 } });
        await driver.mkdir('d');
        await driver.rename('a', 'd/b', overwrite);
        expect(await driver.names()).toEqual(['d']);
        expect(await driver.text('d/b')).toBe('content');
        const { mtime, mode } = (await driver.stat('d/b')).attributes;
        expect({ mtime, mode: mode & 0o777 }).toEqual({ mtime: 1_234_567_890, mode: 0o640 });
      });

      test(`onto itself does nothing, ${overwrite ? 'with' : 'without'} overwrite`, async () => {
        const { driver } = context;
        await driver.put('a', 'content');
        await driver.rename('a', 'a', overwrite);
        expect(await driver.text('a')).toBe('content');
        await driver.mkdir('d');
        await driver.put('d/f', 'inside');
        await driver.rename('d', 'd', overwrite);
        expect(await driver.text('d/f')).toBe('inside');
        await expectError(driver.rename('missing', 'missing', overwrite), 'not-found');
      });

      test(`something missing is not-found, ${overwrite ? 'with' : 'without'} overwrite`, async () => {
        const { driver } = context;
        await driver.put('b', 'target');
        await expectError(driver.rename('missing', 'a', overwrite), 'not-found');
        await expectError(driver.rename('missing', 'b', overwrite), 'not-found', 'exists');
        expect(await driver.text('b')).toBe('target');
        expect(await driver.names()).toEqual(['b']);
      });

      test(`a directory with all that is in it, ${overwrite ? 'with' : 'without'} overwrite`, async () => {
        const { driver } = context;
        await driver.mkdir('a');
        await driver.mkdir('a/sub');
        await driver.mkdir('a/empty');
        await driver.put('a/f', 'one');
        await driver.put('a/sub/g', 'two');
        await driver.put('ab', 'a neighbour with the same beginning');
        await driver.rename('a', 'z', overwrite);
        expect(await driver.names()).toEqual(['ab', 'z']);
        expect(await driver.names('z')).toEqual(['empty', 'f', 'sub']);
        expect(await driver.text('z/f')).toBe('one');
        expect(await driver.text('z/sub/g')).toBe('two');
        expect(await driver.names('z/empty')).toEqual([]);
        expect(await driver.exists('a')).toBe(false);
      });

      test(`a directory onto a file or a full one is refused, ${overwrite ? 'with' : 'without'} overwrite`, async () => {
        const { driver } = context;
        await driver.mkdir('a');
        await driver.put('a/f', 'kept');
        await driver.mkdir('full');
        await driver.put('full/g', 'kept too');
        await driver.put('file', 'a file');
        await expectError(driver.rename('a', 'full', overwrite), 'exists', 'not-empty');
        await expectError(driver.rename('a', 'file', overwrite), 'exists', 'not-a-directory');
        expect(await driver.text('a/f')).toBe('kept');
        expect(await driver.text('full/g')).toBe('kept too');
        expect(await driver.text('file')).toBe('a file');
      });

      test(`a directory onto an empty one, ${overwrite ? 'with' : 'without'} overwrite`, async () => {
        const { driver } = context;
        await driver.mkdir('a');
        await driver.put('a/f', 'kept');
        await driver.mkdir('empty');
        if (overwrite) await driver.rename('a', 'empty', overwrite);
        else await expectError(driver.rename('a', 'empty', overwrite), 'exists');
        expect(await driver.names()).toEqual(overwrite ? ['empty'] : ['a', 'empty']);
        expect(await driver.text(overwrite ? 'empty/f' : 'a/f')).toBe('kept');
      });

      test(`a directory into itself is refused, ${overwrite ? 'with' : 'without'} overwrite`, async () => {
        const { driver } = context;
        await driver.mkdir('a');
        await driver.mkdir('a/b');
        await driver.put('a/f', 'kept');
        await expectError(driver.rename('a', 'a/c', overwrite), 'failure');
        await expectError(driver.rename('a', 'a/b/c', overwrite), 'failure');
        expect(await driver.names('a')).toEqual(['b', 'f']);
        await driver.rename('a', 'ab', overwrite);
        expect(await driver.text('ab/f')).toBe('kept');
      });
    }

    test('without overwrite a target that is there is refused, and both stay', async () => {
      const { driver } = context;
      await driver.put('a', 'from');
      await driver.put('b', 'to');
      await driver.mkdir('d');
      await expectError(driver.rename('a', 'b'), 'exists');
      await expectError(driver.rename('a', 'd'), 'exists');
      expect(await driver.text('a')).toBe('from');
      expect(await driver.text('b')).toBe('to');
    });

    test('with overwrite a file replaces a file, never a directory', async () => {
      const { driver } = context;
      const bytes = pattern(100_000);
      await driver.put('a', bytes);
      await driver.put('b', 'to');
      await driver.mkdir('d');
      await driver.rename('a', 'b', true);
      expect(await driver.names()).toEqual(['b', 'd']);
      expectSameBytes(await driver.get('b'), bytes);
      await expectError(driver.rename('b', 'd', true), 'is-a-directory');
      expect((await driver.stat('d')).kind).toBe('directory');
    });

    context.testWhere(
      (traits) => !traits.implicitParents,
      'into a directory that is missing is not-found, under a file not-a-directory',
      async () => {
        const { driver } = context;
        await driver.put('a', 'content');
        await driver.put('file', 'a file');
        await driver.mkdir('d');
        for (const from of ['a', 'd']) {
          await expectError(driver.rename(from, 'no/b'), 'not-found');
          await expectError(driver.rename(from, 'file/b', true), 'not-a-directory');
        }
        expect(await driver.names()).toEqual(['a', 'd', 'file']);
      },
    );

    test('the root is neither renamed nor replaced', async () => {
      const { driver } = context;
      await driver.put('a', 'content');
      for (const overwrite of [false, true]) {
        await expectError(
          driver.store.rename(storePath(''), driver.at('r'), { overwrite }),
          'permission-denied',
          'failure',
        );
        await expectError(
          driver.store.rename(driver.at('a'), storePath(''), { overwrite }),
          'exists',
          'is-a-directory',
        );
      }
      expect(await driver.text('a')).toBe('content');
    });

    test('an upload under a temporary name, its time set, renamed into place, as WinSCP does', async () => {
      const { driver } = context;
      const bytes = pattern(200_000, 9);
      await driver.put('report.csv', 'the report of yesterday');
      await driver.put('report.csv.filepart', bytes);
      await driver.store.setAttributes(
        driver.at('report.csv.filepart'),
        { mtime: 1_600_000_000, atime: 1_600_000_001 },
        { followSymlinks: true },
      );
      await driver.store.remove(driver.at('report.csv'));
      await driver.rename('report.csv.filepart', 'report.csv');
      expect(await driver.names()).toEqual(['report.csv']);
      expect((await driver.stat('report.csv')).attributes.mtime).toBe(1_600_000_000);
      expectSameBytes(await driver.get('report.csv'), bytes);
    });

    test('a directory of some hundred files', async () => {
      const { driver } = context;
      await driver.mkdir('many');
      const names = Array.from({ length: 300 }, (_, index) => `file-${index}`);
      await inParallel(names, 16, (name) => driver.put(`many/${name}`, name));
      await driver.rename('many', 'moved');
      expect(await driver.names('moved')).toEqual([...names].sort());
      expect(await driver.text('moved/file-299')).toBe('file-299');
      expect(await driver.names()).toEqual(['moved']);
    });
  });
}
