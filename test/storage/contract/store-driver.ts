import { createCipheriv, createHash } from 'node:crypto';
import { expect } from '@jest/globals';
import { StorageError } from '../../../src/storage/object-store.ts';
import type {
  DirectoryEntry,
  ObjectStore,
  OpenWriteOptions,
  ReadHandle,
  StorageErrorCode,
  StorePath,
  WriteHandle,
} from '../../../src/storage/object-store.ts';
import { storePath } from '../store-path.ts';

/** What differs between stores on purpose. Everything that is not here is the same on all of them. */
export interface StoreTraits {
  /** A prefix is a directory: a file may be written where no directory was made before. */
  readonly implicitParents: boolean;
  /** uid and gid can be set (`local` only as root). */
  readonly ownership: boolean;
  /** A listing shows the mtime and mode that were set. */
  readonly exactListing: boolean;
  /** Sizes in bytes at which the store changes its way of working, such as its part size. */
  readonly boundaries: readonly number[];
  /** The test can make a write fail inside the store. */
  readonly writeFaults: boolean;
  /** What follows on a checkpoint is written into the committed file and seen at once, not at the next commit. */
  readonly writesInPlace: boolean;
}

export interface OpenedStore {
  readonly store: ObjectStore;
  /** Closes the store and removes everything that it held. */
  cleanup(): Promise<void>;
  /**
   * Names of what must not outlive an operation (temporary files, multipart uploads, spool files, descriptors).
   * Asked after every test, when every handle is closed: the answer must become empty.
   */
  leftovers?(): Promise<readonly string[]>;
  /** Makes the next write of bytes fail inside the store; there where the trait `writeFaults` is. */
  failNextWrite?(): void;
}

export interface OpenStoreOptions {
  readonly partialUploads: 'store' | 'discard';
}

export type OpenStore = (options: OpenStoreOptions) => Promise<OpenedStore>;

/** One test's hold on a store: its own directory, and short forms of what every test does. */
export class StoreDriver {
  readonly store: ObjectStore;
  readonly directory: StorePath;
  readonly opened: OpenedStore;

  constructor(opened: OpenedStore, directory: StorePath) {
    this.opened = opened;
    this.store = opened.store;
    this.directory = directory;
  }

  at(name: string): StorePath {
    return this.directory === '' ? storePath(name) : storePath(`${this.directory}/${name}`);
  }

  openWrite(name: string, options: Partial<OpenWriteOptions> = {}): Promise<WriteHandle> {
    return this.store.openWrite(this.at(name), writeOptions(options));
  }

  /** Creates or replaces a whole file. The bytes are copied first, since a handle owns what it is given. */
  async put(name: string, bytes: Buffer | string, options: Partial<OpenWriteOptions> = {}): Promise<void> {
    const handle = await this.openWrite(name, options);
    await writeAt(handle, 0, bytes);
    await handle.close();
  }

  async get(name: string): Promise<Buffer> {
    const handle = await this.store.openRead(this.at(name));
    try {
      return await readToEnd(handle);
    } finally {
      await handle.close();
    }
  }

  async text(name: string): Promise<string> {
    return (await this.get(name)).toString('latin1');
  }

  async stat(name: string) {
    return this.store.stat(this.at(name), { followSymlinks: true });
  }

  mkdir(name: string): Promise<void> {
    return this.store.mkdir(this.at(name), {});
  }

  rename(from: string, to: string, overwrite = false): Promise<void> {
    return this.store.rename(this.at(from), this.at(to), { overwrite });
  }

  async list(name = ''): Promise<DirectoryEntry[]> {
    return listAll(this.store, name === '' ? this.directory : this.at(name));
  }

  async names(name = ''): Promise<string[]> {
    return (await this.list(name)).map((entry) => entry.name).sort();
  }

  async exists(name: string): Promise<boolean> {
    try {
      await this.stat(name);
      return true;
    } catch (error) {
      if (error instanceof StorageError && error.code === 'not-found') return false;
      throw error;
    }
  }
}

/** As `put` in a client opens: create, truncate, write only. */
export function writeOptions(options: Partial<OpenWriteOptions> = {}): OpenWriteOptions {
  return { create: true, exclusive: false, truncate: true, append: false, read: false, attributes: {}, ...options };
}

/** As a client resumes: the file's bytes are kept. */
export const KEEP = { create: false, truncate: false } as const;

export async function writeAt(handle: WriteHandle, offset: number, bytes: Buffer | string): Promise<void> {
  await handle.write(offset, [Buffer.from(bytes as string, 'latin1')]);
}

export async function listAll(store: ObjectStore, path: StorePath): Promise<DirectoryEntry[]> {
  const entries: DirectoryEntry[] = [];
  for await (const page of store.list(path)) entries.push(...page);
  return entries;
}

/** Reads as a client does, in order, in pieces of `step` bytes, until an empty answer. */
export async function readToEnd(handle: Pick<ReadHandle, 'read'>, step = 255 * 1024, from = 0): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let offset = from;
  for (;;) {
    const piece = await handle.read(offset, step);
    if (piece.length === 0) return Buffer.concat(pieces);
    pieces.push(piece);
    offset += piece.length;
  }
}

/** `size` bytes that look random and are the same for the same seed, at the speed of AES. */
export function pattern(size: number, seed = 1): Buffer {
  const key = Buffer.alloc(16);
  key.writeUInt32BE(seed);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Compares big buffers without jest's printing of them byte by byte. */
export function expectSameBytes(actual: Buffer, expected: Buffer): void {
  expect({ size: actual.length, sha256: sha256(actual) }).toEqual({ size: expected.length, sha256: sha256(expected) });
}

/** The promise must fail with a StorageError of one of `codes`, whose message names no path of the store. */
export async function expectError(promise: Promise<unknown>, ...codes: StorageErrorCode[]): Promise<void> {
  let failure: unknown;
  try {
    await promise;
  } catch (error) {
    failure = error;
  }
  expect(failure).toBeInstanceOf(StorageError);
  expect(codes).toContain((failure as StorageError).code);
  expect((failure as StorageError).message).not.toMatch(/\/|\\/);
}

/** Runs `task` over the items, at most `limit` at a time. */
export async function inParallel<T>(
  items: Iterable<T>,
  limit: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await task(item);
  };
  await Promise.all(Array.from({ length: limit }, worker));
}
