// What a session is told of a file from memory: how many requests that saves, and that no byte and no change of this process
// is ever older than it was asked for.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { DirectoryEntry, Entry, ObjectStore } from '../../../src/storage/object-store.ts';
import { SessionStore } from '../../../src/storage/registry/session-store.ts';
import { StoreRegistry } from '../../../src/storage/registry/store-registry.ts';
import { systemClock } from '../../../src/storage/flow/clock.ts';
import { S3Store } from '../../../src/storage/s3/s3-store.ts';
import { ShownEntries, SHOWN_MS } from '../../../src/storage/s3/tree/shown-entries.ts';
import { KeyChanges } from '../../../src/storage/s3/api/key-changes.ts';
import { writeOptions } from '../contract/store-driver.ts';
import { storePath } from '../store-path.ts';
import { SteppingStore } from './stepping-store.ts';

const STAT = { followSymlinks: true, mayBeRecent: true };
const LSTAT = { followSymlinks: false, mayBeRecent: true };

let double: SteppingStore;
let undo: () => void;
let ahead = 0;
const open: ObjectStore[] = [];

async function openStore(options: { readonly listTimes?: 'stored' | 'upload' } = {}): Promise<S3Store> {
  const store = await S3Store.open({
    bucket: 'bucket',
    region: 'us-east-1',
    endpoint: 'http://127.0.0.1:1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    sweep: false,
    clock: { ...systemClock, now: () => Date.now() + ahead, delay: async () => Promise.resolve() },
    ...options,
  });
  open.push(store);
  return store;
}

beforeEach(() => {
  ({ store: double, undo } = SteppingStore.install());
  ahead = 0;
});
afterEach(async () => {
  for (const store of open.splice(0)) await store.close();
  undo();
});

const sessionOf = (store: ObjectStore): SessionStore => new SessionStore(StoreRegistry.of(store));

async function put(store: ObjectStore, name: string, text: string): Promise<void> {
  const handle = await store.openWrite(storePath(name), writeOptions());
  await handle.write(0, [Buffer.from(text)]);
  await handle.close();
}

async function list(store: ObjectStore, name: string): Promise<DirectoryEntry[]> {
  const entries: DirectoryEntry[] = [];
  for await (const page of store.list(storePath(name))) entries.push(...page);
  return entries;
}

async function get(store: ObjectStore, name: string): Promise<string> {
  const handle = await store.openRead(storePath(name));
  const bytes = await handle.read(0, 1000);
  await handle.close();
  return bytes.toString();
}

/** Requests for files, of which there are none for claims. */
async function requests(operation: () => Promise<unknown>): Promise<string[]> {
  const logged = double.log.length;
  await operation();
  return double.log
    .slice(logged)
    .filter(({ key }) => !key.includes('.latticeport'))
    .map(({ operation: name }) => name);
}

const sizeOf = ({ attributes }: Entry): number => attributes.size;

describe('a session that has listed a directory', () => {
  let store: S3Store;
  let session: SessionStore;

  beforeEach(async () => {
    store = await openStore();
    await put(store, 'f', 'one');
    await put(store, 'g', 'two');
    session = sessionOf(store);
    await list(session, '');
  });

  const stat = async (options = STAT): Promise<Entry> => session.stat(storePath('f'), options);

  test('gets a file for one request: LSTAT and STAT are told from the listing', async () => {
    const told: Entry[] = [];
    const asked = await requests(async () => {
      told.push(await stat(LSTAT), await stat(STAT));
      expect(await get(session, 'f')).toBe('one');
    });
    expect(asked).toEqual(['GetObject']);
    expect(told).toEqual([await store.stat(storePath('f'), STAT), await store.stat(storePath('f'), STAT)]);
  });

  test('asks the store when it asks the same again, and after two seconds', async () => {
    await stat();
    expect(await requests(stat)).toEqual(['HeadObject']);
    ahead = SHOWN_MS + 1000;
    expect(await requests(async () => session.stat(storePath('g'), STAT))).toContain('HeadObject');
  });

  test('is told of what another session of the process has made of the file since', async () => {
    await put(sessionOf(store), 'f', 'longer');
    expect(sizeOf(await stat(LSTAT))).toBe(6);
    await store.setAttributes(storePath('f'), { mtime: 5 }, STAT);
    expect((await stat(STAT)).attributes.mtime).toBe(5);
    await list(session, '');
    await session.remove(storePath('f'));
    await expect(stat()).rejects.toMatchObject({ code: 'not-found' });
    await list(session, '');
    await session.rename(storePath('g'), storePath('f'), { overwrite: false });
    expect(sizeOf(await stat())).toBe(3);
    await expect(session.stat(storePath('g'), STAT)).rejects.toMatchObject({ code: 'not-found' });
  });

  test('reads what another server has made of the file since, whole', async () => {
    await stat(LSTAT);
    await put(await openStore(), 'f', 'another');
    await stat(STAT);
    const handle = await session.openRead(storePath('f'));
    expect(sizeOf(await handle.stat())).toBe(7);
    expect((await handle.read(0, 1000)).toString()).toBe('another');
    await handle.close();
    expect(sizeOf(await stat())).toBe(7);
  });

  test('cannot open what another server has removed since', async () => {
    await (await openStore()).remove(storePath('f'));
    expect(sizeOf(await stat())).toBe(3);
    await expect(session.openRead(storePath('f'))).rejects.toMatchObject({ code: 'not-found' });
    await expect(stat()).rejects.toMatchObject({ code: 'not-found' });
    await expect(session.remove(storePath('f'))).rejects.toMatchObject({ code: 'not-found' });
  });

  test('tells nothing to another session', async () => {
    expect(await requests(async () => sessionOf(store).stat(storePath('f'), STAT))).toEqual(['HeadObject']);
  });

  test('is asked by others than the client only about what is there', async () => {
    expect(await requests(async () => session.stat(storePath('f'), { followSymlinks: true }))).toEqual(['HeadObject']);
  });

  test('goes on through the directory with a new listing of the next names', async () => {
    for (const name of ['h', 'i', 'j']) await put(store, name, name);
    // The attributes are known for good when they were seen some seconds after they were stored.
    ahead = 10_000;
    await list(session, '');
    ahead += SHOWN_MS + 1;
    expect((await requests(async () => session.stat(storePath('f'), STAT))).sort()).toEqual([
      'HeadObject',
      'ListObjectsV2',
    ]);
    // Whether the listing is read by now or not: the next question is a round trip later.
    await store.stat(storePath('g'), STAT);
    const asked = await requests(async () => {
      for (const name of ['g', 'h', 'i', 'j']) await session.stat(storePath(name), STAT);
    });
    expect(asked).toEqual([]);
  });
});

test('LSTAT and STAT of one file are one request, and a name that is not there is asked for each time', async () => {
  const session = sessionOf(await openStore());
  await put(session, 'f', 'one');
  const both = async (): Promise<unknown> => [
    await session.stat(storePath('f'), LSTAT),
    await session.stat(storePath('f'), STAT),
  ];
  expect(await requests(both)).toEqual(['HeadObject']);
  expect(await requests(both)).toEqual(['HeadObject']);
  await expect(session.stat(storePath('g'), LSTAT)).rejects.toMatchObject({ code: 'not-found' });
  await put(await openStore(), 'g', 'another');
  expect(sizeOf(await session.stat(storePath('g'), STAT))).toBe(7);
});

test('a listing that does not know the attributes of a file is not told again', async () => {
  const store = await openStore({ listTimes: 'upload' });
  await put(store, 'f', 'one');
  await store.setAttributes(storePath('f'), { mode: 0o600 }, STAT);
  const session = sessionOf(store);
  expect((await list(session, '')).map(({ name }) => name)).toEqual(['f']);
  expect((await session.stat(storePath('f'), STAT)).attributes.mode & 0o777).toBe(0o600);
});

test('what all sessions were shown is bounded', () => {
  const clock = { now: () => 0, monotonic: () => 0, delay: async () => Promise.resolve() };
  const shown = new ShownEntries({ clock, changes: new KeyChanges() });
  const entry: Entry = { kind: 'file', attributes: { size: 0, mtime: 0, atime: 0, mode: 0, uid: 0, gid: 0 } };
  for (let i = 0; i < 20_001; i += 1) shown.keep(i, 'key', { entry, moment: shown.moment() }, ['stat']);
  expect(shown.take(0, 'key', 'stat')).toBeUndefined();
  expect(shown.take(1, 'key', 'stat')).toBe(entry);
});

test('an answer that was asked for earlier and comes later does not replace a newer one', () => {
  let now = 0;
  const shown = new ShownEntries({
    clock: { now: () => now, monotonic: () => now, delay: async () => Promise.resolve() },
    changes: new KeyChanges(),
  });
  const sized = (size: number): Entry => ({
    kind: 'file',
    attributes: { size, mtime: 0, atime: 0, mode: 0, uid: 0, gid: 0 },
  });
  const early = shown.moment();
  now = 100;
  shown.keep(1, 'key', { entry: sized(20), moment: shown.moment() }, ['stat']);
  now = 200;
  shown.keep(1, 'key', { entry: sized(10), moment: early }, ['stat', 'lstat']);
  expect(shown.take(1, 'key', 'lstat')).toBeUndefined();
  expect(shown.take(1, 'key', 'stat')).toMatchObject({ attributes: { size: 20 } });
});

test('where workers share a store, nothing is told from memory: another one may have changed it', async () => {
  const store = await openStore();
  await put(store, 'f', 'one');
  StoreRegistry.of(store).connect({
    enter: async () => Promise.reject(new Error('nobody enters a lane')),
    opened: () => undefined,
    ended: () => undefined,
  });
  const session = sessionOf(store);
  await session.stat(storePath('f'), STAT);
  await put(await openStore(), 'f', 'longer');
  expect(sizeOf(await session.stat(storePath('f'), LSTAT))).toBe(6);
});
