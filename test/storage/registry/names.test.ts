// What the registry of open files does where a name changes its file. Found by the differential test.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalStore } from '../../../src/storage/local/local-store.ts';
import { MemoryStore } from '../../../src/storage/memory/memory-store.ts';
import type { ObjectStore, OpenWriteOptions } from '../../../src/storage/object-store.ts';
import { SessionStore } from '../../../src/storage/registry/session-store.ts';
import { StoreRegistry } from '../../../src/storage/registry/store-registry.ts';
import { storePath } from '../store-path.ts';

const KEEP: OpenWriteOptions = {
  create: false,
  exclusive: false,
  truncate: false,
  append: false,
  read: true,
  attributes: {},
};
const TRUNC: OpenWriteOptions = { ...KEEP, create: true, truncate: true };
const text = (bytes: string): Buffer[] => [Buffer.from(bytes)];

async function put(store: ObjectStore, path: string, bytes: string): Promise<void> {
  const handle = await store.openWrite(storePath(path), TRUNC);
  await handle.write(0, text(bytes));
  await handle.close();
}

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latticeport-registry-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('a rename of one name of a file onto another leaves what is being written its name', async () => {
  const store = await LocalStore.open(folder, { fsync: 'never', hardlinks: true, partialUploads: 'store' });
  const session = new SessionStore(StoreRegistry.of(store));
  await put(session, 'y', 'old');
  await session.hardlink(storePath('y'), storePath('z'));
  const writer = await session.openWrite(storePath('y'), KEEP);
  await session.rename(storePath('z'), storePath('y'), { overwrite: true });
  await writer.write(0, text('new bytes'));
  await writer.close();
  expect(await readFile(join(folder, 'y'), 'utf8')).toBe('new bytes');
  await store.close();
});

test('attributes that are set through a reader of a replaced file are not those of the file that replaced it', async () => {
  const registry = StoreRegistry.of(new MemoryStore());
  const [one, other] = [new SessionStore(registry), new SessionStore(registry)];
  await put(one, 'x', 'old');
  const reader = await one.openRead(storePath('x'));
  const writer = await other.openWrite(storePath('new'), TRUNC);
  await other.rename(storePath('new'), storePath('x'), { overwrite: true });
  await reader.setAttributes({ mode: 0o600 });
  await writer.close();
  expect((await one.stat(storePath('x'), { followSymlinks: true })).attributes.mode & 0o777).toBe(0o644);
  await reader.close();
});

test('attributes that are set through a reader of a file that was written anew are not those of the next upload', async () => {
  const registry = StoreRegistry.of(new MemoryStore());
  const [one, other, third] = [new SessionStore(registry), new SessionStore(registry), new SessionStore(registry)];
  await put(one, 'x', 'old');
  const reader = await one.openRead(storePath('x'));
  await put(other, 'x', 'anew');
  const next = await third.openWrite(storePath('x'), TRUNC);
  await reader.setAttributes({ mode: 0o600 });
  await next.close();
  expect((await one.stat(storePath('x'), { followSymlinks: true })).attributes.mode & 0o777).toBe(0o644);
  await reader.close();
});

test('who shares an upload that took the place of a newer file, and was stored, is told that it is stored', async () => {
  const registry = StoreRegistry.of(new MemoryStore());
  const [one, other] = [new SessionStore(registry), new SessionStore(registry)];
  await put(one, 'x', 'old');
  const replacing = await one.openWrite(storePath('x'), TRUNC);
  const sharing = await other.openWrite(storePath('x'), KEEP);
  await new SessionStore(registry).truncate(storePath('x'), 1);
  // Its owner sees the size of what it writes itself; a third session's is that of the stored file.
  await replacing.close();
  await sharing.write(0, text('shared'));
  await sharing.close();
  expect((await one.stat(storePath('x'), { followSymlinks: true })).attributes.size).toBe(6);
});

test('a file of the memory store that is made empty has the time of that', async () => {
  let now = 1000;
  const store = new MemoryStore({ now: () => now });
  await put(store, 'x', 'old');
  now = 2000;
  const writer = await store.openWrite(storePath('x'), TRUNC);
  expect((await writer.stat()).attributes.mtime).toBe(2000);
  await writer.close();
});
