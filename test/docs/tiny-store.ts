// The least store that docs/extending.md speaks of: its files are in one directory of another store.
import { StorageError } from '../../src/storage/object-store.ts';
import type {
  AttributeChange,
  DirectoryEntry,
  Entry,
  ObjectStore,
  OpenWriteOptions,
  ReadHandle,
  StoreCapabilities,
  StorePath,
  StoreStatistics,
  WriteHandle,
} from '../../src/storage/object-store.ts';
import { joinStorePath } from '../../src/storage/store-path.ts';

/** A store in the directory `place` of `inner`, which must have neither links nor handles that follow paths. */
export class TinyStore implements ObjectStore {
  readonly kind = 'tiny';
  readonly capabilities: StoreCapabilities;
  readonly #inner: ObjectStore;
  readonly #place: StorePath;

  constructor(inner: ObjectStore, place: StorePath) {
    this.#inner = inner;
    this.#place = place;
    this.capabilities = { ...inner.capabilities, hardlink: false, symlink: false };
  }

  stat(path: StorePath, options: { followSymlinks: boolean }): Promise<Entry> {
    return this.#inner.stat(this.#inside(path), options);
  }

  list(path: StorePath): AsyncIterable<readonly DirectoryEntry[]> {
    return this.#inner.list(this.#inside(path));
  }

  openRead(path: StorePath): Promise<ReadHandle> {
    return this.#inner.openRead(this.#inside(path));
  }

  async openWrite(path: StorePath, options: OpenWriteOptions): Promise<WriteHandle> {
    const handle = await this.#inner.openWrite(this.#inside(path), options);
    return new TinyWriteHandle(handle, (to) => this.#inside(to));
  }

  async remove(path: StorePath): Promise<void> {
    await this.#inner.remove(this.#inside(path));
  }

  async mkdir(path: StorePath, attributes: AttributeChange): Promise<void> {
    await this.#inner.mkdir(this.#inside(path), attributes);
  }

  async rmdir(path: StorePath): Promise<void> {
    await this.#inner.rmdir(this.#below(path));
  }

  async rename(from: StorePath, to: StorePath, options: { overwrite: boolean; signal?: AbortSignal }): Promise<void> {
    await this.#inner.rename(this.#below(from), this.#inside(to), options);
  }

  setAttributes(path: StorePath, change: AttributeChange, options: { followSymlinks: boolean }): Promise<void> {
    return this.#inner.setAttributes(this.#inside(path), change, options);
  }

  truncate(path: StorePath, size: number, signal?: AbortSignal): Promise<void> {
    return this.#inner.truncate(this.#inside(path), size, signal);
  }

  copyFile(from: StorePath, to: StorePath, signal?: AbortSignal): Promise<void> {
    return this.#inner.copyFile(this.#inside(from), this.#inside(to), signal);
  }

  statistics(path: StorePath): Promise<StoreStatistics> {
    return this.#inner.statistics(this.#inside(path));
  }

  hardlink(): Promise<void> {
    return Promise.reject(noLinks());
  }

  symlink(): Promise<void> {
    return Promise.reject(noLinks());
  }

  readlink(): Promise<string> {
    return Promise.reject(noLinks());
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  /** The inner store checks every path at its door: what is no store path here is none there. */
  #inside(path: StorePath): StorePath {
    return path === '' ? this.#place : joinStorePath(this.#place, path);
  }

  /** The same for what has a name: the root is not removed or renamed. */
  #below(path: StorePath): StorePath {
    if (path === '') throw new StorageError('permission-denied', 'The root stays where it is');
    return this.#inside(path);
  }
}

/** The inner store's handle, which is told of new names as the inner store knows them. */
class TinyWriteHandle implements WriteHandle {
  readonly isNew: boolean;
  readonly #inner: WriteHandle;
  readonly #inside: (path: StorePath) => StorePath;

  constructor(inner: WriteHandle, inside: (path: StorePath) => StorePath) {
    this.isNew = inner.isNew;
    this.#inner = inner;
    this.#inside = inside;
  }

  stat(): Promise<Entry> {
    return this.#inner.stat();
  }

  write(offset: number | 'end', chunks: readonly Buffer[]): Promise<void> {
    return this.#inner.write(offset, chunks);
  }

  read(offset: number, length: number): Promise<Buffer> {
    return this.#inner.read(offset, length);
  }

  truncate(size: number): Promise<void> {
    return this.#inner.truncate(size);
  }

  setAttributes(change: AttributeChange): Promise<void> {
    return this.#inner.setAttributes(change);
  }

  sync(): Promise<void> {
    return this.#inner.sync();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  checkpoint(): Promise<void> {
    return this.#inner.checkpoint();
  }

  moved(path: StorePath): Promise<boolean> {
    return this.#inner.moved(this.#inside(path));
  }

  abandon(options?: { readonly discard: boolean }): Promise<'stored' | 'discarded'> {
    return this.#inner.abandon(options);
  }
}

function noLinks(): StorageError {
  return new StorageError('unsupported', 'This store has no links');
}
