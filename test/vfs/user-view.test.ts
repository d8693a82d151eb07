import { describe, expect, test } from '@jest/globals';
import { MemoryStore } from '../../src/storage/memory/memory-store.ts';
import type { ObjectStore, OpenWriteOptions } from '../../src/storage/object-store.ts';
import type { ClientPath } from '../../src/vfs/client-path.ts';
import type { LogicalDirectory } from '../../src/vfs/mount-table.ts';
import { PERMISSIONS, READ_ONLY, READ_WRITE } from '../../src/vfs/permissions.ts';
import { UserView, type UserViewOptions } from '../../src/vfs/user-view.ts';
import { storePath } from '../storage/store-path.ts';

const NEW: OpenWriteOptions = {
  create: true,
  exclusive: false,
  truncate: true,
  append: false,
  read: false,
  attributes: {},
};

function viewOf(directories: readonly LogicalDirectory[], options: Partial<UserViewOptions> = {}): UserView {
  return new UserView({ directories, permissions: READ_WRITE, ...options });
}

async function put(view: UserView, path: string, text: string): Promise<void> {
  const file = await view.openWrite(view.resolve(path), NEW);
  await file.write(0, [Buffer.from(text)]);
  await file.close();
}

async function get(view: UserView, path: string): Promise<string> {
  const file = await view.openRead(view.resolve(path));
  const data = await file.read(0, 1024 * 1024);
  await file.close();
  return data.toString();
}

async function names(view: UserView, path: string): Promise<string[]> {
  const stream = await view.openDirectory(view.resolve(path));
  const found: string[] = [];
  for (let page = await stream.next(); page !== undefined; page = await stream.next()) {
    found.push(...page.map(({ name }) => name));
  }
  await stream.close();
  return found;
}

const at = (view: UserView, path: string): ClientPath => view.resolve(path);
const denied = { code: 'permission-denied' };
const missing = { code: 'not-found' };

describe('a home', () => {
  test('is all that there is: no path leads out of it', async () => {
    const store = new MemoryStore();
    const outside = viewOf([{ entry: '/', store, path: storePath('') }]);
    await store.mkdir(storePath('u'), {});
    await store.mkdir(storePath('u/bob'), {});
    await store.mkdir(storePath('u/bobby'), {});
    await put(outside, '/secret', 's');
    await put(outside, '/u/bobby/theirs', 't');
    const bob = viewOf([{ entry: '/', store, path: storePath('u/bob') }]);
    await put(bob, '/mine', 'm');
    expect(await get(bob, '/../../../mine')).toBe('m');
    for (const path of ['/../../secret', '../../secret', '/../bobby/theirs', '/u/bobby/theirs', '/..\\secret']) {
      await expect(bob.openRead(at(bob, path))).rejects.toMatchObject(missing);
    }
    expect(await names(bob, '/..')).toEqual(['.', '..', 'mine']);
    expect(await get(outside, '/u/bob/mine')).toBe('m');
  });

  test('below the root is where relative paths begin', async () => {
    const view = viewOf([{ entry: '/', store: new MemoryStore(), path: storePath('') }], { home: '/home/u' });
    expect(view.resolve('')).toBe('/home/u');
    expect(view.resolve('a/../b')).toBe('/home/u/b');
    expect(view.resolve('../..')).toBe('/');
    await expect(view.stat(view.home, { followSymlinks: true })).rejects.toMatchObject(missing);
  });

  test('that the store does not have yet is an empty directory, and is made by prepare', async () => {
    const store = new MemoryStore();
    const view = viewOf([{ entry: '/', store, path: storePath('new/user') }]);
    expect(await view.stat(at(view, '/'), { followSymlinks: true })).toMatchObject({ kind: 'directory' });
    expect(await names(view, '/')).toEqual(['.', '..']);
    await Promise.all([view.prepare(), view.prepare()]);
    await put(view, '/a', 'x');
    expect(await names(view, '/')).toEqual(['.', '..', 'a']);
  });

  test('cannot be removed, renamed or replaced', async () => {
    const store = new MemoryStore();
    const view = viewOf([{ entry: '/', store, path: storePath('') }]);
    await put(view, '/a', 'x');
    await expect(view.remove(at(view, '/'))).rejects.toMatchObject(denied);
    await expect(view.rmdir(at(view, '/.'))).rejects.toMatchObject(denied);
    await expect(view.rename(at(view, '/'), at(view, '/b'), { overwrite: true })).rejects.toMatchObject(denied);
    await expect(view.rename(at(view, '/a'), at(view, '/'), { overwrite: true })).rejects.toMatchObject(denied);
    await expect(view.mkdir(at(view, '/'), {})).rejects.toMatchObject({ code: 'exists' });
  });

  test.each([['relative'], ['/nowhere']])('%s is no home', (home) => {
    expect(() => viewOf([{ entry: '/a', store: new MemoryStore(), path: storePath('') }], { home })).toThrow(
      RangeError,
    );
  });
});

describe('logical directories', () => {
  async function three(): Promise<{ view: UserView; first: MemoryStore; second: MemoryStore }> {
    const first = new MemoryStore();
    const second = new MemoryStore();
    await first.mkdir(storePath('in'), {});
    await first.mkdir(storePath('reports'), {});
    const view = viewOf([
      { entry: '/inbox', store: first, path: storePath('in') },
      { entry: '/partners/acme/reports', store: first, path: storePath('reports'), permissions: READ_ONLY },
      { entry: '/partners/other', store: second, path: storePath('') },
    ]);
    return { view, first, second };
  }

  test('show their parents, which can be listed and not written', async () => {
    const { view } = await three();
    expect(await names(view, '/')).toEqual(['.', '..', 'inbox', 'partners']);
    expect(await names(view, '/partners')).toEqual(['.', '..', 'acme', 'other']);
    expect(await names(view, '/partners/acme')).toEqual(['.', '..', 'reports']);
    expect(await view.stat(at(view, '/partners'), { followSymlinks: false })).toMatchObject({
      kind: 'directory',
      attributes: { mode: 0o040555 },
    });
    for (const path of ['/new', '/partners/new', '/partners/acme/new']) {
      await expect(view.openWrite(at(view, path), NEW)).rejects.toMatchObject(denied);
      await expect(view.mkdir(at(view, path), {})).rejects.toMatchObject(denied);
      await expect(view.stat(at(view, path), { followSymlinks: true })).rejects.toMatchObject(missing);
    }
    await expect(view.openRead(at(view, '/partners'))).rejects.toMatchObject({ code: 'is-a-directory' });
    await expect(view.mkdir(at(view, '/partners'), {})).rejects.toMatchObject({ code: 'exists' });
    await expect(view.openWrite(at(view, '/no/such/place'), NEW)).rejects.toMatchObject(missing);
    await expect(view.setAttributes(at(view, '/'), { mode: 0 }, { followSymlinks: true })).rejects.toMatchObject(
      denied,
    );
  });

  test('keep what is written in their own place', async () => {
    const { view, first, second } = await three();
    await put(view, '/inbox/a', 'A');
    await put(view, '/partners/other/b', 'B');
    expect(await first.stat(storePath('in/a'), { followSymlinks: true })).toMatchObject({ attributes: { size: 1 } });
    expect(await second.stat(storePath('b'), { followSymlinks: true })).toMatchObject({ attributes: { size: 1 } });
    expect(await names(view, '/inbox')).toEqual(['.', '..', 'a']);
    expect(await get(view, '/inbox/../partners/other/b')).toBe('B');
  });

  test('have their own permissions, never more than those of the user', async () => {
    const { view, first } = await three();
    const file = await first.openWrite(storePath('reports/r'), NEW);
    await file.write(0, [Buffer.from('R')]);
    await file.close();
    expect(await get(view, '/partners/acme/reports/r')).toBe('R');
    const report = at(view, '/partners/acme/reports/r');
    await expect(view.openWrite(report, NEW)).rejects.toMatchObject(denied);
    await expect(view.remove(report)).rejects.toMatchObject(denied);
    await expect(view.truncate(report, 0)).rejects.toMatchObject(denied);
    await expect(view.rename(report, at(view, '/inbox/r'), { overwrite: false })).rejects.toMatchObject(denied);
    await put(view, '/inbox/x', 'X');
    await expect(view.rename(at(view, '/inbox/x'), report, { overwrite: true })).rejects.toMatchObject(denied);
    const weak = viewOf([{ entry: '/', store: first, path: storePath(''), permissions: READ_WRITE }], {
      permissions: READ_ONLY,
    });
    await expect(weak.openWrite(at(weak, '/y'), NEW)).rejects.toMatchObject(denied);
  });

  test('cannot be moved or removed, nor what is above them', async () => {
    const { view } = await three();
    for (const path of ['/inbox', '/partners', '/partners/other']) {
      await expect(view.rename(at(view, path), at(view, '/inbox/x'), { overwrite: true })).rejects.toMatchObject(
        denied,
      );
      await expect(view.rmdir(at(view, path))).rejects.toMatchObject(denied);
    }
  });

  test('overlap: the longest entry wins, and shadows what is in the store below it', async () => {
    const outer = new MemoryStore();
    const inner = new MemoryStore();
    await outer.mkdir(storePath('a'), {});
    await outer.mkdir(storePath('a/b'), {});
    const all = viewOf([{ entry: '/', store: outer, path: storePath('') }]);
    await put(all, '/a/b/hidden', 'h');
    await put(all, '/a/file', 'f');
    const view = viewOf([
      { entry: '/', store: outer, path: storePath('') },
      { entry: '/a/b', store: inner, path: storePath('') },
      { entry: '/deep/er', store: inner, path: storePath('') },
    ]);
    await put(view, '/a/b/shown', 's');
    expect(await names(view, '/a/b')).toEqual(['.', '..', 'shown']);
    expect((await names(view, '/a')).sort()).toEqual(['.', '..', 'b', 'file']);
    expect((await names(view, '/')).sort()).toEqual(['.', '..', 'a', 'deep']);
    expect(await names(view, '/deep')).toEqual(['.', '..', 'er']);
    await expect(view.rename(at(view, '/a'), at(view, '/z'), { overwrite: false })).rejects.toMatchObject(denied);
    await expect(view.rmdir(at(view, '/a'))).rejects.toMatchObject(denied);
  });

  test('may show a single file', async () => {
    const store = new MemoryStore();
    await put(viewOf([{ entry: '/', store, path: storePath('') }]), '/deep.txt', 'd');
    const view = viewOf([{ entry: '/shown/as.txt', store, path: storePath('deep.txt') }]);
    expect(await get(view, '/shown/as.txt')).toBe('d');
    expect(await names(view, '/shown')).toEqual(['.', '..', 'as.txt']);
  });

  test.each([
    ['a relative entry', [['inbox', 'x']]],
    ['an entry with a trailing slash', [['/inbox/', 'x']]],
    ['an entry with ..', [['/a/../b', 'x']]],
    ['a target with a leading slash', [['/a', '/x']]],
    ['a target with ..', [['/a', 'x/../y']]],
    [
      'two equal entries',
      [
        ['/a', 'x'],
        ['/a', 'y'],
      ],
    ],
  ])('%s is refused', (_what, pairs) => {
    const store = new MemoryStore();
    const directories = pairs.map(([entry = '', path = '']) => ({ entry, store, path: storePath(path) }));
    expect(() => viewOf(directories)).toThrow(RangeError);
  });

  test('statistics of a virtual directory are those of a store below it', async () => {
    const { view, first } = await three();
    expect(await view.statistics(at(view, '/'))).toEqual(await first.statistics(storePath('')));
  });

  test('capabilities are those that at least one store has', async () => {
    const { view } = await three();
    expect(view.capabilities).toEqual({ hardlink: false, symlink: false, holdsSymlinks: false, serverSideCopy: true });
  });
});

describe('moving between stores', () => {
  function two(
    partialUploads: 'store' | 'discard' = 'store',
    failing?: 'write' | 'commit',
  ): { view: UserView; from: MemoryStore; to: MemoryStore } {
    const from = new MemoryStore();
    const to = new MemoryStore({
      partialUploads,
      before: (operation) => {
        if (operation === failing) throw Object.assign(new Error('no'), { code: 'unavailable' });
        return undefined;
      },
    });
    const view = viewOf([
      { entry: '/from', store: from, path: storePath('') },
      { entry: '/to', store: to, path: storePath('') },
    ]);
    return { view, from, to };
  }

  test('copies the bytes, keeps mode and times, deletes the source last', async () => {
    const { view, from } = two();
    const text = 'x'.repeat(3_000_000);
    await put(view, '/from/a', text);
    await view.setAttributes(at(view, '/from/a'), { mode: 0o640, mtime: 1_000_000_000 }, { followSymlinks: true });
    await view.rename(at(view, '/from/a'), at(view, '/to/b'), { overwrite: false });
    const moved = await view.openRead(at(view, '/to/b'));
    expect((await moved.read(0, 4_000_000)).toString()).toBe(text);
    expect((await moved.stat()).attributes).toMatchObject({ mode: 0o100640, mtime: 1_000_000_000 });
    await expect(from.stat(storePath('a'), { followSymlinks: true })).rejects.toMatchObject(missing);
    await moved.close();
  });

  test('refuses an existing target unless it is to be replaced', async () => {
    const { view } = two();
    await put(view, '/from/a', 'A');
    await put(view, '/to/b', 'B');
    await expect(view.rename(at(view, '/from/a'), at(view, '/to/b'), { overwrite: false })).rejects.toMatchObject({
      code: 'exists',
    });
    expect(await get(view, '/to/b')).toBe('B');
    await view.rename(at(view, '/from/a'), at(view, '/to/b'), { overwrite: true });
    expect(await get(view, '/to/b')).toBe('A');
  });

  test.each(['store', 'discard'] as const)('that fails leaves the source and no half a target (%s)', async (policy) => {
    for (const step of ['write', 'commit'] as const) {
      const { view, from, to } = two(policy, step);
      await put(view, '/from/a', 'A');
      await expect(view.rename(at(view, '/from/a'), at(view, '/to/b'), { overwrite: true })).rejects.toThrow();
      expect(await get(view, '/from/a')).toBe('A');
      await expect(to.stat(storePath('b'), { followSymlinks: true })).rejects.toMatchObject(missing);
      expect(from.openHandles + to.openHandles).toBe(0);
    }
  });

  test('of a directory is unsupported', async () => {
    const { view } = two();
    await view.mkdir(at(view, '/from/d'), {});
    await expect(view.rename(at(view, '/from/d'), at(view, '/to/d'), { overwrite: false })).rejects.toMatchObject({
      code: 'unsupported',
    });
  });

  test('inside one store, across two mapped directories, is a rename of the store', async () => {
    const store = new MemoryStore();
    await store.mkdir(storePath('x'), {});
    await store.mkdir(storePath('y'), {});
    const view = viewOf([
      { entry: '/a', store, path: storePath('x') },
      { entry: '/b', store, path: storePath('y') },
    ]);
    await view.mkdir(at(view, '/a/d'), {});
    await put(view, '/a/d/f', 'F');
    await view.rename(at(view, '/a/d'), at(view, '/b/d'), { overwrite: false });
    expect(await get(view, '/b/d/f')).toBe('F');
  });

  test('a directory does not move into itself', async () => {
    const { view } = two();
    await view.mkdir(at(view, '/from/d'), {});
    await expect(view.rename(at(view, '/from/d'), at(view, '/from/d/e'), { overwrite: false })).rejects.toMatchObject({
      code: 'failure',
    });
  });
});

describe('symbolic links', () => {
  function linking(): { store: ObjectStore; made: string[] } {
    const store = new MemoryStore();
    const made: string[] = [];
    store.symlink = (target, link) => {
      made.push(`${link} -> ${target}`);
      return Promise.resolve();
    };
    store.readlink = (link) => Promise.resolve(link.endsWith('abs') ? '/u/bob/target' : 'beside');
    return { store, made };
  }

  test('to an absolute path begin at the root of the view, whatever the store makes of it', async () => {
    const { store, made } = linking();
    const view = viewOf([{ entry: '/home', store, path: storePath('u/bob') }]);
    await view.symlink('/home/target', at(view, '/home/link'));
    await view.symlink('../x', at(view, '/home/relative'));
    expect(made).toEqual(['u/bob/link -> /u/bob/target', 'u/bob/relative -> ../x']);
    expect(await view.readlink(at(view, '/home/abs'))).toBe('/home/target');
    expect(await view.readlink(at(view, '/home/rel'))).toBe('beside');
    await expect(view.symlink('/elsewhere', at(view, '/home/link'))).rejects.toMatchObject(missing);
  });

  test('of a whole store are kept letter by letter', async () => {
    const { store, made } = linking();
    const view = viewOf([{ entry: '/', store, path: storePath('') }]);
    await view.symlink('/a/../b//c', at(view, '/link'));
    expect(made).toEqual(['link -> /a/../b//c']);
  });
});

test('every permission that a view does not have is missed by some operation', async () => {
  const store = new MemoryStore();
  const all = viewOf([{ entry: '/', store, path: storePath('') }]);
  await put(all, '/f', 'f');
  await all.mkdir(at(all, '/d'), {});
  for (const permission of PERMISSIONS) {
    const permissions = new Set(PERMISSIONS.filter((other) => other !== permission));
    const view = viewOf([{ entry: '/', store, path: storePath('') }], { permissions });
    const attempt = {
      list: () => view.openDirectory(at(view, '/')),
      read: () => view.openRead(at(view, '/f')),
      write: () => view.openWrite(at(view, '/f'), NEW),
      delete: () => view.remove(at(view, '/f')),
      rename: () => view.rename(at(view, '/f'), at(view, '/g'), { overwrite: false }),
      mkdir: () => view.mkdir(at(view, '/new'), {}),
      setAttributes: () => view.setAttributes(at(view, '/f'), { mode: 0o600 }, { followSymlinks: true }),
    }[permission];
    await expect(attempt()).rejects.toMatchObject(denied);
  }
});

describe('a mapped file', () => {
  const fileView = (store: ObjectStore): UserView =>
    viewOf([
      { entry: '/in', store, path: storePath('in') },
      { entry: '/report', store, path: storePath('reports/today'), isFile: true },
    ]);

  test('is read and written, and shown once it is there', async () => {
    const view = fileView(new MemoryStore());
    await view.prepare();
    expect(await names(view, '/')).toEqual(['.', '..', 'in']);
    await expect(view.stat(at(view, '/report'), { followSymlinks: true })).rejects.toMatchObject(missing);
    await put(view, '/report', 'all is well');
    expect(await get(view, '/report')).toBe('all is well');
    expect(await names(view, '/')).toEqual(['.', '..', 'in', 'report']);
  });

  test('is no way to what is below a directory of its name', async () => {
    const store = new MemoryStore();
    const all = viewOf([{ entry: '/', store, path: storePath('') }]);
    for (const directory of ['reports', 'reports/today']) await store.mkdir(storePath(directory), {});
    await put(all, '/reports/today/secret', 's');
    const view = fileView(store);
    await view.prepare();
    expect(await names(view, '/')).toEqual(['.', '..', 'in']);
    await expect(view.openDirectory(at(view, '/report'))).rejects.toMatchObject(missing);
    await expect(view.stat(at(view, '/report'), { followSymlinks: true })).rejects.toMatchObject(missing);
    for (const work of [
      () => view.openRead(at(view, '/report/secret')),
      () => view.openWrite(at(view, '/report/new'), NEW),
      () => view.remove(at(view, '/report/secret')),
      () => view.stat(at(view, '/report/secret'), { followSymlinks: true }),
      () => view.rename(at(view, '/report/secret'), at(view, '/in/secret'), { overwrite: false }),
    ]) {
      await expect(work()).rejects.toMatchObject({ code: 'not-a-directory' });
    }
    expect(await get(all, '/reports/today/secret')).toBe('s');
  });

  test('is never made a directory', async () => {
    const view = fileView(new MemoryStore());
    await view.prepare();
    await expect(view.mkdir(at(view, '/report'), {})).rejects.toMatchObject(denied);
    await expect(view.mkdir(at(view, '/report/in'), {})).rejects.toMatchObject({ code: 'not-a-directory' });
  });
});
