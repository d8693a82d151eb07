import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalStore } from '../../src/storage/local/local-store.ts';
import type { LocalStoreOptions } from '../../src/storage/local/local-store.ts';
import type { OpenedStore } from './contract/store-driver.ts';
import type { StoreTraits } from './contract/store-contract.ts';

/** What the contract expects of `local`. */
export const LOCAL_TRAITS: StoreTraits = {
  implicitParents: false,
  ownership: process.getuid?.() === 0,
  exactListing: true,
  // The step of the copy that keeps a file's bytes.
  boundaries: [1 << 20],
  writeFaults: false,
  writesInPlace: true,
};

export interface LocalFixture extends OpenedStore {
  readonly store: LocalStore;
  /** The folder that holds `root` and nothing else at first: for what lies outside. */
  readonly parent: string;
  readonly root: string;
  leftovers(): Promise<readonly string[]>;
}

/** A store in a new folder. The tests do not wait for the disk unless they ask for it. */
export async function openLocal(options: LocalStoreOptions = {}): Promise<LocalFixture> {
  const parent = await mkdtemp(join(tmpdir(), 'latticeport-local-'));
  const root = join(parent, 'root');
  const store = await LocalStore.open(root, { fsync: 'never', ...options });
  return {
    store,
    parent,
    root,
    cleanup: async () => {
      await store.close();
      await rm(parent, { recursive: true, force: true });
    },
    leftovers: async () => [...(await openDescriptorsUnder(parent)), ...(await partFiles(parent))],
  };
}

/** What descriptors of this process lead to something in `folder`. */
export async function openDescriptorsUnder(folder: string): Promise<string[]> {
  const targets = await Promise.all(
    (await readdir('/proc/self/fd').catch(() => [])).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  );
  return targets.filter((target) => target.startsWith(folder)).map((target) => `descriptor of ${target}`);
}

/** Walks by hand: `readdir` with `recursive` would follow links. */
export async function partFiles(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) found.push(...(await partFiles(join(folder, entry.name))));
    else if (entry.name.endsWith('-part')) found.push(entry.name);
  }
  return found;
}
