// One store that several ask as roles: what one has open, the others neither join nor read, and names are kept for all.
import { expect, test } from '@jest/globals';
import { MemoryStore } from '../../../src/storage/memory/memory-store.ts';
import type { ObjectStore, OpenWriteOptions } from '../../../src/storage/object-store.ts';
import { SessionStore } from '../../../src/storage/registry/session-store.ts';
import { StoreRegistry } from '../../../src/storage/registry/store-registry.ts';
import { storePath } from '../store-path.ts';

const NEW: OpenWriteOptions = {
  ...{ create: true, exclusive: false, truncate: true, append: false, read: true },
  attributes: {},
};
const APPEND = { ...NEW, truncate: false, append: true };
const X = storePath('x');
const text = (bytes: string): Buffer[] => [Buffer.from(bytes)];

/** The same store for another role. */
function roleOf(store: MemoryStore): ObjectStore {
  return new Proxy<ObjectStore>(store, {
    get: (_, name) => {
      if (name === 'sameFilesAs') return store;
      const member: unknown = Reflect.get(store, name, store);
      return typeof member === 'function' ? (member.bind(store) as unknown) : member;
    },
  });
}

function twoRoles(): { one: () => SessionStore; other: () => SessionStore } {
  const store = new MemoryStore();
  const [a, b] = [roleOf(store), roleOf(store)];
  return { one: () => new SessionStore(StoreRegistry.of(a)), other: () => new SessionStore(StoreRegistry.of(b)) };
}

async function contentOf(session: SessionStore): Promise<string> {
  const handle = await session.openRead(X);
  try {
    return String(await handle.read(0, 100));
  } finally {
    await handle.close();
  }
}

test('a new file is seen by sessions of the same role before it is there, and by no others', async () => {
  const { one, other } = twoRoles();
  const writer = await one().openWrite(X, NEW);
  await writer.write(0, text('secret'));
  expect(await contentOf(one())).toBe('secret');
  await expect(contentOf(other())).rejects.toMatchObject({ code: 'not-found' });
  await expect(other().stat(X, { followSymlinks: true })).rejects.toMatchObject({ code: 'not-found' });
  await expect(other().remove(X)).rejects.toMatchObject({ code: 'not-found' });
  await expect(other().rename(X, storePath('y'), { overwrite: true })).rejects.toMatchObject({ code: 'not-found' });
  await expect(other().setAttributes(X, { mode: 0o600 }, { followSymlinks: true })).rejects.toMatchObject({
    code: 'not-found',
  });
  await writer.close();
  expect(await contentOf(other())).toBe('secret');
  expect((await one().stat(X, { followSymlinks: true })).attributes.mode & 0o777).toBe(0o644);
});

test('of two that must make the same file one does, whoever they are', async () => {
  const { one, other } = twoRoles();
  const writer = await one().openWrite(X, NEW);
  await expect(other().openWrite(X, { ...NEW, exclusive: true })).rejects.toMatchObject({ code: 'exists' });
  await writer.close();
});

test('what both change at once is stored by one of them, and the other is told', async () => {
  const { one, other } = twoRoles();
  const first = await one().openWrite(X, NEW);
  await first.write(0, text('base '));
  await first.close();
  const writers = [await one().openWrite(X, APPEND), await other().openWrite(X, APPEND)] as const;
  await writers[0].write(0, text('one'));
  await writers[1].write(0, text('other'));
  await writers[1].close();
  await expect(writers[0].close()).rejects.toMatchObject({ code: 'changed' });
  expect(await contentOf(one())).toBe('base other');
  // Of one role they share it.
  const same = [await one().openWrite(X, APPEND), await one().openWrite(X, APPEND)] as const;
  await same[0].write(0, text(' 1'));
  await same[1].write(0, text(' 2'));
  await same[0].close();
  await same[1].close();
  expect(await contentOf(other())).toBe('base other 1 2');
});

test('a truncation by name does not go through another role’s handle', async () => {
  const { one, other } = twoRoles();
  const first = await one().openWrite(X, NEW);
  await first.write(0, text('0123456789'));
  await first.close();
  const writer = await one().openWrite(X, { ...APPEND, append: false });
  await writer.write(0, text('changed'));
  await other().truncate(X, 3);
  expect(await contentOf(other())).toBe('012');
  await expect(writer.close()).rejects.toMatchObject({ code: 'changed' });
});

test('what is removed or renamed is so for all', async () => {
  const { one, other } = twoRoles();
  const first = await one().openWrite(X, NEW);
  await first.close();
  const writer = await one().openWrite(X, { ...APPEND, append: false });
  await writer.write(0, text('follows'));
  await other().rename(X, storePath('y'), { overwrite: false });
  await writer.close();
  await expect(contentOf(one())).rejects.toMatchObject({ code: 'not-found' });
  const handle = await one().openRead(storePath('y'));
  expect(String(await handle.read(0, 10))).toBe('follows');
  await handle.close();
});
