import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdir, readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StorageError } from '../../src/storage/object-store.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { LocalStore } from '../../src/storage/local/local-store.ts';
import type { LocalStoreOptions } from '../../src/storage/local/local-store.ts';
import type { ClientPath } from '../../src/vfs/client-path.ts';
import { READ_WRITE } from '../../src/vfs/permissions.ts';
import { UserView } from '../../src/vfs/user-view.ts';
import { expectError, listAll, readToEnd, writeAt, writeOptions } from './contract/store-driver.ts';
import { openLocal } from './local-fixture.ts';
import type { LocalFixture } from './local-fixture.ts';
import { storePath } from './store-path.ts';

const FOLLOW = { followSymlinks: true };

/** The whole store as a user sees it: where links are followed. */
function following(store: ObjectStore): ObjectStore {
  const view = new UserView({ directories: [{ entry: '/', store, path: storePath('') }], permissions: READ_WRITE });
  const at = (path: string) => `/${path}` as ClientPath;
  return {
    kind: store.kind,
    capabilities: store.capabilities,
    stat: (path, options) => view.stat(at(path), options),
    list: async function* (path) {
      const stream = await view.openDirectory(at(path));
      for (let page = await stream.next(); page !== undefined; page = await stream.next()) {
        yield page.filter(({ name }) => name !== '.' && name !== '..');
      }
    },
    openRead: (path) => view.openRead(at(path)),
    openWrite: (path, options) => view.openWrite(at(path), options),
    remove: (path) => view.remove(at(path)),
    mkdir: (path, attributes) => view.mkdir(at(path), attributes),
    rmdir: (path) => view.rmdir(at(path)),
    rename: (from, to, options) => view.rename(at(from), at(to), options),
    setAttributes: (path, change, options) => view.setAttributes(at(path), change, options),
    truncate: (path, size) => view.truncate(at(path), size),
    copyFile: (from, to) => store.copyFile(from, to),
    statistics: (path) => view.statistics(at(path)),
    hardlink: (existing, link) => view.hardlink(at(existing), at(link)),
    symlink: (target, link) => view.symlink(target, at(link)),
    readlink: (path) => view.readlink(at(path)),
    close: () => store.close(),
  };
}

async function contentOf(store: ObjectStore, path: string): Promise<string> {
  const handle = await store.openRead(storePath(path));
  try {
    return (await readToEnd(handle)).toString();
  } finally {
    await handle.close();
  }
}

async function put(store: ObjectStore, path: string, text: string): Promise<void> {
  const handle = await store.openWrite(storePath(path), writeOptions());
  await writeAt(handle, 0, text);
  await handle.close();
}

const variants: Record<string, LocalStoreOptions> = {
  'directories pinned in place': { pinDescriptors: true, fileSystem: 'near' },
  'everything in place': { pinDescriptors: true, fileSystem: 'memory' },
  'directories pinned in a thread': { pinDescriptors: true, fileSystem: 'far' },
  'paths checked only': { pinDescriptors: false },
};

for (const [title, variant] of Object.entries(variants)) {
  describe(`LocalStore, ${title}`, () => {
    let fixture: LocalFixture;
    let store: ObjectStore;
    let outside: string;
    const link = (target: string, name: string) => symlink(target, join(fixture.root, name));

    beforeEach(async () => {
      fixture = await openLocal({ symlinks: true, ...variant });
      store = following(fixture.store);
      outside = join(fixture.parent, 'outside');
      await mkdir(outside);
      await writeFile(join(outside, 'secret'), 'secret');
      await mkdir(join(fixture.root, 'd'));
      await writeFile(join(fixture.root, 'd', 'f'), 'inside');
    });

    afterEach(async () => {
      expect(await readdir(outside)).toEqual(['secret']);
      expect(await readFile(join(outside, 'secret'), 'utf8')).toBe('secret');
      expect(await fixture.leftovers()).toEqual([]);
      await fixture.cleanup();
    });

    test('links that stay inside are followed: relative, absolute, in a chain, up and down', async () => {
      await link('d', 'relative');
      await link(join(fixture.root, 'd'), 'absolute');
      await link('../relative/f', 'd/up');
      await link('d/up', 'chain');
      await link('.', 'self');
      expect(await contentOf(store, 'relative/f')).toBe('inside');
      expect(await contentOf(store, 'absolute/f')).toBe('inside');
      expect(await contentOf(store, 'd/up')).toBe('inside');
      expect(await contentOf(store, 'chain')).toBe('inside');
      expect(await contentOf(store, 'self/self/d/f')).toBe('inside');
      expect((await store.stat(storePath('chain'), FOLLOW)).kind).toBe('file');
      expect((await store.stat(storePath('chain'), { followSymlinks: false })).kind).toBe('symlink');
      expect((await store.stat(storePath('self'), FOLLOW)).kind).toBe('directory');
      expect((await listAll(store, storePath('relative'))).map((entry) => entry.name).sort()).toEqual(['f', 'up']);
    });

    test('a write through a link changes its target, and the link stays', async () => {
      await link('d/f', 'link');
      await put(store, 'link', 'written');
      expect(await contentOf(store, 'd/f')).toBe('written');
      expect((await store.stat(storePath('link'), { followSymlinks: false })).kind).toBe('symlink');
      await link('d/new', 'dangling');
      await expectError(store.openRead(storePath('dangling')), 'not-found');
      await put(store, 'dangling', 'made');
      expect(await contentOf(store, 'd/new')).toBe('made');
      await expectError(store.openWrite(storePath('link'), writeOptions({ exclusive: true })), 'exists');
      await store.remove(storePath('link'));
      expect(await contentOf(store, 'd/f')).toBe('written');
      await store.rename(storePath('dangling'), storePath('d/moved'), { overwrite: false });
      expect(await store.readlink(storePath('d/moved'))).toBe('d/new');
    });

    const escapes: readonly (readonly [string, (outside: string, root: string) => string])[] = [
      ['absolute', (to) => to],
      ['relative', () => '../outside'],
      ['from below', () => 'd/../../outside'],
      ['out and in again', () => '../root/d'],
      ['out and in again by an absolute path', (_, root) => `${root}/../root/d`],
      ['to the root of the machine', () => '/'],
      ['to /proc', () => '/proc/self/root'],
      ['to a folder with the same beginning', (_, root) => `${root}-sibling`],
    ];
    test.each(escapes)('a link that leads outside (%s) leads nowhere', async (_, target) => {
      await link(target(outside, fixture.root), 'out');
      const [denied, answered]: [Promise<unknown>[], Promise<unknown>[]] = [[], []];
      for (const path of ['out', 'out/secret', 'out/new', 'out/f', 'out/missing/deep']) {
        denied.push(
          store.stat(storePath(path), FOLLOW),
          store.openRead(storePath(path)),
          listAll(store, storePath(path)),
          store.setAttributes(storePath(path), { mode: 0o777, mtime: 1 }, FOLLOW),
          store.truncate(storePath(path), 0),
          store.statistics(storePath(path)),
          store.copyFile(storePath(path), storePath('copy')),
        );
        if (path !== 'out') {
          denied.push(
            store.openWrite(storePath(path), writeOptions()),
            store.openWrite(storePath(path), writeOptions({ exclusive: true })),
            store.mkdir(storePath(path), {}),
            store.rmdir(storePath(path)),
            store.remove(storePath(path)),
            store.rename(storePath('d/f'), storePath(path), { overwrite: true }),
            store.rename(storePath(path), storePath('copy'), { overwrite: true }),
            store.copyFile(storePath('d/f'), storePath(path)),
            store.hardlink(storePath('d/f'), storePath(path)),
            store.hardlink(storePath(path), storePath('copy')),
            store.symlink('x', storePath(path)),
            store.readlink(storePath(path)),
            store.stat(storePath(path), { followSymlinks: false }),
          );
        }
      }
      answered.push(
        store.openWrite(storePath('out'), writeOptions()),
        store.copyFile(storePath('d/f'), storePath('out')),
      );
      for (const call of denied) await expectError(call, 'permission-denied');
      for (const call of answered) await expectError(call, 'permission-denied', 'is-a-directory');
      expect((await listAll(store, storePath(''))).map((entry) => entry.name).sort()).toEqual(['d', 'out']);
      // The link itself can be seen and taken away.
      expect((await store.stat(storePath('out'), { followSymlinks: false })).kind).toBe('symlink');
      await store.rename(storePath('out'), storePath('renamed'), { overwrite: false });
      await store.remove(storePath('renamed'));
    });

    test('what lies outside gives the same answer whether it is there or not', async () => {
      const answers: unknown[] = [];
      for (const target of [outside, `${outside}/secret`, `${outside}/missing`, '/no/such/thing', '/etc/passwd']) {
        await link(target, 'probe');
        for (const path of ['probe', 'probe/secret', 'probe/x/y']) {
          const error: unknown = await store.stat(storePath(path), FOLLOW).catch((reason: unknown) => reason);
          expect(error).toBeInstanceOf(StorageError);
          const { code, message, detail } = error as StorageError;
          answers.push({ code, message, detail });
        }
        await store.remove(storePath('probe'));
      }
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    });

    test('links in a circle end', async () => {
      await link('b', 'a');
      await link('a', 'b');
      await link('loop/x', 'loop');
      for (const path of ['a', 'loop', 'loop/y', 'a/y']) {
        await expectError(store.openRead(storePath(path)), 'failure');
        await expectError(store.openWrite(storePath(path), writeOptions()), 'failure');
      }
    });

    test('attributes of a link itself', async () => {
      await link(`${outside}/secret`, 'out');
      await store.setAttributes(storePath('out'), { mtime: 1_000_000_000 }, { followSymlinks: false });
      expect((await store.stat(storePath('out'), { followSymlinks: false })).attributes.mtime).toBe(1_000_000_000);
      await expectError(
        store.setAttributes(storePath('out'), { mode: 0o777 }, { followSymlinks: false }),
        'unsupported',
      );
    });

    test('readlink tells targets inside the root as the client sees them', async () => {
      await link(join(fixture.root, 'd', 'f'), 'absolute');
      await link('d/f', 'relative');
      expect(await store.readlink(storePath('absolute'))).toBe('/d/f');
      expect(await store.readlink(storePath('relative'))).toBe('d/f');
      await expectError(store.readlink(storePath('d/f')), 'failure');
      await expectError(store.readlink(storePath('missing')), 'not-found');
      await expectError(store.symlink('', storePath('empty')), 'invalid-name');
      await expectError(store.symlink('a\0b', storePath('nul')), 'invalid-name');
      await expectError(store.symlink('x'.repeat(5000), storePath('long')), 'invalid-name');
    });

    test('a root whose name begins like another is not mixed up with it', async () => {
      const sibling = `${fixture.root}by`;
      await mkdir(sibling);
      await writeFile(join(sibling, 'f'), "bobby's");
      await link('../rootby', 'relative');
      await link(sibling, 'absolute');
      for (const path of ['relative/f', 'absolute/f'])
        await expectError(store.openRead(storePath(path)), 'permission-denied');
    });

    test('a root that is a link itself, and links that use its name', async () => {
      const name = join(fixture.parent, 'name of the root');
      await symlink(fixture.root, name);
      const second = following(await LocalStore.open(name, variant));
      await link(join(name, 'd', 'f'), 'by name');
      expect(await contentOf(second, 'd/f')).toBe('inside');
      expect(await contentOf(second, 'by name')).toBe('inside');
      await second.close();
    });

    test('with the root / everything is inside', async () => {
      const all = following(await LocalStore.open('/', { ...variant, symlinks: true, fsync: 'never' }));
      const path = (name: string) => join(fixture.parent, name).slice(1);
      expect(await contentOf(all, path('root/d/f'))).toBe('inside');
      await link(outside, 'out');
      await link('../../../../../../../../..', 'top');
      expect(await contentOf(all, path('root/out/secret'))).toBe('secret');
      expect(await contentOf(all, path(`root/top${outside}/secret`))).toBe('secret');
      await put(all, path('root/d/g'), 'written');
      expect(await readFile(join(fixture.root, 'd', 'g'), 'utf8')).toBe('written');
      await all.rename(storePath(path('root/d/g')), storePath(path('root/g')), { overwrite: false });
      expect((await listAll(all, storePath(''))).map((entry) => entry.name)).toContain('etc');
      expect((await all.stat(storePath(''), FOLLOW)).kind).toBe('directory');
      await all.close();
    });

    // Without pinning this is promised to nobody: the store's documentation says so.
    const testWherePinned = variant.pinDescriptors ? test : (): void => undefined;
    testWherePinned('a directory that is exchanged for a link in between is never left', async () => {
      await mkdir(join(fixture.root, 'work'));
      await writeFile(join(fixture.root, 'work', 'secret'), 'inside');
      await link(outside, 'evil');
      const [work, evil, away] = ['work', 'evil', 'away'].map((name) => join(fixture.root, name)) as [
        string,
        string,
        string,
      ];
      let swapping = true;
      let swaps = 0;
      const swap = async () => {
        while (swapping) {
          await rename(work, away);
          await rename(evil, work);
          await rename(work, evil);
          await rename(away, work);
          swaps += 1;
        }
      };
      const outcomes = { done: 0, refused: 0 };
      const attempt = async (action: () => Promise<void>) => {
        try {
          await action();
          outcomes.done += 1;
        } catch (error) {
          expect(error).toBeInstanceOf(StorageError);
          expect(['not-found', 'permission-denied', 'failure']).toContain((error as StorageError).code);
          outcomes.refused += 1;
        }
      };
      const use = async (user: string) => {
        for (let round = 0; round < 200; round += 1) {
          await attempt(async () => {
            expect(await contentOf(store, 'work/secret')).toBe('inside');
          });
          await attempt(() => put(store, `work/new ${user} ${round}`, 'x'));
          await attempt(() => store.mkdir(storePath(`work/dir ${user} ${round}`), {}));
          await attempt(async () => {
            for (const entry of await listAll(store, storePath('work')))
              expect(entry.name).toMatch(/^(secret|new|dir)/);
          });
          await attempt(() => store.setAttributes(storePath('work/secret'), { mode: 0o600 }, FOLLOW));
        }
      };
      await Promise.all([
        swap(),
        Promise.all([use('one'), use('two')]).finally(() => {
          swapping = false;
        }),
      ]);
      expect(swaps).toBeGreaterThan(10);
      expect(outcomes.done).toBeGreaterThan(10);
      expect(outcomes.refused).toBeGreaterThan(10);
    });
  });
}
