import { StorageError } from '../object-store.ts';
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
} from '../object-store.ts';
import { exists, isADirectory, linksUnsupported, notEmpty, notFound } from '../refusals.ts';
import { checkStorePath, isInside } from '../store-path.ts';
import { MemoryWriteHandle } from './memory-write-handle.ts';
import {
  changed,
  entryOf,
  findPlace,
  freshAttributes,
  getDirectory,
  getFile,
  getNode,
  newDirectory,
  type FileNode,
} from './memory-tree.ts';

export type MemoryOperation =
  | 'stat'
  | 'list'
  | 'openRead'
  | 'read'
  | 'openWrite'
  | 'write'
  | 'sync'
  | 'commit'
  | 'remove'
  | 'mkdir'
  | 'rmdir'
  | 'rename'
  | 'setAttributes'
  | 'truncate'
  | 'copyFile'
  | 'statistics';

export interface MemoryStoreOptions {
  readonly partialUploads?: 'store' | 'discard';
  /** Bytes of all files together; beyond it 'no-space'. */
  readonly capacity?: number;
  /** Seconds since the epoch. */
  readonly now?: () => number;
  /** Called before each operation. A fault is made by throwing, a slow store by waiting. */
  readonly before?: (operation: MemoryOperation, path: StorePath) => Promise<void> | undefined;
}

/** Longest name in bytes of UTF-8: that of the common file systems, so that what works here works there. */
const MAX_NAME_BYTES = 255;
const DEFAULT_CAPACITY = 1024 ** 3;
const PAGE_ENTRIES = 256;
const BLOCK_SIZE = 4096;

/** Everything in the memory of this process: for tests and for trying things out. No links. */
export class MemoryStore implements ObjectStore {
  readonly kind = 'memory';
  readonly capabilities: StoreCapabilities = {
    hardlink: false,
    symlink: false,
    holdsSymlinks: false,
    serverSideCopy: true,
  };
  readonly #root;
  readonly #partialUploads: 'store' | 'discard';
  readonly #capacity: number;
  readonly #now: () => number;
  readonly #before: (operation: MemoryOperation, path: StorePath) => Promise<void> | undefined;
  #used = 0;
  #openHandles = 0;

  constructor(options: MemoryStoreOptions = {}) {
    this.#partialUploads = options.partialUploads ?? 'store';
    this.#capacity = options.capacity ?? DEFAULT_CAPACITY;
    this.#now = options.now ?? (() => Math.floor(Date.now() / 1000));
    this.#before = options.before ?? (() => undefined);
    this.#root = newDirectory(this.#now());
  }

  /** Handles that were opened and neither closed nor abandoned. */
  get openHandles(): number {
    return this.#openHandles;
  }

  async stat(path: StorePath, _options: { followSymlinks: boolean }): Promise<Entry> {
    await this.#start('stat', path);
    return entryOf(getNode(this.#root, path));
  }

  async *list(path: StorePath): AsyncGenerator<readonly DirectoryEntry[]> {
    await this.#start('list', path);
    const { entries } = getDirectory(this.#root, path);
    const names = [...entries.keys()];
    for (let start = 0; start < names.length; start += PAGE_ENTRIES) {
      if (start > 0) await this.#before('list', path);
      const page: DirectoryEntry[] = [];
      for (const name of names.slice(start, start + PAGE_ENTRIES)) {
        const node = entries.get(name);
        if (node !== undefined) page.push({ name, ...entryOf(node) });
      }
      if (page.length > 0) yield page;
    }
  }

  async openRead(path: StorePath): Promise<ReadHandle> {
    await this.#start('openRead', path);
    const file = getFile(this.#root, path);
    const { bytes } = file;
    let open = true;
    this.#openHandles += 1;
    return {
      // The version that was opened, whatever is written since; what is set on the file shows.
      stat: () => Promise.resolve(entryOf({ ...file, bytes })),
      read: async (offset, length) => {
        if (!open) throw closedHandle();
        await this.#before('read', path);
        return Buffer.from(bytes.subarray(Math.min(offset, bytes.length), Math.min(offset + length, bytes.length)));
      },
      setAttributes: (change) => {
        if (!open) return Promise.reject(closedHandle());
        file.attributes = changed(file.attributes, change);
        return Promise.resolve();
      },
      close: () => {
        if (!open) return Promise.reject(closedHandle());
        open = false;
        this.#openHandles -= 1;
        return Promise.resolve();
      },
    };
  }

  async openWrite(path: StorePath, options: OpenWriteOptions): Promise<WriteHandle> {
    await this.#start('openWrite', path);
    if (path === '') throw isADirectory();
    let { directory, name, node } = findPlace(this.#root, path);
    if (node?.kind === 'directory') throw isADirectory();
    if (node === undefined && !options.create) throw notFound();
    if (node !== undefined && options.create && options.exclusive) throw exists();
    const fresh = freshAttributes(this.#now(), 0o644);
    // What the handle changes or replaces: the file at open, or what its last commit has put there.
    let base: FileNode | undefined = node;
    let baseBytes = node?.bytes;
    this.#openHandles += 1;
    return new MemoryWriteHandle({
      options,
      partialUploads: this.#partialUploads,
      base: base === undefined ? undefined : { bytes: base.bytes, attributes: base.attributes },
      fresh,
      before: (operation) => this.#before(operation, path),
      now: this.#now,
      checkSize: (size) => {
        if (size > this.#capacity) throw new StorageError('too-large', 'The file would be too large');
      },
      commit: (bytes, change, overBase) => {
        const target = directory.entries.get(name);
        if (target?.kind === 'directory') throw isADirectory();
        // Nothing was written and nothing set: whatever is there stays.
        if (bytes === undefined && Object.keys(change).length === 0) return;
        const isBase = target === base && target?.bytes === baseBytes;
        if (!isBase && options.create && options.exclusive) throw exists();
        if (overBase && !isBase) throw new StorageError('changed', 'Another file is there by now.');
        if (bytes === undefined) {
          if (target !== undefined) target.attributes = changed(target.attributes, change);
          return;
        }
        this.#account(bytes.length - (target?.bytes.length ?? 0));
        const kept = { ...(target?.attributes ?? base?.attributes ?? fresh), mtime: this.#now() };
        baseBytes = bytes;
        if (overBase && target !== undefined) {
          target.bytes = bytes;
          target.attributes = changed(kept, change);
          return;
        }
        base = { kind: 'file', bytes, attributes: changed(kept, change) };
        directory.entries.set(name, base);
      },
      moved: (to) => {
        ({ directory, name, node } = findPlace(this.#root, to));
        if (node?.kind === 'directory') throw isADirectory();
        // A change goes along with the file that it changes.
        if (node !== base) baseBytes = node?.bytes;
        base = node;
      },
      ended: () => {
        this.#openHandles -= 1;
      },
    });
  }

  async remove(path: StorePath): Promise<void> {
    await this.#start('remove', path);
    const file = getFile(this.#root, path);
    const { directory, name } = findPlace(this.#root, path);
    directory.entries.delete(name);
    this.#account(-file.bytes.length);
  }

  async mkdir(path: StorePath, attributes: AttributeChange): Promise<void> {
    await this.#start('mkdir', path);
    if (path === '') throw exists();
    const { directory, name, node } = findPlace(this.#root, path);
    if (node !== undefined) throw exists();
    directory.entries.set(name, newDirectory(this.#now(), attributes));
  }

  async rmdir(path: StorePath): Promise<void> {
    await this.#start('rmdir', path);
    if (path === '') throw new StorageError('permission-denied', 'The root cannot be removed');
    const { entries } = getDirectory(this.#root, path);
    if (entries.size > 0) throw notEmpty();
    const { directory, name } = findPlace(this.#root, path);
    directory.entries.delete(name);
  }

  async rename(from: StorePath, to: StorePath, options: { overwrite: boolean }): Promise<void> {
    checkStorePath(to);
    checkNameLengths(to);
    await this.#start('rename', from);
    if (from === '') throw new StorageError('permission-denied', 'The root cannot be renamed');
    const node = getNode(this.#root, from);
    if (from === to) return;
    if (to === '') throw exists();
    if (node.kind === 'directory' && isInside(to, from)) {
      throw new StorageError('failure', 'A directory cannot be moved into itself');
    }
    const target = findPlace(this.#root, to);
    if (target.node !== undefined) {
      if (!options.overwrite) throw exists();
      if (node.kind === 'directory') {
        // rename(2): a directory takes the place of an empty one only.
        if (target.node.kind === 'file') throw new StorageError('not-a-directory', 'Not a directory');
        if (target.node.entries.size > 0) throw notEmpty();
      } else {
        if (target.node.kind === 'directory') throw isADirectory();
        this.#account(-target.node.bytes.length);
      }
    }
    const source = findPlace(this.#root, from);
    target.directory.entries.set(target.name, node);
    source.directory.entries.delete(source.name);
  }

  async setAttributes(path: StorePath, change: AttributeChange, _options: { followSymlinks: boolean }): Promise<void> {
    await this.#start('setAttributes', path);
    const node = getNode(this.#root, path);
    node.attributes = changed(node.attributes, change);
  }

  async truncate(path: StorePath, size: number): Promise<void> {
    await this.#start('truncate', path);
    const file = getFile(this.#root, path);
    this.#account(size - file.bytes.length);
    const bytes = Buffer.alloc(size);
    file.bytes.copy(bytes);
    file.bytes = bytes;
    file.attributes = { ...file.attributes, mtime: this.#now() };
  }

  async copyFile(from: StorePath, to: StorePath): Promise<void> {
    checkStorePath(to);
    checkNameLengths(to);
    await this.#start('copyFile', from);
    const { bytes, attributes } = getFile(this.#root, from);
    if (from === to) return;
    if (to === '') throw isADirectory();
    const { directory, name, node } = findPlace(this.#root, to);
    if (node?.kind === 'directory') throw isADirectory();
    this.#account(bytes.length - (node?.bytes.length ?? 0));
    const kept = node?.attributes ?? attributes;
    directory.entries.set(name, { kind: 'file', bytes, attributes: { ...kept, mtime: this.#now() } });
  }

  async statistics(path: StorePath): Promise<StoreStatistics> {
    await this.#start('statistics', path);
    getNode(this.#root, path);
    return {
      blockSize: BLOCK_SIZE,
      totalBlocks: Math.floor(this.#capacity / BLOCK_SIZE),
      freeBlocks: Math.floor((this.#capacity - this.#used) / BLOCK_SIZE),
      totalFiles: 2 ** 32,
      freeFiles: 2 ** 32,
      maxNameBytes: MAX_NAME_BYTES,
    };
  }

  hardlink(_existing: StorePath, _link: StorePath): Promise<void> {
    return Promise.reject(linksUnsupported());
  }

  symlink(_target: string, _link: StorePath): Promise<void> {
    return Promise.reject(linksUnsupported());
  }

  readlink(_path: StorePath): Promise<string> {
    return Promise.reject(linksUnsupported());
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #start(operation: MemoryOperation, path: StorePath): Promise<void> {
    checkStorePath(path);
    checkNameLengths(path);
    await this.#before(operation, path);
  }

  #account(bytes: number): void {
    if (bytes > 0 && this.#used + bytes > this.#capacity) throw new StorageError('no-space', 'No space left');
    this.#used += bytes;
  }
}

function checkNameLengths(path: StorePath): void {
  if (path.split('/').some((segment) => Buffer.byteLength(segment) > MAX_NAME_BYTES)) {
    throw new StorageError('invalid-name', 'Invalid name: too long');
  }
}

function closedHandle(): StorageError {
  return new StorageError('failure', 'The file is closed');
}
