// The ways in which Latticeport is run for the comparison.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileSystemKind } from '../../src/storage/local/file-system-type.ts';
import { LocalStore, type LocalStoreOptions } from '../../src/storage/local/local-store.ts';
import { MemoryStore } from '../../src/storage/memory/memory-store.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { READ_WRITE } from '../../src/vfs/permissions.ts';
import { UserView } from '../../src/vfs/user-view.ts';
import { SftpTestClient } from '../sftp/sftp-test-client.ts';
import { S3Store } from '../../src/storage/s3/s3-store.ts';
import { TestBucket } from '../storage/s3/s3-server.ts';
import { openDescriptorsUnder, partFiles } from '../storage/local-fixture.ts';
import { Link } from './link.ts';
import { makeFolder, resetFolder, type InitialTree } from './oracle.ts';
import type { Target } from './target.ts';
import { storePath } from '../storage/store-path.ts';

/** A session in this process: what the server runs on every channel, without SSH. */
export async function connectInProcess(view: UserView): Promise<Link> {
  const client = await SftpTestClient.connect(view);
  return new Link({
    request: (type, write) => client.request(type, write),
    disconnect: () => client.session.abort('the client is gone'),
  });
}

export function viewOf(store: ObjectStore, path: string): UserView {
  return new UserView({
    directories: [{ entry: '/', store, path: storePath(path) }],
    permissions: READ_WRITE,
    userName: 'tester',
  });
}

/** Puts the tree into an empty directory, by SFTP. */
export async function putTree(link: Link, { directories, files }: InitialTree): Promise<void> {
  for (const path of directories) await link.call({ op: 'mkdir', path, mode: 0o755 });
  for (const { path, length, fill } of files) {
    await link.call({ op: 'open', slot: 0, path, flags: 0x1a, mode: 0o644 });
    if (length > 0) await link.call({ op: 'write', slot: 0, offset: 0, length, fill });
    await link.call({ op: 'close', slot: 0 });
  }
}

const COMPARED = { directoryModes: true, listedAttributes: true };
const IN_ONE_PROCESS = {
  refusesReads: false,
  sharesOpenFiles: true,
  writesInPlace: false,
  endsWithRequests: true,
  implicitParents: false,
  compared: COMPARED,
};

/** SFTP sessions over one local store, all in this process. The calls are made as on such a file system, whatever it is. */
export async function localTarget(fileSystem: FileSystemKind): Promise<Target> {
  const folder = await makeFolder('differential');
  const root = join(folder, 'root');
  const options: LocalStoreOptions = { fsync: 'never', hardlinks: true, fileSystem };
  const stores = {
    store: await LocalStore.open(root, { ...options, partialUploads: 'store' }),
    discard: await LocalStore.open(root, { ...options, partialUploads: 'discard' }),
  };
  let view = viewOf(stores.store, '');
  let number = 0;
  return {
    ...IN_ONE_PROCESS,
    name: `local, in one process, ${fileSystem}`,
    writesInPlace: true,
    hardlinks: true,
    begin: async (tree, partialUploads) => {
      await rm(join(root, String(number)), { recursive: true, force: true });
      number += 1;
      await mkdir(join(root, String(number)));
      await resetFolder(join(root, String(number)), tree);
      view = viewOf(stores[partialUploads], String(number));
    },
    connect: () => connectInProcess(view),
    leftovers: async () => [...(await openDescriptorsUnder(root)), ...(await partFiles(root))],
    stop: async () => {
      await Promise.all([stores.store.close(), stores.discard.close()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function memoryTarget(): Target {
  let store = new MemoryStore();
  return {
    ...IN_ONE_PROCESS,
    name: 'memory',
    hardlinks: false,
    begin: async (tree, partialUploads) => {
      store = new MemoryStore({ partialUploads });
      const link = await connectInProcess(viewOf(store, ''));
      await putTree(link, tree);
      await link.disconnect();
    },
    connect: () => connectInProcess(viewOf(store, '')),
    leftovers: () => Promise.resolve(store.openHandles === 0 ? [] : [`${store.openHandles} handles`]),
    stop: () => Promise.resolve(),
  };
}

/** SFTP sessions over S3 stores of one bucket, in this process; with several stores as on as many nodes. */
export async function s3Target(endpoint: string, nodes = 1): Promise<Target> {
  const bucket = await TestBucket.create(endpoint);
  const open = (partialUploads: 'store' | 'discard', node: number): Promise<S3Store> => {
    const spool = { directory: join(bucket.spoolDirectory, `${partialUploads}-${node}`), maxBytes: 512 * 1024 ** 2 };
    return S3Store.open(bucket.options({ prefix: 'home/', partBytes: 5 * 1024 ** 2, partialUploads, spool }));
  };
  const numbers = Array.from({ length: nodes }, (_, node) => node);
  const stores = {
    store: await Promise.all(numbers.map((node) => open('store', node))),
    discard: await Promise.all(numbers.map((node) => open('discard', node))),
  };
  let views: UserView[] = [];
  let sequences = 0;
  let connections = 0;
  const next = (): UserView => {
    connections += 1;
    const view = views[connections % nodes];
    if (view === undefined) throw new Error('begin() first');
    return view;
  };
  return {
    ...IN_ONE_PROCESS,
    name: nodes === 1 ? 's3, in one process' : `s3, ${nodes} nodes`,
    hardlinks: false,
    refusesReads: true,
    sharesOpenFiles: nodes === 1,
    implicitParents: true,
    compared: { directoryModes: false, listedAttributes: false },
    begin: async (tree, partialUploads) => {
      sequences += 1;
      const directory = `sequence ${sequences}`;
      const [first] = stores[partialUploads];
      await first?.mkdir(storePath(directory), {});
      views = stores[partialUploads].map((store) => viewOf(store, directory));
      const link = await connectInProcess(next());
      await putTree(link, tree);
      await link.disconnect();
    },
    connect: () => connectInProcess(next()),
    leftovers: async () => {
      const left = (await bucket.uploads()).map(({ key }) => `multipart upload of ${key}`);
      for (const store of [...stores.store, ...stores.discard]) {
        for (const [what, count] of Object.entries(store.usage())) if (count > 0) left.push(`${what}: ${count}`);
      }
      return left;
    },
    stop: async () => {
      await Promise.all([...stores.store, ...stores.discard].map((store) => store.close()));
      await bucket.destroy();
    },
  };
}
