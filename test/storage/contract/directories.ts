import { describe, expect, test } from '@jest/globals';
import type { ContractContext } from './store-contract.ts';
import { expectError, inParallel, listAll } from './store-driver.ts';
import { storePath } from '../store-path.ts';

export function describeDirectories(context: ContractContext): void {
  describe('directories', () => {
    test('are made, listed, and removed when they are empty', async () => {
      const { driver } = context;
      await driver.mkdir('d');
      const { kind, attributes } = await driver.stat('d');
      expect(kind).toBe('directory');
      expect(attributes.mode & 0o170000).toBe(0o040000);
      expect(await driver.names('d')).toEqual([]);
      await driver.put('d/f', 'x');
      await expectError(driver.store.rmdir(driver.at('d')), 'not-empty');
      expect(await driver.text('d/f')).toBe('x');
      await driver.store.remove(driver.at('d/f'));
      expect(await driver.names('d')).toEqual([]);
      expect((await driver.stat('d')).kind).toBe('directory');
      await driver.store.rmdir(driver.at('d'));
      expect(await driver.exists('d')).toBe(false);
      expect(await driver.names()).toEqual([]);
    });

    test('with an empty directory in them are not removed', async () => {
      const { driver } = context;
      await driver.mkdir('d');
      await driver.mkdir('d/e');
      await expectError(driver.store.rmdir(driver.at('d')), 'not-empty');
      expect((await driver.stat('d/e')).kind).toBe('directory');
    });

    test('are not made where something is', async () => {
      const { driver } = context;
      await driver.mkdir('d');
      await driver.put('f', 'file');
      await expectError(driver.mkdir('d'), 'exists');
      await expectError(driver.mkdir('f'), 'exists');
      await expectError(driver.store.mkdir(storePath(''), {}), 'exists');
      expect(await driver.text('f')).toBe('file');
    });

    test('are no files: remove, rmdir and list tell them apart', async () => {
      const { driver } = context;
      await driver.mkdir('d');
      await driver.put('f', 'file');
      await expectError(driver.store.remove(driver.at('d')), 'is-a-directory');
      await expectError(driver.store.rmdir(driver.at('f')), 'not-a-directory');
      await expectError(driver.list('f'), 'not-a-directory');
      await expectError(driver.store.remove(driver.at('missing')), 'not-found');
      await expectError(driver.store.rmdir(driver.at('missing')), 'not-found');
      await expectError(driver.list('missing'), 'not-found');
      await expectError(driver.stat('missing'), 'not-found');
      expect(await driver.names()).toEqual(['d', 'f']);
    });

    test('files are removed', async () => {
      const { driver } = context;
      await driver.put('f', 'file');
      await driver.put('g', 'stays');
      await driver.store.remove(driver.at('f'));
      await expectError(driver.stat('f'), 'not-found');
      await expectError(driver.store.remove(driver.at('f')), 'not-found');
      expect(await driver.names()).toEqual(['g']);
    });

    test('the root is a directory that is listed but neither removed nor made', async () => {
      const opened = await context.open({ partialUploads: 'store' });
      try {
        const { store } = opened;
        expect((await store.stat(storePath(''), { followSymlinks: true })).kind).toBe('directory');
        expect(await listAll(store, storePath(''))).toEqual([]);
        await expectError(store.rmdir(storePath('')), 'permission-denied', 'failure');
        await expectError(store.remove(storePath('')), 'is-a-directory');
        await store.mkdir(storePath('top'), {});
        expect((await listAll(store, storePath(''))).map(({ name, kind }) => ({ name, kind }))).toEqual([
          { name: 'top', kind: 'directory' },
        ]);
        await store.rmdir(storePath('top'));
        expect(await listAll(store, storePath(''))).toEqual([]);
        expect((await store.stat(storePath(''), { followSymlinks: true })).kind).toBe('directory');
      } finally {
        await opened.cleanup();
      }
    });

    test('a listing tells kind, size and time of each entry', async () => {
      const { driver } = context;
      const before = Math.floor(Date.now() / 1000) - 120;
      await driver.put('f', 'x'.repeat(1234));
      await driver.mkdir('d');
      const entries = new Map((await driver.list()).map((entry) => [entry.name, entry]));
      expect([...entries.keys()].sort()).toEqual(['d', 'f']);
      expect(entries.get('f')?.kind).toBe('file');
      expect(entries.get('f')?.attributes.size).toBe(1234);
      expect(entries.get('f')?.attributes.mtime).toBeGreaterThan(before);
      expect((entries.get('f')?.attributes.mode ?? 0) & 0o170000).toBe(0o100000);
      expect(entries.get('d')?.kind).toBe('directory');
      expect((entries.get('d')?.attributes.mode ?? 0) & 0o170000).toBe(0o040000);
    });

    test('a listing does not descend, and does not mix neighbours with the same beginning', async () => {
      const { driver } = context;
      await driver.mkdir('a');
      await driver.mkdir('a/b');
      await driver.put('a/b/c', '1');
      await driver.put('a/f', '2');
      await driver.put('a.txt', '3');
      await driver.mkdir('ab');
      await driver.put('ab/x', '4');
      expect(await driver.names()).toEqual(['a', 'a.txt', 'ab']);
      expect(await driver.names('a')).toEqual(['b', 'f']);
      expect(await driver.names('a/b')).toEqual(['c']);
      expect(await driver.names('ab')).toEqual(['x']);
    });

    test('that change while they are listed show each entry that stays exactly once', async () => {
      const { driver } = context;
      const names = Array.from({ length: 600 }, (_, index) => `${index % 3 === 0 ? 'goes' : 'stays'} ${index}`);
      await inParallel(names, 32, (name) => driver.put(name, ''));
      const listed: string[] = [];
      let added = 0;
      for await (const page of driver.store.list(driver.directory)) {
        listed.push(...page.map((entry) => entry.name));
        const going = page.filter((entry) => entry.name.startsWith('goes')).slice(0, 20);
        await inParallel(going, 8, (entry) => driver.store.remove(driver.at(entry.name)));
        if (added < 20) await driver.put(`new ${added++}`, '');
      }
      const stays = (name: string) => name.startsWith('stays');
      expect(listed.filter(stays).sort()).toEqual(names.filter(stays).sort());
      expect(new Set(listed).size).toBe(listed.length);
    });

    test('of 2,500 entries each is listed exactly once, in pages', async () => {
      const { driver } = context;
      const names = Array.from({ length: 2500 }, (_, index) => `entry ${String(index).padStart(4, '0')}`);
      await inParallel(names, 32, (name) => driver.put(name, name));
      const listed: string[] = [];
      let pages = 0;
      for await (const page of driver.store.list(driver.directory)) {
        expect(page.length).toBeLessThanOrEqual(1024);
        pages += 1;
        listed.push(...page.map((entry) => entry.name));
      }
      expect(pages).toBeGreaterThan(1);
      expect(listed.sort()).toEqual(names);
      const [first] = await firstPage(driver.store.list(driver.directory));
      expect(first?.kind).toBe('file');
    }, 600_000);
  });
}

/** Takes one page and lets go, as a client does that closes the directory early. */
async function firstPage<T>(pages: AsyncIterable<readonly T[]>): Promise<readonly T[]> {
  for await (const page of pages) return page;
  return [];
}
