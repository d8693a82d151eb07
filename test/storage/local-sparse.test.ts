// Files that are mostly holes: they cost their user nothing, so they must not cost the server hours.
import { open, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { LocalStore, LocalStoreOptions } from '../../src/storage/local/local-store.ts';
import { StorageError } from '../../src/storage/object-store.ts';
import { READ_WRITE } from '../../src/vfs/permissions.ts';
import { UserView } from '../../src/vfs/user-view.ts';
import { expectError, writeAt, writeOptions } from './contract/store-driver.ts';
import type { LocalFixture } from './local-fixture.ts';
import { openLocal, partFiles } from './local-fixture.ts';
import { storePath } from './store-path.ts';

const MIB = 1024 * 1024;
const TIB = 1024 ** 4;
const KEEP = writeOptions({ create: false, truncate: false });

let fixture: LocalFixture;
let store: LocalStore;

async function begin(options: LocalStoreOptions = {}): Promise<void> {
  fixture = await openLocal(options);
  store = fixture.store;
}

beforeEach(() => begin());

afterEach(async () => {
  expect(await partFiles(fixture.root)).toEqual([]);
  await fixture.cleanup();
});

/** As another program may have made it: 8 TiB of which the last byte is there. */
async function hollow(name: string): Promise<void> {
  const file = await open(join(fixture.root, name), 'w');
  await file.write(Buffer.from('x'), 0, 1, 8 * TIB - 1);
  await file.close();
}

async function size(name: string): Promise<number> {
  return (await stat(join(fixture.root, name))).size;
}

test('a size, or an offset, that leaves out more than is allowed is refused; the file stays', async () => {
  await fixture.cleanup();
  await begin({ maxSparseBytes: 10 * MIB });
  await writeFile(join(fixture.root, 'a'), 'old');
  await expectError(store.truncate(storePath('a'), 8 * TIB), 'too-large');
  await store.truncate(storePath('a'), 6 * MIB);
  await expectError(store.truncate(storePath('a'), 12 * MIB), 'too-large');
  const handle = await store.openWrite(storePath('a'), KEEP);
  await expectError(writeAt(handle, 8 * TIB, 'far'), 'too-large');
  await writeAt(handle, 7 * MIB, 'near');
  await handle.close();
  expect(await size('a')).toBe(7 * MIB + 4);
});

test('by default 8 TiB are too much, and a size set before 60 GiB are written is not', async () => {
  await store.openWrite(storePath('a'), writeOptions()).then((handle) => handle.close());
  await expectError(store.truncate(storePath('a'), 8 * TIB), 'too-large');
  await store.truncate(storePath('a'), 60 * 1024 * MIB);
  expect(await size('a')).toBe(60 * 1024 * MIB);
});

test('a file with larger holes than are allowed is not copied for a change; zeros that are on the disk are no holes', async () => {
  await fixture.cleanup();
  await begin({ maxSparseBytes: 20 * MIB });
  await hollow('a');
  const handle = await store.openWrite(storePath('a'), KEEP);
  await expectError(writeAt(handle, 0, 'y'), 'too-large');
  await expectError(handle.close(), 'too-large');
  await expectError(store.copyFile(storePath('a'), storePath('copy')), 'too-large');
  expect(await size('a')).toBe(8 * TIB);

  await writeFile(join(fixture.root, 'zeros'), Buffer.alloc(40 * MIB));
  await store.truncate(storePath('zeros'), 40 * MIB + 1);
  expect(await size('zeros')).toBe(40 * MIB + 1);
});

const ENDLESS = { maxSparseBytes: Infinity };
const over = new StorageError('failure', 'over');

test('a copy of the old bytes ends when its handle is given up', async () => {
  await fixture.cleanup();
  await begin(ENDLESS);
  await hollow('a');
  const handle = await store.openWrite(storePath('a'), KEEP);
  const written = writeAt(handle, 0, 'y');
  const failed = expectError(written, 'failure');
  expect(await handle.abandon()).toBe('discarded');
  await failed;
  expect(await size('a')).toBe(8 * TIB);
});

test('and when a close that waits for it is told to stop', async () => {
  await fixture.cleanup();
  await begin(ENDLESS);
  await hollow('a');
  const handle = await store.openWrite(storePath('a'), KEEP);
  const written = expectError(writeAt(handle, 0, 'y'), 'failure');
  const closed = expectError(handle.close(), 'failure');
  handle.stopCopying?.();
  await Promise.all([written, closed]);
});

test('a short copy is finished though nobody waits for it', async () => {
  await writeFile(join(fixture.root, 'a'), 'old bytes');
  const handle = await store.openWrite(storePath('a'), KEEP);
  const written = writeAt(handle, 0, 'new');
  expect(await handle.abandon()).toBe('stored');
  await written;
  expect(await readFile(join(fixture.root, 'a'), 'utf8')).toBe('new bytes');
});

test.each<[string, (signal: AbortSignal) => Promise<void>]>([
  ['truncate', (signal) => store.truncate(storePath('a'), 8 * TIB - 1, signal)],
  ['copyFile', (signal) => store.copyFile(storePath('a'), storePath('b'), signal)],
  [
    'a move to another store',
    async (signal) => {
      const other = await openLocal();
      const view = new UserView({
        directories: [
          { entry: '/here', store, path: storePath('') },
          { entry: '/there', store: other.store, path: storePath('') },
        ],
        permissions: READ_WRITE,
      });
      const moved = view.rename('/here/a' as never, '/there/a' as never, { overwrite: false, signal });
      await moved.finally(async () => {
        expect(await partFiles(other.root)).toEqual([]);
        await other.cleanup();
      });
    },
  ],
])('%s is ended by its signal, and the file is where it was', async (_, act) => {
  await fixture.cleanup();
  await begin(ENDLESS);
  await hollow('a');
  const stop = new AbortController();
  const acting = expectError(act(stop.signal), 'failure');
  // So that it has begun.
  await new Promise((resolve) => setTimeout(resolve, 20));
  stop.abort(over);
  await acting;
  expect(await size('a')).toBe(8 * TIB);
  await expectError(store.stat(storePath('b'), { followSymlinks: true }), 'not-found');
});
