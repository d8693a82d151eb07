import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { LocalStore } from '../../src/storage/local/local-store.ts';
import { isAbandonedPart, isReservedName, newPartName } from '../../src/storage/local/part-name.ts';
import { expectError, listAll, writeAt, writeOptions } from './contract/store-driver.ts';
import { openLocal, partFiles } from './local-fixture.ts';
import type { LocalFixture } from './local-fixture.ts';
import { storePath } from './store-path.ts';

const MACHINE = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
const NOBODY_HAS_THIS_PID = 2 ** 31 - 2;
const HOUR = 3600;

/** A part file as a process that is gone would have left it. */
function deadPart(machine = MACHINE): string {
  return `.${machine}.${NOBODY_HAS_THIS_PID}.12345.${'a1'.repeat(8)}.latticeport-part`;
}

/** A store in a process of its own, with an upload under way; resolves when the bytes are there. */
async function uploaderProcess(root: string) {
  const script = `
    const { LocalStore } = await import(${JSON.stringify(resolve('src/storage/local/local-store.ts'))});
    const store = await LocalStore.open(${JSON.stringify(root)});
    const handle = await store.openWrite('d/upload', { create: true, exclusive: false, truncate: true, append: false, read: false, attributes: {} });
    await handle.write(0, [Buffer.from('received')]);
    process.stdout.write('ready');
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  await Promise.race([
    once(child.stdout, 'data'),
    exited.then(() => Promise.reject(new Error('the uploader ended early'))),
  ]);
  return {
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

describe('temporary files of LocalStore', () => {
  let fixture: LocalFixture;
  let store: LocalStore;

  beforeEach(async () => {
    fixture = await openLocal({ symlinks: true });
    store = fixture.store;
    await mkdir(join(fixture.root, 'd'));
  });

  afterEach(async () => {
    await fixture.cleanup();
  });

  test('have names that are told from others', () => {
    const name = newPartName();
    expect(Buffer.byteLength(name)).toBeLessThan(120);
    expect(isReservedName(name)).toBe(true);
    expect(isReservedName(name.toUpperCase())).toBe(true);
    expect(isReservedName('report.latticeport-part')).toBe(false);
    expect(isReservedName('.hidden')).toBe(false);
    expect(newPartName()).not.toBe(name);
  });

  test('are not listed, not reached by name, link or rename, and do not keep a name from anybody', async () => {
    const handle = await store.openWrite(storePath('d/f'), writeOptions());
    await writeAt(handle, 0, 'under way');
    const [part = ''] = await partFiles(fixture.root);
    expect(part).not.toBe('');
    expect(await listAll(store, storePath('d'))).toEqual([]);
    const path = `d/${part}`;
    await expectError(store.stat(storePath(path), { followSymlinks: true }), 'invalid-name');
    await expectError(store.stat(storePath(path), { followSymlinks: false }), 'invalid-name');
    await expectError(store.openRead(storePath(path)), 'invalid-name');
    await expectError(store.openWrite(storePath(path), writeOptions()), 'invalid-name');
    await expectError(store.remove(storePath(path)), 'invalid-name');
    await expectError(store.rename(storePath(path), storePath('d/stolen'), { overwrite: true }), 'invalid-name');
    await expectError(store.rename(storePath('d'), storePath(path), { overwrite: true }), 'invalid-name');
    await expectError(store.copyFile(storePath(path), storePath('d/stolen')), 'invalid-name');
    await expectError(store.hardlink(storePath(path), storePath('d/stolen')), 'invalid-name');
    await expectError(store.mkdir(storePath(path), {}), 'invalid-name');
    await expectError(store.mkdir(storePath(`${path}/x`), {}), 'invalid-name');
    await store.symlink(part, storePath('d/link'));
    // The store follows no link; the view, which does, asks for the name that it leads to.
    await expectError(store.openRead(storePath('d/link')), 'permission-denied');
    await store.remove(storePath('d/link'));
    await expectError(store.rmdir(storePath('d')), 'not-empty');
    await handle.close();
    expect((await listAll(store, storePath('d'))).map((entry) => entry.name)).toEqual(['f']);
    expect(await partFiles(fixture.root)).toEqual([]);
  });

  test('of a process that was killed go at the next start; those of a running one stay', async () => {
    const victim = await uploaderProcess(fixture.root);
    try {
      expect(await partFiles(fixture.root)).toHaveLength(1);
      await (await LocalStore.open(fixture.root)).close();
      expect(await partFiles(fixture.root)).toHaveLength(1);
    } finally {
      await victim.kill();
    }
    expect(await partFiles(fixture.root)).toHaveLength(1);
    const events: unknown[] = [];
    await LocalStore.open(fixture.root, { onEvent: (event, fields) => events.push([event, fields]) });
    expect(await partFiles(fixture.root)).toEqual([]);
    expect(events).toEqual([['leftovers-removed', { count: 1 }]]);
    expect(await listAll(store, storePath('d'))).toEqual([]);
  });

  test('that a crash left go when their directory is listed or removed', async () => {
    await writeFile(join(fixture.root, 'd', deadPart()), 'left');
    expect(await listAll(store, storePath('d'))).toEqual([]);
    expect(await partFiles(fixture.root)).toEqual([]);
    await writeFile(join(fixture.root, 'd', deadPart()), 'left');
    await store.rmdir(storePath('d'));
    expect(await readdir(fixture.root)).toEqual([]);
  });

  test('of another machine go after a day', async () => {
    const part = join(fixture.root, 'd', deadPart('00000000'));
    await writeFile(part, 'left');
    await LocalStore.open(fixture.root);
    expect(await partFiles(fixture.root)).toHaveLength(1);
    const old = Date.now() / 1000 - 25 * HOUR;
    await utimes(part, old, old);
    await LocalStore.open(fixture.root);
    expect(await partFiles(fixture.root)).toEqual([]);
  });

  test('of a process whose number came again are told by its start', async () => {
    const now = Date.now() / 1000;
    expect(await isAbandonedPart(newPartName(), 0)).toBe(false);
    const other = `.${MACHINE}.${process.pid}.1.${'a1'.repeat(8)}.latticeport-part`;
    expect(await isAbandonedPart(other, now)).toBe(process.platform === 'linux');
    expect(await isAbandonedPart(`.x${newPartName()}`, 0)).toBe(false);
    expect(await isAbandonedPart(deadPart(), now)).toBe(true);
  });

  test('the sweep takes only files of the pattern, does not follow links, and has a limit', async () => {
    const outside = join(fixture.parent, 'outside');
    await mkdir(outside);
    await writeFile(join(outside, deadPart()), 'not under the root');
    await symlink(outside, join(fixture.root, 'link'));
    await writeFile(join(fixture.root, '.mine.latticeport-part'), 'of somebody else');
    await mkdir(join(fixture.root, 'd', 'deep'));
    await writeFile(join(fixture.root, 'd', 'deep', deadPart()), 'left');
    await LocalStore.open(fixture.root, { sweepEntries: 1 });
    expect((await partFiles(fixture.root)).sort()).toEqual([deadPart(), '.mine.latticeport-part'].sort());
    await LocalStore.open(fixture.root);
    expect(await partFiles(fixture.root)).toEqual(['.mine.latticeport-part']);
    expect(await readdir(outside)).toEqual([deadPart()]);
  });
});
