import { link, lstat, mkdir, readlink, realpath, stat, statfs, symlink } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isChanged, KEPT_MODE_BITS, StorageError } from '../object-store.ts';
import type {
  AttributeChange,
  DirectoryEntry,
  Entry,
  ObjectStore,
  OpenWriteOptions,
  ReadHandle,
  StoreCapabilities,
  StoreEventSink,
  StorePath,
  StoreStatistics,
  WriteHandle,
} from '../object-store.ts';
import { exists, isADirectory, linksUnsupported, notEmpty, notFound } from '../refusals.ts';
import { isInside } from '../store-path.ts';
import { FileCopier } from './copy-bytes.ts';
import { descriptorsWork, pinByDescriptor, pinByPath } from './directory-ref.ts';
import { asStorageError, errnoOf } from './errno.ts';
import { callsThatEnd, IN_PLACE, IN_THREADS } from './file-calls.ts';
import { fileSystemKind, type FileSystemKind } from './file-system-type.ts';
import { applyToEntry } from './local-attributes.ts';
import { entryOf } from './local-entry.ts';
import { listDirectory } from './local-listing.ts';
import { MAX_SPARSE_BYTES } from './limits.ts';
import { LocalReadHandle } from './local-read-handle.ts';
import { isNotEmpty, renameEntry } from './local-rename.ts';
import { LocalWriteHandle } from './local-write-handle.ts';
import { LocalWriters } from './local-writers.ts';
import { NearDirectories } from './near-directories.ts';
import { openBase, openSeen, type OpenFile } from './open-regular.ts';
import { closeAfter } from './close-after.ts';
import { sweepDirectory, sweepTree } from './part-sweep.ts';
import { checkClientPath, PathResolver } from './path-resolver.ts';
import type { Located, Place } from './path-resolver.ts';

export interface LocalStoreOptions {
  /** Whether the close of an upload, and a rename, wait until the disk has them. Default 'always'. */
  readonly fsync?: 'always' | 'never';
  readonly hardlinks?: boolean;
  /** Whether clients make and read symbolic links. Those that are there are met in any case (`SymbolicLinkMet`). */
  readonly symlinks?: boolean;
  readonly partialUploads?: 'store' | 'discard';
  /** What a file may have of holes. Bytes. */
  readonly maxSparseBytes?: number;
  /** Entries that the sweep at start looks at; 0 for none, which is the default where the root is `/`. */
  readonly sweepEntries?: number;
  /** Default: whether /proc/self/fd is there. Without it paths are checked but not pinned (`pinByPath`). */
  readonly pinDescriptors?: boolean;
  /** Default: what the root's file system is. */
  readonly fileSystem?: FileSystemKind;
  readonly onEvent?: StoreEventSink;
}

const MAX_OPEN_TRIES = 8;
const DEFAULT_SWEEP_ENTRIES = 50_000;
/** NAME_MAX of the common file systems of Linux, in bytes. */
const MAX_NAME_BYTES = 255;
/** The longest target that symlink(2) takes, in bytes. */
const MAX_TARGET_BYTES = 4095;
/** As `put` opens a file. */
const OVERWRITE: OpenWriteOptions = {
  create: true,
  exclusive: false,
  truncate: true,
  append: false,
  read: false,
  attributes: {},
};

interface Settings {
  readonly sync: boolean;
  readonly partialUploads: 'store' | 'discard';
  readonly maxSparseBytes: number;
  readonly byDescriptor: boolean;
  /** What is on the root's device, where calls may be made in place there. */
  readonly near: NearDirectories | undefined;
}

/**
 * A directory of this machine. No path leads out of it, and no symbolic link is followed; a new version of a file takes the place
 * of the old one in one step. What another program changes in place is served as it is at the moment.
 *
 * Since a file is replaced, not written into, hard links to it are broken by an upload, and access lists and extended
 * attributes beyond those of its directory are lost; mode, owner and group stay.
 */
export class LocalStore implements ObjectStore {
  readonly kind = 'local';
  readonly capabilities: StoreCapabilities;
  readonly #settings: Settings;
  readonly #resolver: PathResolver;
  readonly #copier: FileCopier;
  /** What is being written, for changes of files' attributes. */
  readonly #writers = new LocalWriters();

  private constructor(settings: Settings, capabilities: StoreCapabilities, resolver: PathResolver) {
    this.#settings = settings;
    this.capabilities = capabilities;
    this.#resolver = resolver;
    this.#copier = new FileCopier(settings.byDescriptor, settings.maxSparseBytes);
  }

  /**
   * Makes the root if it is not there, and removes temporary files that crashes left. Throws StorageError:
   * 'not-a-directory', 'permission-denied', ...
   */
  static async open(root: string, options: LocalStoreOptions = {}): Promise<LocalStore> {
    return asStorageError(async () => {
      const configured = resolve(root);
      await mkdir(configured, { recursive: true });
      const real = await realpath(configured);
      const rootStats = await stat(real);
      if (!rootStats.isDirectory()) throw new StorageError('not-a-directory', 'The root is not a directory');
      const limit = options.sweepEntries ?? (real === '/' ? 0 : DEFAULT_SWEEP_ENTRIES);
      const removed = limit > 0 ? await sweepTree(real, limit) : 0;
      if (removed > 0) options.onEvent?.('leftovers-removed', { count: removed });

      const byDescriptor = options.pinDescriptors ?? (await descriptorsWork());
      const kind = byDescriptor ? (options.fileSystem ?? (await fileSystemKind(real))) : 'far';
      const calls = kind === 'memory' ? IN_PLACE : IN_THREADS;
      const near = kind === 'far' ? undefined : new NearDirectories(rootStats.dev, calls);
      return new LocalStore(
        {
          sync: options.fsync !== 'never',
          partialUploads: options.partialUploads ?? 'store',
          maxSparseBytes: options.maxSparseBytes ?? MAX_SPARSE_BYTES.default,
          byDescriptor,
          near,
        },
        {
          hardlink: options.hardlinks ?? true,
          symlink: options.symlinks ?? false,
          holdsSymlinks: true,
          serverSideCopy: true,
        },
        new PathResolver(real, configured, byDescriptor ? pinByDescriptor : pinByPath, near),
      );
    });
  }

  async stat(path: StorePath, { followSymlinks }: { followSymlinks: boolean }): Promise<Entry> {
    return this.#located(path, followSymlinks, ({ stats }) => {
      if (stats === undefined) throw notFound();
      return Promise.resolve(entryOf(stats));
    });
  }

  async *list(path: StorePath): AsyncGenerator<readonly DirectoryEntry[]> {
    yield* listDirectory(await asStorageError(() => this.#resolver.directory(path)));
  }

  async openRead(path: StorePath): Promise<ReadHandle> {
    return this.#located(path, true, async (place) => {
      const { fd, stats } = await openSeen(place);
      const near = stats.dev === this.#settings.near?.device;
      // A file on the device may have another file system's directory above it: then it was opened in a thread, too.
      const calls = near ? place.directory.calls : IN_THREADS;
      return new LocalReadHandle(fd, stats, { near, calls, writers: this.#writers });
    });
  }

  async openWrite(path: StorePath, options: OpenWriteOptions): Promise<WriteHandle> {
    return asStorageError(async () => {
      for (let tries = 1; ; tries += 1) {
        try {
          return await this.#openWrite(path, options);
        } catch (error) {
          // What was there may go while it is looked at. Nothing is as good for who may create the file.
          if (!options.create || errnoOf(error) !== 'ENOENT' || tries === MAX_OPEN_TRIES) throw error;
        }
      }
    });
  }

  async remove(path: StorePath): Promise<void> {
    if (path === '') throw isADirectory();
    return this.#place(path, async ({ directory, name }) => {
      try {
        const file = directory.path(name);
        await (await callsThatEnd(file, directory.calls)).unlink(file);
      } catch (error) {
        // POSIX lets unlink(2) of a directory fail with EPERM; Linux says EISDIR.
        if (errnoOf(error) === 'EPERM' && (await lstat(directory.path(name))).isDirectory()) throw isADirectory();
        throw error;
      }
    });
  }

  async mkdir(at: StorePath, attributes: AttributeChange): Promise<void> {
    if (at === '') throw exists();
    return this.#place(at, async (place) => {
      const { mode, uid, gid, ...times } = attributes;
      const path = place.directory.path(place.name);
      await place.directory.calls.mkdir(path, (mode ?? 0o777) & KEPT_MODE_BITS);
      const made = { ...place, stats: await place.directory.calls.lstat(path) };
      if (uid !== undefined || gid !== undefined) {
        // As with a new file: who may not give it away has made it all the same.
        const owner = { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) };
        await applyToEntry(made, owner, this.#settings.byDescriptor).catch(() => undefined);
      }
      await applyToEntry(made, times, this.#settings.byDescriptor);
    });
  }

  async rmdir(path: StorePath): Promise<void> {
    if (path === '') throw new StorageError('permission-denied', 'The root cannot be removed');
    return this.#place(path, async ({ directory, name }) => {
      try {
        await directory.calls.rmdir(directory.path(name));
      } catch (error) {
        if (!isNotEmpty(error)) throw error;
        // It may only look empty to the client: what a crash left there is hidden.
        await this.#sweep(path);
        await directory.calls.rmdir(directory.path(name)).catch((again: unknown) => {
          throw isNotEmpty(again) ? notEmpty() : again;
        });
      }
    });
  }

  async rename(
    from: StorePath,
    to: StorePath,
    { overwrite, signal }: { overwrite: boolean; signal?: AbortSignal },
  ): Promise<void> {
    checkClientPath(to);
    return this.#located(from, false, async (source) => {
      if (from === '') throw new StorageError('permission-denied', 'The root cannot be renamed');
      if (source.stats === undefined) throw notFound();
      if (from === to) return;
      if (to === '') throw exists();
      if (source.stats.isDirectory() && isInside(to, from)) {
        throw new StorageError('failure', 'A directory cannot be moved into itself');
      }
      await this.#place(to, (target) =>
        renameEntry(source, target, {
          overwrite,
          sync: this.#settings.sync,
          copier: this.#copier,
          sweep: () => this.#sweep(to),
          signal,
        }),
      );
    });
  }

  async setAttributes(
    path: StorePath,
    change: AttributeChange,
    { followSymlinks }: { followSymlinks: boolean },
  ): Promise<void> {
    return this.#located(path, followSymlinks, async (place) => {
      const { stats } = place;
      if (stats === undefined) throw notFound();
      await this.#writers.whileSetting(
        (when) => (when === 'before' ? stats : lstat(place.directory.path(place.name))),
        () => applyToEntry(place, change, this.#settings.byDescriptor),
      );
    });
  }

  async truncate(path: StorePath, size: number, signal?: AbortSignal): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const handle = await asStorageError(() =>
        this.#openWrite(path, { ...OVERWRITE, create: false, truncate: false }),
      );
      try {
        await closeAfter(handle, signal, async () => {
          // Some clients set the size that the file has: not worth a copy of it.
          if ((await handle.stat()).attributes.size !== size) await handle.truncate(size);
        });
        return;
      } catch (error) {
        // Another process has replaced the file meanwhile: what is there now gets the size.
        if (!isChanged(error) || tries === MAX_OPEN_TRIES) throw error;
      }
    }
  }

  async copyFile(from: StorePath, to: StorePath, signal?: AbortSignal): Promise<void> {
    checkClientPath(to);
    return this.#located(from, true, async (place) => {
      const source = await openSeen(place);
      try {
        if (from === to) return;
        const attributes = { mode: source.stats.mode & 0o777 };
        const handle = await this.#openWrite(to, { ...OVERWRITE, attributes });
        await closeAfter(handle, signal, () => handle.copyFrom(source.fd, source.stats.size));
      } finally {
        await IN_THREADS.close(source.fd);
      }
    });
  }

  async statistics(path: StorePath): Promise<StoreStatistics> {
    return this.#located(path, true, async ({ directory, name, stats }) => {
      if (stats === undefined) throw notFound();
      const { bsize, blocks, bavail, files, ffree } = await statfs(directory.path(name));
      return {
        blockSize: bsize,
        totalBlocks: blocks,
        freeBlocks: bavail,
        totalFiles: files,
        freeFiles: ffree,
        maxNameBytes: MAX_NAME_BYTES,
      };
    });
  }

  async hardlink(existing: StorePath, newLink: StorePath): Promise<void> {
    if (!this.capabilities.hardlink) throw linksUnsupported();
    return this.#place(existing, ({ directory, name }) =>
      this.#place(newLink, (target) => link(directory.path(name), target.directory.path(target.name))),
    );
  }

  async symlink(target: string, newLink: StorePath): Promise<void> {
    if (!this.capabilities.symlink) throw linksUnsupported();
    if (target === '' || target.includes('\0') || !target.isWellFormed()) {
      throw new StorageError('invalid-name', 'Invalid name: not a valid target of a link');
    }
    const onDisk = this.#resolver.targetOnDisk(target);
    if (Buffer.byteLength(onDisk) > MAX_TARGET_BYTES) {
      throw new StorageError('invalid-name', 'Invalid name: the target is too long');
    }
    return this.#place(newLink, ({ directory, name }) => symlink(onDisk, directory.path(name)));
  }

  async readlink(path: StorePath): Promise<string> {
    if (!this.capabilities.symlink) throw linksUnsupported();
    return this.#located(path, false, async ({ directory, name, stats }) => {
      if (stats === undefined) throw notFound();
      if (!stats.isSymbolicLink()) throw new StorageError('failure', 'Not a symbolic link');
      return this.#resolver.targetInStore(await readlink(directory.path(name))) ?? '/';
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #openWrite(path: StorePath, options: OpenWriteOptions): Promise<LocalWriteHandle> {
    const exclusive = options.create && options.exclusive;
    // O_EXCL does not follow a link, not even one that leads to nothing.
    const place = await (exclusive ? this.#resolver.located(path) : this.#resolver.followed(path));
    let base: OpenFile | undefined;
    try {
      base = await openBase(place, path, options);
    } catch (error) {
      place.directory.release();
      throw error;
    }
    const { sync, partialUploads, maxSparseBytes } = this.#settings;
    return LocalWriteHandle.open({
      place: { ...place, stats: base?.stats ?? place.stats },
      options,
      partialUploads,
      sync,
      copier: this.#copier,
      maxSparseBytes,
      base: base?.fd,
      writers: this.#writers,
      locate: (moved) => asStorageError(() => this.#resolver.located(moved)),
    });
  }

  async #sweep(path: StorePath): Promise<void> {
    const directory = await this.#resolver.directory(path);
    try {
      await sweepDirectory(directory);
    } finally {
      directory.release();
    }
  }

  /** Runs `action` with the place of the path; a link there is not followed. Every error is a StorageError. */
  async #place<T>(path: StorePath, action: (place: Place) => Promise<T>): Promise<T> {
    return asStorageError(async () => {
      const place = await this.#resolver.place(path);
      try {
        return await action(place);
      } finally {
        place.directory.release();
      }
    });
  }

  async #located<T>(path: StorePath, follow: boolean, action: (place: Located) => Promise<T>): Promise<T> {
    return asStorageError(async () => {
      const place = await (follow ? this.#resolver.followed(path) : this.#resolver.located(path));
      try {
        return await action(place);
      } finally {
        place.directory.release();
      }
    });
  }
}
