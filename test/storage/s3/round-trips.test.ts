// What an operation costs where the store is far away: requests, and how many of them must follow each other. The table in
// docs/performance.md says the same.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { S3Store } from '../../../src/storage/s3/s3-store.ts';
import { READ_WRITE } from '../../../src/vfs/permissions.ts';
import { SessionStore } from '../../../src/storage/registry/session-store.ts';
import { StoreRegistry } from '../../../src/storage/registry/store-registry.ts';
import { UserView } from '../../../src/vfs/user-view.ts';
import { until } from '../../transport/transport-pair.ts';
import { pattern, writeOptions } from '../contract/store-driver.ts';
import { storePath } from '../store-path.ts';
import { SteppingStore } from './stepping-store.ts';

const SMALL = pattern(4096);
const LARGE = pattern(300 * 1024);
const STAT = { followSymlinks: true };
const LSTAT = { followSymlinks: false };

let double: SteppingStore;
let undo: () => void;
let store: ObjectStore;
let view: UserView;

beforeAll(async () => {
  ({ store: double, undo } = SteppingStore.install());
  store = await S3Store.open({
    bucket: 'bucket',
    region: 'us-east-1',
    endpoint: 'http://127.0.0.1:1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    sweep: false,
  });
  // What is asked once for all: what the store can do, and the directory of the tests.
  await store.mkdir(storePath('dir'), {});
  for (const name of ['read', 'written', 'removed', 'moved', 'set', 'stated']) await put(`dir/${name}`, SMALL);
  await put('dir/empty', Buffer.alloc(0));
  await put('dir/large', LARGE);
  for (const name of ['a', 'b', 'c']) {
    const headers = { 'x-amz-meta-mtime': '1' };
    double.objects.set(`listed/${name}`, { body: SMALL, headers, modified: new Date(Date.now() - 60_000) });
    await store.stat(storePath(`listed/${name}`), STAT);
  }
  view = new UserView({
    directories: [{ entry: '/', store, path: storePath('') }],
    permissions: READ_WRITE,
  });
});
afterAll(async () => {
  await store.close();
  undo();
});

async function put(name: string, bytes: Buffer): Promise<void> {
  const handle = await store.openWrite(storePath(name), writeOptions());
  if (bytes.length > 0) await handle.write(0, [bytes]);
  await handle.close();
}

async function get(name: string): Promise<Buffer> {
  const handle = await store.openRead(storePath(name));
  const bytes: Buffer[] = [];
  for (let at = 0; ; at += bytes.at(-1)?.length ?? 0) {
    const read = await handle.read(at, 32_768);
    if (read.length === 0) break;
    bytes.push(read);
  }
  await handle.close();
  return Buffer.concat(bytes);
}

/** As a client's OPENDIR and READDIR, of a directory of three files that are known. */
async function ls(): Promise<void> {
  const stream = await view.openDirectory(view.resolve('/listed'));
  const names: string[] = [];
  for (let page = await stream.next(); page !== undefined; page = await stream.next()) {
    names.push(...page.map(({ name }) => name));
  }
  expect(names).toEqual(['.', '..', 'a', 'b', 'c']);
}

/** As OpenSSH's client asks for a file, whether it has listed the directory before or not. */
async function statAndGet(session: SessionStore): Promise<void> {
  await session.stat(storePath('listed/a'), { ...LSTAT, mayBeRecent: true });
  await session.stat(storePath('listed/a'), { ...STAT, mayBeRecent: true });
  expect(await get('listed/a')).toHaveLength(SMALL.length);
}

async function listed(): Promise<SessionStore> {
  const session = newSession();
  for await (const page of session.list(storePath('listed'))) expect(page).toHaveLength(3);
  return session;
}

const newSession = (): SessionStore => new SessionStore(StoreRegistry.of(store));

const isOwn = ({ key }: { readonly key: string }): boolean => key.includes('.latticeport');

/** The steps of the operation, and its requests without those for claims and their release. */
async function cost(operation: () => Promise<unknown>): Promise<{ steps: number; requests: string[] }> {
  // Claims of what went before are given up in the background.
  await until(() => ![...double.objects.keys()].some((key) => isOwn({ key })), 'no claim is left');
  const [steps, logged] = [double.steps, double.log.length];
  await operation();
  const requests = double.log.slice(logged).filter((entry) => !isOwn(entry));
  return { steps: double.steps - steps, requests: requests.map(({ operation: name }) => name).sort() };
}

test.each([
  ['get of a small file', () => get('dir/read'), 1, 'GetObject'],
  ['get of an empty file', () => get('dir/empty'), 2, 'GetObject HeadObject'],
  ['get of 300 KiB', () => get('dir/large'), 2, 'GetObject GetObject'],
  ['put of a new file', () => put('dir/new', SMALL), 2, 'HeadObject HeadObject HeadObject ListObjectsV2 PutObject'],
  ['put over a file', () => put('dir/written', SMALL), 2, 'HeadObject ListObjectsV2 PutObject'],
  ['rm', () => store.remove(storePath('dir/removed')), 2, 'DeleteObject HeadObject'],
  ['setstat', () => store.setAttributes(storePath('dir/set'), { mtime: 1 }, LSTAT), 2, 'CopyObject HeadObject'],
  ['mkdir', () => store.mkdir(storePath('dir/made'), {}), 3, 'HeadObject HeadObject ListObjectsV2 PutObject'],
  ['ls of a directory, the first time', () => ls(), 2, 'HeadObject HeadObject ListObjectsV2 ListObjectsV2'],
  ['ls of a directory', () => ls(), 1, 'HeadObject HeadObject ListObjectsV2 ListObjectsV2'],
  ['LSTAT, STAT and get of a file', () => statAndGet(newSession()), 2, 'GetObject HeadObject'],
  ['the same after a listing', async () => statAndGet(await listed()), 2, 'GetObject ListObjectsV2'],
  ['stat of a file', () => store.stat(storePath('dir/stated'), STAT), 1, 'HeadObject'],
])('%s', async (_name, operation, steps, requests) => {
  expect(await cost(operation)).toEqual({ steps, requests: requests.split(' ') });
});

test('what such a get brings is the file', async () => {
  expect((await get('dir/read')).equals(SMALL)).toBe(true);
  expect(await get('dir/empty')).toHaveLength(0);
  expect((await get('dir/large')).equals(LARGE)).toBe(true);
});
