import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { lstat, mkdir, readdir, readFile, readlink, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StorageError } from '../../src/storage/object-store.ts';
import type { OpenWriteOptions } from '../../src/storage/object-store.ts';
import type { LocalStoreOptions } from '../../src/storage/local/local-store.ts';
import { MemoryStore } from '../../src/storage/memory/memory-store.ts';
import type { LogicalDirectory } from '../../src/vfs/mount-table.ts';
import { PERMISSIONS, READ_ONLY, READ_WRITE } from '../../src/vfs/permissions.ts';
import type { Permission } from '../../src/vfs/permissions.ts';
import { UserView } from '../../src/vfs/user-view.ts';
import { openLocal } from '../storage/local-fixture.ts';
import type { LocalFixture } from '../storage/local-fixture.ts';
import { storePath } from '../storage/store-path.ts';

const NEW: OpenWriteOptions = {
  create: true,
  exclusive: false,
  truncate: true,
  append: false,
  read: false,
  attributes: {},
};
const FOLLOW = { followSymlinks: true };
const denied = { code: 'permission-denied' };

let fixture: LocalFixture;

async function open(options: LocalStoreOptions = {}): Promise<void> {
  fixture = await openLocal({ symlinks: true, ...options });
  for (const directory of ['alice', 'bob', 'shared', 'log']) await mkdir(join(fixture.root, directory));
  await writeFile(join(fixture.root, 'bob', 'secret'), "bob's");
  await writeFile(join(fixture.root, 'shared', 'doc'), 'shared');
}

afterEach(async () => {
  expect(await fixture.leftovers()).toEqual([]);
  await fixture.cleanup();
});

const onDisk = (...names: string[]): string => join(fixture.root, ...names);
const link = (target: string, ...names: string[]): Promise<void> => symlink(target, onDisk(...names));

function viewOf(directories: readonly Omit<LogicalDirectory, 'store'>[]): UserView {
  return new UserView({
    directories: directories.map((directory) => ({ ...directory, store: fixture.store })),
    permissions: READ_WRITE,
  });
}

const homeOf = (path: string): UserView => viewOf([{ entry: '/', path: storePath(path) }]);

const logical = (): UserView =>
  viewOf([
    { entry: '/own', path: storePath('log') },
    { entry: '/shared', path: storePath('shared'), permissions: READ_ONLY },
  ]);

async function get(view: UserView, path: string): Promise<string> {
  const file = await view.openRead(view.resolve(path));
  try {
    return (await file.read(0, 1024)).toString();
  } finally {
    await file.close();
  }
}

async function put(view: UserView, path: string, text: string, options: Partial<OpenWriteOptions> = {}): Promise<void> {
  const file = await view.openWrite(view.resolve(path), { ...NEW, ...options });
  await file.write(0, [Buffer.from(text)]);
  await file.close();
}

async function names(view: UserView, path: string): Promise<string[]> {
  const stream = await view.openDirectory(view.resolve(path));
  const found: string[] = [];
  for (let page = await stream.next(); page !== undefined; page = await stream.next()) {
    found.push(...page.map(({ name }) => name));
  }
  await stream.close();
  return found.filter((name) => !name.startsWith('.')).sort();
}

/** Every operation on what a link leads to. */
function everything(view: UserView, path: string): Record<string, () => Promise<unknown>> {
  const at = view.resolve(path);
  const own = view.resolve('/kept');
  return {
    stat: () => view.stat(at, FOLLOW),
    list: () => names(view, path),
    read: () => get(view, path),
    write: () => put(view, path, 'planted'),
    append: () => put(view, path, 'planted', { truncate: false, create: false }),
    setAttributes: () => view.setAttributes(at, { mode: 0o600, mtime: 1 }, FOLLOW),
    truncate: () => view.truncate(at, 0),
    statistics: () => view.statistics(at),
    'list below': () => names(view, `${path}/below`),
    'write below': () => put(view, `${path}/planted`, 'planted'),
    'write a new one below': () => put(view, `${path}/planted`, 'planted', { exclusive: true }),
    'make a directory below': () => view.mkdir(view.resolve(`${path}/planted`), {}),
    'remove below': () => view.remove(view.resolve(`${path}/secret`)),
    'remove a directory below': () => view.rmdir(view.resolve(`${path}/secret`)),
    'rename from below': () => view.rename(view.resolve(`${path}/secret`), view.resolve('/got'), { overwrite: true }),
    'rename to below': () => view.rename(own, view.resolve(`${path}/planted`), { overwrite: true }),
    'hard link from below': () => view.hardlink(view.resolve(`${path}/secret`), view.resolve('/got')),
    'hard link to below': () => view.hardlink(own, view.resolve(`${path}/planted`)),
    'symbolic link below': () => view.symlink('secret', view.resolve(`${path}/planted`)),
    'readlink below': () => view.readlink(view.resolve(`${path}/secret`)),
    'lstat below': () => view.stat(view.resolve(`${path}/secret`), { followSymlinks: false }),
  };
}

const variants: Record<string, LocalStoreOptions> = {
  'directories pinned in place': { pinDescriptors: true, fileSystem: 'near' },
  'everything in place': { pinDescriptors: true, fileSystem: 'memory' },
  'directories pinned in a thread': { pinDescriptors: true, fileSystem: 'far' },
  'paths checked only': { pinDescriptors: false },
};

for (const [title, variant] of Object.entries(variants)) {
  describe(`links of a local store, ${title}`, () => {
    describe.each([true, false])('with "symlinks": %s', (symlinks) => {
      beforeEach(() => open({ ...variant, symlinks }));

      test.each([
        ['to the neighbour', '../bob'],
        ['to his file', '../bob/secret'],
        ['to the neighbour, on the disk', 'DISK/bob'],
        ['to his file, on the disk', 'DISK/bob/secret'],
        ['through the home and out', 'below/../../bob'],
        ['on the disk, in and out', 'DISK/alice/../bob'],
        ['on the disk, up and down', 'DISK/alice/below/../../bob'],
        ['to the root of the machine', '/'],
        ['to a file of the machine', '/etc/passwd'],
        ['a chain', 'chain'],
      ])('that lead out of a home lead nowhere: %s', async (_, target) => {
        await mkdir(onDisk('alice', 'below'));
        await writeFile(onDisk('alice', 'kept'), 'kept');
        await link('../../bob', 'alice', 'below', 'next');
        await link('below/next', 'alice', 'chain');
        await link(target.replace('DISK', fixture.root), 'alice', 'out');
        const alice = homeOf('alice');
        for (const [operation, run] of Object.entries(everything(alice, '/out'))) {
          const error: unknown = await run().catch((reason: unknown) => reason);
          const refused =
            symlinks || !/^(symbolic link|readlink)/.test(operation) ? 'permission-denied' : 'unsupported';
          expect([operation, error instanceof StorageError && error.code]).toEqual([operation, refused]);
        }
        expect(await readdir(onDisk('bob'))).toEqual(['secret']);
        expect(await readFile(onDisk('bob', 'secret'), 'utf8')).toBe("bob's");
        expect(await names(alice, '/')).toEqual(['below', 'chain', 'kept', 'out']);
      });

      test('in the home are followed as before, on the way and at the end', async () => {
        await mkdir(onDisk('alice', 'd'));
        await writeFile(onDisk('alice', 'd', 'f'), 'inside');
        await link('d', 'alice', 'relative');
        await link(onDisk('alice', 'd'), 'alice', 'absolute');
        await link('../relative/../d/./f', 'alice', 'd', 'g');
        await link('.', 'alice', 'self');
        const alice = homeOf('alice');
        for (const path of ['/relative/f', '/absolute/f', '/d/g', '/self/self/absolute/g']) {
          expect(await get(alice, path)).toBe('inside');
        }
        await put(alice, '/absolute/new', 'made');
        expect(await readFile(onDisk('alice', 'd', 'new'), 'utf8')).toBe('made');
        expect((await lstat(onDisk('alice', 'absolute'))).isSymbolicLink()).toBe(true);
      });

      test('on the way to a home are nobody else than the operator’s: they are not followed', async () => {
        await link('bob', 'carol');
        await link('alice', 'dora');
        for (const home of ['carol', 'dora', 'carol/deep']) {
          const view = homeOf(home);
          await expect(view.prepare()).rejects.toMatchObject(denied);
          await expect(get(view, '/secret')).rejects.toMatchObject(denied);
          await expect(names(view, '/')).rejects.toMatchObject(denied);
          await expect(put(view, '/planted', 'x')).rejects.toMatchObject(denied);
        }
        expect(await readdir(onDisk('alice'))).toEqual([]);
        expect(await readdir(onDisk('bob'))).toEqual(['secret']);
      });
    });

    describe('in a view of several directories', () => {
      beforeEach(() => open(variant));

      test('have the permissions of where they end: read-only stays read-only', async () => {
        const view = logical();
        await view.symlink('../shared', view.resolve('/own/relative'));
        await view.symlink('/shared', view.resolve('/own/absolute'));
        await view.symlink('../shared/doc', view.resolve('/own/file'));
        for (const path of ['/own/relative', '/own/absolute']) {
          expect(await names(view, path)).toEqual(['doc']);
          expect(await get(view, `${path}/doc`)).toBe('shared');
          await expect(put(view, `${path}/planted`, 'x')).rejects.toMatchObject(denied);
          await expect(view.remove(view.resolve(`${path}/doc`))).rejects.toMatchObject(denied);
          await expect(view.mkdir(view.resolve(`${path}/d`), {})).rejects.toMatchObject(denied);
          const doc = view.resolve(`${path}/doc`);
          await expect(view.rename(doc, view.resolve('/own/got'), { overwrite: false })).rejects.toMatchObject(denied);
          await expect(view.hardlink(doc, view.resolve('/own/got'))).rejects.toMatchObject(denied);
          await expect(view.setAttributes(doc, { mode: 0o600 }, FOLLOW)).rejects.toMatchObject(denied);
        }
        expect(await get(view, '/own/file')).toBe('shared');
        await expect(put(view, '/own/file', 'x')).rejects.toMatchObject(denied);
        await expect(view.truncate(view.resolve('/own/file'), 0)).rejects.toMatchObject(denied);
        expect(await readFile(onDisk('shared', 'doc'), 'utf8')).toBe('shared');
        expect(await readdir(onDisk('shared'))).toEqual(['doc']);
      });

      test('that lie where little is allowed may lead to where more is', async () => {
        await mkdir(onDisk('log', 'd'));
        await writeFile(onDisk('log', 'd', 'old'), 'old');
        await link('../own/d', 'shared', 'through');
        await link('../own/d/old', 'shared', 'file');
        const view = logical();
        await put(view, '/shared/through/new', 'new');
        await put(view, '/shared/file', 'changed');
        expect(await readFile(onDisk('log', 'd', 'old'), 'utf8')).toBe('changed');
        await view.remove(view.resolve('/shared/through/new'));
        expect(await readdir(onDisk('log', 'd'))).toEqual(['old']);
        // The links themselves are where nothing may be removed.
        await expect(view.remove(view.resolve('/shared/through'))).rejects.toMatchObject(denied);
        await expect(put(view, '/shared/file', 'x', { exclusive: true })).rejects.toMatchObject(denied);
      });

      test('an open file has the permissions of where it is, not of the name that it was opened by', async () => {
        const noAttributes = new Set<Permission>(PERMISSIONS.filter((permission) => permission !== 'setAttributes'));
        const view = viewOf([
          { entry: '/own', path: storePath('log') },
          { entry: '/drop', path: storePath('shared'), permissions: noAttributes },
        ]);
        await view.symlink('../drop/doc', view.resolve('/own/doc'));
        const at = view.resolve('/own/doc');
        const file = await view.openWrite(at, { ...NEW, truncate: false });
        expect(() => {
          view.require('setAttributes', at, file);
        }).toThrow('not allowed');
        await file.abandon({ discard: true });
      });

      test('lead nowhere where the user sees nothing, not even beside the mapped directories', async () => {
        await link('../bob/secret', 'log', 'beside');
        await link('../../bob/secret', 'log', 'above');
        await link(onDisk('bob', 'secret'), 'log', 'disk');
        await link('..', 'log', 'up');
        const view = logical();
        await expect(get(view, '/own/beside')).rejects.toMatchObject({ code: 'not-found' });
        await expect(get(view, '/own/above')).rejects.toMatchObject(denied);
        await expect(get(view, '/own/disk')).rejects.toMatchObject(denied);
        expect(await names(view, '/own/up')).toEqual(['own', 'shared']);
        await expect(get(view, '/own/up/bob/secret')).rejects.toMatchObject({ code: 'not-found' });
        const mount = view.resolve('/own/up/own');
        await expect(view.rename(mount, view.resolve('/own/x'), { overwrite: true })).rejects.toMatchObject(denied);
        await expect(view.rmdir(mount)).rejects.toMatchObject(denied);
      });

      test('an absolute one is found where the view shows its place, and not through what hides it', async () => {
        await mkdir(onDisk('log', 'sub'));
        await writeFile(onDisk('log', 'sub', 'f'), 'hidden');
        await link(onDisk('log', 'sub', 'f'), 'log', 'to hidden');
        await link(onDisk('shared', 'doc'), 'log', 'to doc');
        const view = viewOf([
          { entry: '/', path: storePath('log') },
          { entry: '/sub', path: storePath('shared') },
        ]);
        expect(await get(view, '/to doc')).toBe('shared');
        expect(await view.readlink(view.resolve('/to doc'))).toBe('/sub/doc');
        await expect(get(view, '/to hidden')).rejects.toMatchObject(denied);
        expect(await view.readlink(view.resolve('/to hidden'))).toBe('/');
      });

      test('a link met on one of two paths in two stores is not taken for the other’s', async () => {
        const other = new MemoryStore();
        await other.mkdir(storePath('d'), {});
        await mkdir(onDisk('log', 'real'));
        await writeFile(onDisk('log', 'real', 'f'), 'moved');
        await link('real', 'log', 'd');
        const view = new UserView({
          directories: [
            { entry: '/from', store: fixture.store, path: storePath('log') },
            { entry: '/to', store: other, path: storePath('') },
          ],
          permissions: READ_WRITE,
        });
        await view.rename(view.resolve('/from/d/f'), view.resolve('/to/d/f'), { overwrite: false });
        expect(await get(view, '/to/d/f')).toBe('moved');
        expect(await readdir(onDisk('log', 'real'))).toEqual([]);
      });
    });

    describe('made by clients', () => {
      beforeEach(() => open(variant));

      test('with an absolute target can be followed, and read back as they were made', async () => {
        for (const view of [homeOf('alice'), homeOf('')]) {
          await view.mkdir(view.resolve('/d'), {});
          await put(view, '/d/f', 'found');
          await view.symlink('/d/f', view.resolve('/absolute'));
          await view.symlink('/d', view.resolve('/d/up'));
          expect(await view.readlink(view.resolve('/absolute'))).toBe('/d/f');
          expect(await get(view, '/absolute')).toBe('found');
          expect(await get(view, '/d/up/up/f')).toBe('found');
        }
        // Other programs of this machine follow it to the same file.
        expect(await readFile(onDisk('alice', 'absolute'), 'utf8')).toBe('found');
        expect(await readlink(onDisk('alice', 'absolute'))).toBe(onDisk('alice', 'd', 'f'));
      });

      test('chains and circles end', async () => {
        const view = homeOf('alice');
        await put(view, '/l0', 'end');
        for (let index = 1; index <= 41; index += 1) {
          await view.symlink(`l${index - 1}`, view.resolve(`/l${index}`));
        }
        expect(await get(view, '/l40')).toBe('end');
        await expect(get(view, '/l41')).rejects.toMatchObject({ code: 'failure' });
        await view.symlink('circle/x', view.resolve('/circle'));
        await view.symlink('/b', view.resolve('/a'));
        await view.symlink('/a', view.resolve('/b'));
        for (const path of ['/circle', '/a', '/a/x']) {
          await expect(get(view, path)).rejects.toMatchObject({ code: 'failure' });
          await expect(put(view, path, 'x')).rejects.toMatchObject({ code: 'failure' });
          await expect(view.realpath(path)).rejects.toMatchObject({ code: 'failure' });
        }
        await view.symlink('d/../'.repeat(400), view.resolve('/up and down'));
        await view.mkdir(view.resolve('/d'), {});
        await expect(names(view, '/up and down')).rejects.toMatchObject({ code: 'failure' });
      });

      test('`..` in a target goes back from where the link before it leads; what is missing is no way back', async () => {
        const view = homeOf('alice');
        for (const directory of ['/a', '/a/b', '/x']) await view.mkdir(view.resolve(directory), {});
        await put(view, '/a/f', 'physical');
        await put(view, '/x/f', 'lexical');
        await view.symlink('/a/b', view.resolve('/x/link'));
        await view.symlink('x/link/../f', view.resolve('/back'));
        await view.symlink('missing/../a/f', view.resolve('/through nothing'));
        await view.symlink('a/f/../f', view.resolve('/through a file'));
        expect(await get(view, '/back')).toBe('physical');
        await expect(get(view, '/through nothing')).rejects.toMatchObject({ code: 'not-found' });
        await expect(get(view, '/through a file')).rejects.toMatchObject({ code: 'not-a-directory' });
      });
    });

    describe('REALPATH', () => {
      beforeEach(() => open(variant));

      test('resolves links as the user sees them, and takes the missing as it is written', async () => {
        const view = logical();
        await view.mkdir(view.resolve('/own/d'), {});
        await view.symlink('d', view.resolve('/own/l'));
        await view.symlink('/shared/doc', view.resolve('/own/doc'));
        await view.symlink('d/new', view.resolve('/own/dangling'));
        await view.symlink('../../out', view.resolve('/own/out'));
        const answers = {
          '/own/l': '/own/d',
          '/own/l/': '/own/d',
          '/own/l/..': '/own',
          '/own/l/x': '/own/d/x',
          '/own/l/../l/./x': '/own/d/x',
          '/own/doc': '/shared/doc',
          '/own/dangling': '/own/d/new',
          '/own/missing/deep/../x': '/own/missing/x',
          '/nowhere/../own/l': '/own/d',
          '/../..': '/',
          '/own': '/own',
          '.': '/',
        };
        for (const [path, expected] of Object.entries(answers)) {
          expect([path, await view.realpath(path)]).toEqual([path, expected]);
        }
        await expect(view.realpath('/own/out')).rejects.toMatchObject(denied);
        const home = new UserView({
          directories: [{ entry: '/', store: fixture.store, path: storePath('log') }],
          home: '/l',
          permissions: READ_WRITE,
        });
        expect(await home.realpath('.')).toBe('/d');
        expect(await home.realpath('..')).toBe('/');
      });
    });

    // Without pinning this is promised to nobody: the store's documentation says so.
    const describeWherePinned = variant.pinDescriptors === true ? describe : (): void => undefined;
    describeWherePinned('that are exchanged while they are used', () => {
      beforeEach(() => open(variant));

      test('never lead out of the home, nor into what is read-only', async () => {
        await mkdir(onDisk('log', 'work'));
        await writeFile(onDisk('log', 'work', 'secret'), 'own');
        await link(onDisk('bob'), 'log', 'evil');
        const at = (name: string): string => onDisk('log', name);
        let swapping = true;
        let swaps = 0;
        const swap = async (): Promise<void> => {
          while (swapping) {
            await rename(at('work'), at('away'));
            await rename(at('evil'), at('work'));
            await rename(at('work'), at('evil'));
            await rename(at('away'), at('work'));
            swaps += 1;
          }
        };
        const outcomes = { done: 0, refused: 0 };
        const attempt = async (action: () => Promise<void>): Promise<void> => {
          try {
            await action();
            outcomes.done += 1;
          } catch (error) {
            if (!(error instanceof StorageError)) throw error;
            expect(['not-found', 'permission-denied', 'failure', 'exists', 'not-a-directory']).toContain(error.code);
            outcomes.refused += 1;
          }
        };
        const own = homeOf('log');
        const view = viewOf([
          { entry: '/own', path: storePath('log') },
          { entry: '/bobs', path: storePath('bob'), permissions: READ_ONLY },
        ]);
        const use = async (): Promise<void> => {
          for (let round = 0; round < 150; round += 1) {
            await attempt(async () => {
              expect(await get(own, '/work/secret')).toBe('own');
            });
            await attempt(() => put(own, `/work/new${round}`, 'x'));
            await attempt(() => put(view, `/own/work/new${round}`, 'x'));
            await attempt(() => view.mkdir(view.resolve(`/own/work/dir${round}`), {}));
            await attempt(() => view.remove(view.resolve('/own/work/new0')));
            await attempt(() => view.setAttributes(view.resolve('/own/work/secret'), { mode: 0o640 }, FOLLOW));
          }
        };
        await Promise.all([
          swap(),
          use().finally(() => {
            swapping = false;
          }),
        ]);
        expect(swaps).toBeGreaterThan(10);
        expect(outcomes.done).toBeGreaterThan(10);
        expect(outcomes.refused).toBeGreaterThan(10);
        expect(await readdir(onDisk('bob'))).toEqual(['secret']);
        expect(((await lstat(onDisk('bob', 'secret'))).mode & 0o777).toString(8)).not.toBe('640');
      });
    });
  });
}
