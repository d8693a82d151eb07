import { describe, expect, test } from '@jest/globals';
import type { ObjectStore, StorePath } from '../../../src/storage/object-store.ts';
import type { ContractContext } from './store-contract.ts';
import { expectError, listAll, writeOptions } from './store-driver.ts';
import { storePath } from '../store-path.ts';

const ODD_NAMES = [
  'with space',
  ' leading and trailing ',
  '  ',
  "single'quote",
  'double"quote',
  'per%20cent',
  '%2e%2e',
  '100%',
  '.hidden',
  '...',
  '..a',
  'a..',
  '-rf',
  '~',
  '#hash?query&amp=1+2',
  'a+b=c;d,e',
  '[glob]*?{x}',
  'back\\slash',
  'colon:name',
  '<angle>',
  'pipe|dollar$(x)`y`',
  'Ünïcödé',
  'e\u0301 decomposed',
  '\u00e9 composed',
  '日本語',
  'emoji 🧪',
  'עברית',
  'replacement \ufffd character',
  'UPPER',
  'upper',
  'n'.repeat(200),
];

const HOSTILE_PATHS: readonly StorePath[] = [
  storePath('/'),
  storePath('/a'),
  storePath('a/'),
  storePath('//'),
  storePath('a//b'),
  storePath('.'),
  storePath('..'),
  storePath('./a'),
  storePath('../x'),
  storePath('a/..'),
  storePath('a/.'),
  storePath('a/../b'),
  storePath('a/./b'),
  storePath('../../../../../../etc/passwd'),
  storePath('d/../../x'),
  storePath('a\0b'),
  storePath('\0'),
  storePath('a/b\0/c'),
  storePath('lone \ud800 surrogate'),
];

/** Every operation that takes a path, with the path in each of its places. */
const OPERATIONS: readonly (readonly [
  string,
  (store: ObjectStore, path: StorePath, other: StorePath) => Promise<unknown>,
])[] = [
  ['stat', (store, path) => store.stat(path, { followSymlinks: true })],
  ['lstat', (store, path) => store.stat(path, { followSymlinks: false })],
  ['list', (store, path) => listAll(store, path)],
  ['openRead', (store, path) => store.openRead(path)],
  ['openWrite', (store, path) => store.openWrite(path, writeOptions())],
  ['openWrite to keep', (store, path) => store.openWrite(path, writeOptions({ create: false, truncate: false }))],
  ['remove', (store, path) => store.remove(path)],
  ['mkdir', (store, path) => store.mkdir(path, {})],
  ['rmdir', (store, path) => store.rmdir(path)],
  ['rename from', (store, path, other) => store.rename(path, storePath(`${other}-target`), { overwrite: false })],
  ['rename to', (store, path, other) => store.rename(other, path, { overwrite: true })],
  ['setAttributes', (store, path) => store.setAttributes(path, { mtime: 1 }, { followSymlinks: true })],
  ['truncate', (store, path) => store.truncate(path, 0)],
  ['copyFile from', (store, path, other) => store.copyFile(path, storePath(`${other}-target`))],
  ['copyFile to', (store, path, other) => store.copyFile(other, path)],
  ['statistics', (store, path) => store.statistics(path)],
];

const LINK_OPERATIONS: typeof OPERATIONS = [
  ['hardlink from', (store, path, other) => store.hardlink(path, storePath(`${other}-target`))],
  ['hardlink to', (store, path, other) => store.hardlink(other, path)],
  ['symlink', (store, path) => store.symlink('x', path)],
  ['readlink', (store, path) => store.readlink(path)],
];

export function describeNames(context: ContractContext): void {
  describe('names', () => {
    test('odd but valid names are kept apart and come back as they are', async () => {
      const { driver } = context;
      for (const name of ODD_NAMES) await driver.put(name, `content of ${ODD_NAMES.indexOf(name)}`);
      expect((await driver.names()).sort()).toEqual([...ODD_NAMES].sort());
      for (const name of ODD_NAMES) {
        expect([name, await driver.text(name)]).toEqual([name, `content of ${ODD_NAMES.indexOf(name)}`]);
      }
      await driver.mkdir('moved');
      for (const name of ODD_NAMES) await driver.rename(name, `moved/${name}`);
      expect((await driver.names('moved')).sort()).toEqual([...ODD_NAMES].sort());
      for (const name of ODD_NAMES) await driver.store.copyFile(driver.at(`moved/${name}`), driver.at(name));
      for (const name of ODD_NAMES) await driver.store.remove(driver.at(`moved/${name}`));
      await driver.store.rmdir(driver.at('moved'));
      expect((await driver.names()).sort()).toEqual([...ODD_NAMES].sort());
    });

    test('odd but valid names of directories', async () => {
      const { driver } = context;
      for (const name of ODD_NAMES) {
        await driver.mkdir(name);
        await driver.put(`${name}/${name}`, 'deep');
        expect(await driver.names(name)).toEqual([name]);
      }
      expect((await driver.names()).sort()).toEqual([...ODD_NAMES].sort());
      expect((await driver.list()).every((entry) => entry.kind === 'directory')).toBe(true);
    });

    test.each(OPERATIONS)('%s refuses what is no store path', async (_, operation) => {
      const { driver } = context;
      await driver.put('other', 'kept');
      for (const path of HOSTILE_PATHS) {
        await expectError(operation(driver.store, path, driver.at('other')), 'invalid-name');
        if (!path.startsWith('/')) {
          await expectError(operation(driver.store, driver.at(path), driver.at('other')), 'invalid-name');
        }
      }
      expect(await driver.names()).toEqual(['other']);
      expect(await driver.text('other')).toBe('kept');
    });

    test.each(LINK_OPERATIONS)('%s refuses what is no store path', async (_, operation) => {
      const { driver } = context;
      await driver.put('other', 'kept');
      for (const path of HOSTILE_PATHS) {
        await expectError(operation(driver.store, path, driver.at('other')), 'invalid-name', 'unsupported');
      }
      expect(await driver.names()).toEqual(['other']);
    });

    test.each(OPERATIONS)('%s answers invalid-name to a name that is too long', async (_, operation) => {
      const { driver } = context;
      await driver.put('other', 'kept');
      for (const path of ['n'.repeat(2000), 'ü'.repeat(1500), 'n'.repeat(100_000)]) {
        await expectError(operation(driver.store, driver.at(path), driver.at('other')), 'invalid-name');
      }
      expect(await driver.names()).toEqual(['other']);
    });

    test('names that differ only in case are two names', async () => {
      const { driver } = context;
      await driver.put('Case', '1');
      await driver.put('case', '2');
      expect(await driver.text('Case')).toBe('1');
      expect(await driver.text('case')).toBe('2');
    });
  });
}
