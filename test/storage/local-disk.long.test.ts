import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { chmod, chown, link, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pinByDescriptor } from '../../src/storage/local/directory-ref.ts';
import { IN_PLACE, IN_THREADS } from '../../src/storage/local/file-calls.ts';
import { LocalStore } from '../../src/storage/local/local-store.ts';
import { NearDirectories } from '../../src/storage/local/near-directories.ts';
import { PathResolver } from '../../src/storage/local/path-resolver.ts';
import {
  expectError,
  expectSameBytes,
  inParallel,
  KEEP,
  pattern,
  StoreDriver,
  writeAt,
} from './contract/store-driver.ts';
import { openLocal } from './local-fixture.ts';
import type { LocalFixture } from './local-fixture.ts';
import { storePath } from './store-path.ts';

const isRoot = process.getuid?.() === 0;
const NOBODY = 65534;

function tmpfs(folder: string, size: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder], { stdio: 'ignore' });
}

function unmount(folder: string): void {
  execFileSync('umount', [folder], { stdio: 'ignore' });
}

const mountable = ((): boolean => {
  if (!isRoot) return false;
  const folder = mkdtempSync(join(tmpdir(), 'latticeport-mount-'));
  try {
    tmpfs(folder, '64k');
    unmount(folder);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
})();
const testMounted = mountable ? test : test.skip;

/** Another user who can read the sources and run this Node. */
const otherUserWorks =
  isRoot &&
  spawnSync(
    process.execPath,
    ['--no-warnings', '-e', `require(${JSON.stringify(resolve('src/storage/store-path.ts'))})`],
    {
      uid: NOBODY,
      gid: NOBODY,
      stdio: 'ignore',
    },
  ).status === 0;
const testOtherUser = otherUserWorks ? test : test.skip;

describe('LocalStore on its disk', () => {
  let fixture: LocalFixture;
  let driver: StoreDriver;
  const onDisk = (name: string) => join(fixture.root, name);

  beforeEach(async () => {
    fixture = await openLocal();
    driver = new StoreDriver(fixture, storePath(''));
  });

  afterEach(async () => {
    expect(await fixture.leftovers()).toEqual([]);
    await fixture.cleanup();
  });

  testMounted('a full disk: no-space, the handle fails, the old files stay, nothing is left', async () => {
    await mkdir(onDisk('small'));
    tmpfs(onDisk('small'), '1m');
    try {
      const old = pattern(600_000, 1);
      await driver.put('small/f', old);
      const handle = await driver.openWrite('small/f');
      await handle.write(0, [pattern(200_000)]);
      const writes = [1, 2, 3, 4].map((index) => handle.write(index * 200_000, [pattern(200_000)]));
      const outcomes = await Promise.allSettled(writes);
      expect(outcomes.map((outcome) => outcome.status)).toContain('rejected');
      await expectError(writeAt(handle, 0, 'x'), 'no-space');
      await expectError(handle.truncate(0), 'no-space');
      await expectError(handle.sync(), 'no-space');
      await expectError(handle.close(), 'no-space');
      expectSameBytes(await driver.get('small/f'), old);

      const abandoned = await driver.openWrite('small/g');
      await expectError(abandoned.write(0, [pattern(2_000_000)]), 'no-space');
      expect(await abandoned.abandon()).toBe('discarded');

      // The old bytes do not fit a second time.
      const resumed = await driver.openWrite('small/f', KEEP);
      await expectError(writeAt(resumed, 600_000, 'more'), 'no-space');
      await expectError(resumed.close(), 'no-space');
      await expectError(driver.store.copyFile(storePath('small/f'), storePath('small/copy')), 'no-space');
      await expectError(driver.store.truncate(storePath('small/f'), 599_999), 'no-space');

      expectSameBytes(await driver.get('small/f'), old);
      expect(await driver.names('small')).toEqual(['f']);
      expect(await readdir(onDisk('small'))).toEqual(['f']);
      await driver.store.remove(storePath('small/f'));
      await driver.put('small/f', pattern(900_000));
    } finally {
      unmount(onDisk('small'));
    }
  });

  testMounted.each([
    { kind: 'near', calls: IN_THREADS },
    { kind: 'memory', calls: IN_PLACE },
  ])('what lies on another file system is not taken for $kind', async ({ calls }) => {
    const { dev } = await stat(fixture.root);
    const resolver = new PathResolver(fixture.root, fixture.root, pinByDescriptor, new NearDirectories(dev, calls));
    const near = async (path: string): Promise<boolean> => {
      const { directory } = await resolver.located(storePath(path));
      directory.release();
      return directory.near;
    };
    await mkdir(onDisk('other'));
    await symlink('other', onDisk('link'));
    await writeFile(onDisk('f'), 'here');
    // What was just seen to be near is looked at again.
    expect(await near('other/new')).toBe(true);
    tmpfs(onDisk('other'), '1m');
    try {
      await writeFile(onDisk('other/f'), 'there');
      expect([await near('f'), await near('new'), await near('link')]).toEqual([true, true, true]);
      expect([await near('other'), await near('other/f'), await near('other/new')]).toEqual([false, false, false]);
      // A link is not followed here, wherever it leads.
      await expect(near('link/f')).rejects.toMatchObject({ code: 'permission-denied' });
    } finally {
      unmount(onDisk('other'));
    }
  });

  testMounted('renames between file systems: files move whole, directories are refused', async () => {
    await mkdir(onDisk('other'));
    tmpfs(onDisk('other'), '8m');
    try {
      const bytes = pattern(3_000_000);
      await driver.put('f', bytes, { attributes: { mtime: 1_000_000_000, mode: 0o640 } });
      await driver.rename('f', 'other/f');
      expect(await driver.names()).toEqual(['other']);
      expectSameBytes(await driver.get('other/f'), bytes);
      const { mtime, mode } = (await driver.stat('other/f')).attributes;
      expect({ mtime, mode: mode & 0o777 }).toEqual({ mtime: 1_000_000_000, mode: 0o640 });
      await driver.put('f', 'in the way');
      await expectError(driver.rename('other/f', 'f'), 'exists');
      expect(await driver.names('other')).toEqual(['f']);
      await driver.rename('other/f', 'f', true);
      expectSameBytes(await driver.get('f'), bytes);
      await driver.mkdir('d');
      await driver.put('d/x', 'kept');
      await expectError(driver.rename('d', 'other/d'), 'unsupported');
      expect(await driver.text('d/x')).toBe('kept');
      expect(await driver.names('other')).toEqual([]);
      await expectError(driver.store.hardlink(storePath('f'), storePath('other/h')), 'unsupported');
    } finally {
      unmount(onDisk('other'));
    }
  });

  testOtherUser('as a user without rights: permission-denied, where open(2) would have said so', async () => {
    await chmod(fixture.parent, 0o755);
    await mkdir(onDisk('mine'), { mode: 0o755 });
    await mkdir(onDisk('open'));
    await chown(onDisk('open'), NOBODY, NOBODY);
    for (const [name, mode] of [
      ['mine/private', 0o600],
      ['mine/readable', 0o644],
      ['open/readonly', 0o444],
    ] as const) {
      await writeFile(onDisk(name), 'content');
      await chmod(onDisk(name), mode);
    }
    const script = `
      const { LocalStore } = await import(${JSON.stringify(resolve('src/storage/local/local-store.ts'))});
      const store = await LocalStore.open(${JSON.stringify(fixture.root)}, { fsync: 'never' });
      const options = { create: true, exclusive: false, truncate: true, append: false, read: false, attributes: {} };
      const answers = {};
      const ask = async (name, call) => {
        try { await call(); answers[name] = 'ok'; } catch (error) { answers[name] = error.code; }
      };
      const put = async (path, more = {}) => {
        const handle = await store.openWrite(path, { ...options, ...more });
        await handle.write(0, [Buffer.from('new')]);
        await handle.close();
      };
      await ask('read private', () => store.openRead('mine/private'));
      await ask('read readable', async () => (await store.openRead('mine/readable')).close());
      await ask('write readable', () => put('mine/readable'));
      await ask('create in mine', () => put('mine/new'));
      await ask('keep in mine', () => put('mine/readable', { truncate: false }));
      await ask('write readonly', () => put('open/readonly'));
      await ask('create in open', () => put('open/new'));
      await ask('chown', () => store.setAttributes('open/new', { uid: 0, gid: 0 }, { followSymlinks: true }));
      await ask('chown of a handle', async () => {
        const handle = await store.openWrite('open/new', options);
        await handle.write(0, [Buffer.from('newer')]);
        try { await handle.setAttributes({ uid: 0 }); } finally { await handle.close(); }
      });
      await ask('owner at open', () => put('open/owned', { attributes: { uid: 0, gid: 0 } }));
      await ask('chmod', () => store.setAttributes('mine/readable', { mode: 0o777 }, { followSymlinks: true }));
      await ask('remove', () => store.remove('mine/readable'));
      await ask('mkdir', () => store.mkdir('mine/d', {}));
      await ask('rename', () => store.rename('open/new', 'mine/new', { overwrite: false }));
      process.stdout.write(JSON.stringify(answers));
    `;
    const { stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', '--input-type=module', '-e', script], {
      uid: NOBODY,
      gid: NOBODY,
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    const denied = 'permission-denied';
    expect(JSON.parse(stdout)).toEqual({
      'read private': denied,
      'read readable': 'ok',
      'write readable': denied,
      'create in mine': denied,
      'keep in mine': denied,
      'write readonly': denied,
      'create in open': 'ok',
      chown: denied,
      'chown of a handle': denied,
      'owner at open': 'ok',
      chmod: denied,
      remove: denied,
      mkdir: denied,
      rename: denied,
    });
    // The refused chown did not spoil the upload.
    expect(await readFile(onDisk('open/new'), 'utf8')).toBe('newer');
    expect(await readFile(onDisk('open/readonly'), 'utf8')).toBe('content');
  });

  test('names that are no UTF-8 are hidden, those with U+FFFD are not', async () => {
    await writeFile(Buffer.concat([Buffer.from(`${fixture.root}/bad `), Buffer.from([0xff, 0xc3])]), 'x');
    await driver.put('good \ufffd name', 'x');
    expect(await driver.names()).toEqual(['good \ufffd name']);
  });

  test('pipes and other special files are shown, and not opened', async () => {
    execFileSync('mkfifo', [onDisk('pipe')]);
    const [entry] = await driver.list();
    expect(entry?.kind).toBe('other');
    await expectError(driver.store.openRead(storePath('pipe')), 'unsupported');
    await expectError(driver.openWrite('pipe'), 'unsupported');
    await expectError(driver.openWrite('pipe', KEEP), 'unsupported');
    await expectError(driver.store.truncate(storePath('pipe'), 0), 'unsupported');
    await expectError(driver.store.copyFile(storePath('pipe'), storePath('copy')), 'unsupported');
    await driver.rename('pipe', 'renamed pipe');
    await driver.store.remove(storePath('renamed pipe'));
  });

  test('an upload is not seen under its name before it is whole, and its mode is that of open(2)', async () => {
    const handle = await driver.openWrite('f', { attributes: { mode: 0o666 } });
    await writeAt(handle, 0, 'content');
    expect((await readdir(fixture.root)).filter((name) => !name.startsWith('.'))).toEqual([]);
    await handle.close();
    await writeFile(join(fixture.parent, 'reference'), '', { mode: 0o666 });
    expect((await stat(onDisk('f'))).mode).toBe((await stat(join(fixture.parent, 'reference'))).mode);
  });

  test('a file with other hard links is replaced, not written into', async () => {
    await driver.put('f', 'old');
    await link(onDisk('f'), join(fixture.parent, 'backup'));
    await driver.put('f', 'new');
    await driver.store.truncate(storePath('f'), 1);
    expect(await readFile(join(fixture.parent, 'backup'), 'utf8')).toBe('old');
    expect(await driver.text('f')).toBe('n');
  });

  test('a big copy over a file keeps the mode of that file', async () => {
    await driver.put('big', pattern(2 << 20), { attributes: { mode: 0o600 } });
    await driver.put('target', 'x', { attributes: { mode: 0o644 } });
    await driver.store.copyFile(storePath('big'), storePath('target'));
    expectSameBytes(await driver.get('target'), pattern(2 << 20));
    expect((await driver.stat('target')).attributes.mode & 0o7777).toBe(0o644);
  });

  test('a rename at the moment of an upload to the same name loses neither', async () => {
    for (let round = 0; round < 300; round += 1) {
      const version = `version ${round}`;
      await Promise.all([
        driver.put('a', version),
        driver.rename('a', `b${round}`).catch((error: unknown) => {
          expect(error).toMatchObject({ code: 'not-found' });
        }),
      ]);
      const places = [];
      for (const name of ['a', `b${round}`]) if (await driver.exists(name)) places.push(await driver.text(name));
      expect(places).toContain(version);
    }
  });

  test('an upload whose old file is renamed away while it is opened makes a new one', async () => {
    for (let round = 0; round < 2000; round += 1) {
      const upload = async (): Promise<void> => {
        const handle = await driver.openWrite('a', { create: true, truncate: round % 2 === 0 });
        await writeAt(handle, 0, `version ${round}`);
        // What it changes has gone: that is told, and nothing is stored.
        if (round % 2 === 1)
          await handle.close().catch((error: unknown) => expect(error).toMatchObject({ code: 'changed' }));
        else await handle.close();
      };
      const rename = async (): Promise<void> => {
        for (let turn = 0; turn < round % 7; turn += 1) await new Promise(setImmediate);
        await driver.store.rename(storePath('a'), storePath('b'), { overwrite: true }).catch((error: unknown) => {
          expect(error).toMatchObject({ code: 'not-found' });
        });
      };
      await Promise.all([upload(), rename()]);
    }
  });

  test('set-user-id bits do not pass to new content', async () => {
    await driver.put('f', 'old');
    await chmod(onDisk('f'), 0o4755);
    await driver.put('f', 'new');
    expect((await stat(onDisk('f'))).mode & 0o7777).toBe(0o755);
  });

  test('a file that another program makes longer or shorter can be read on', async () => {
    await writeFile(onDisk('log'), 'one\n');
    const handle = await driver.store.openRead(storePath('log'));
    expect((await handle.read(0, 100)).toString()).toBe('one\n');
    await writeFile(onDisk('log'), 'two\n', { flag: 'a' });
    expect((await handle.read(4, 100)).toString()).toBe('two\n');
    await writeFile(onDisk('log'), '');
    expect(await handle.read(0, 100)).toHaveLength(0);
    await handle.close();
  });

  test('copies and resumes keep the holes of a sparse file', async () => {
    const size = 64 * 1024 * 1024;
    const handle = await driver.openWrite('sparse');
    await handle.truncate(size);
    await writeAt(handle, size - 4, 'tail');
    await handle.close();
    await driver.store.copyFile(storePath('sparse'), storePath('copy'));
    const resumed = await driver.openWrite('sparse', KEEP);
    await writeAt(resumed, size, 'more');
    await resumed.close();
    for (const name of ['sparse', 'copy']) {
      const { size: bytes, blocks } = await stat(onDisk(name));
      expect(bytes).toBe(name === 'sparse' ? size + 4 : size);
      expect(blocks * 512).toBeLessThan(4 * 1024 * 1024);
    }
    const end = await readAndClose('copy', size - 6, 10);
    expect(end.toString()).toBe('\0\0tail');
  });

  test('nothing is left open by thousands of operations, failing ones among them', async () => {
    const names = Array.from({ length: 300 }, (_, index) => `f${index}`);
    await driver.mkdir('d');
    await inParallel(names, 20, async (name) => {
      await driver.put(name, name);
      await driver.get(name);
      await driver.store.copyFile(storePath(name), storePath(`d/${name}`));
      await expectError(driver.rename(name, `d/${name}`), 'exists');
      await expectError(driver.openWrite(`no/${name}`), 'not-found');
      await expectError(driver.openWrite(`${name}/x`), 'not-a-directory');
      await expectError(driver.openWrite(name, { exclusive: true }), 'exists');
      await expectError(driver.openWrite('d'), 'is-a-directory');
      await expectError(driver.store.openRead(storePath('d')), 'is-a-directory');
      await expectError(driver.list(name), 'not-a-directory');
      await expectError(driver.store.statistics(storePath('missing')), 'not-found');
      for await (const page of driver.store.list(storePath(''))) if (page.length > 0) break;
      const abandoned = await driver.openWrite(name, { ...KEEP, read: true });
      await abandoned.read(0, 10);
      await abandoned.abandon();
      await driver.rename(name, `renamed ${name}`);
      await driver.store.setAttributes(storePath(`renamed ${name}`), { mtime: 5 }, { followSymlinks: true });
      await driver.store.remove(storePath(`renamed ${name}`));
    });
    expect(await driver.names()).toEqual(['d']);
    expect(await driver.names('d')).toHaveLength(300);
  });

  test('close of a reader waits for reads in flight', async () => {
    await driver.put('f', pattern(4_000_000));
    const handle = await driver.store.openRead(storePath('f'));
    const reads = Array.from({ length: 16 }, (_, index) => handle.read(index * 250_000, 250_000));
    await handle.close();
    expectSameBytes(Buffer.concat(await Promise.all(reads)), pattern(4_000_000));
  });

  test('a root that is no directory is refused with a typed error', async () => {
    await writeFile(join(fixture.parent, 'file'), 'x');
    await expectError(LocalStore.open(join(fixture.parent, 'file')), 'exists', 'not-a-directory');
    await expectError(LocalStore.open(join(fixture.parent, 'file', 'below')), 'not-a-directory');
  });

  async function readAndClose(name: string, offset: number, length: number): Promise<Buffer> {
    const handle = await driver.store.openRead(storePath(name));
    try {
      return await handle.read(offset, length);
    } finally {
      await handle.close();
    }
  }
});
