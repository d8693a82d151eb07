import {
  StorageError,
  type AttributeChange,
  type DirectoryEntry,
  type Entry,
  type OpenWriteOptions,
  type ReadHandle,
  type StoreCapabilities,
  type StoreStatistics,
  type WriteHandle,
} from '../storage/object-store.ts';
import { isWithin, lastSegment, normalizePath, parentOf, ROOT, type ClientPath } from './client-path.ts';
import { openStream, type DirectoryStream } from './directory-stream.ts';
import { MountTable, type Location, type LogicalDirectory, type StoreLocation } from './mount-table.ts';
import { moveBetweenStores } from './move-between-stores.ts';
import type { Permission, PermissionSet } from './permissions.ts';
import { clientLinkTarget, storeLinkTarget } from './symlink-target.ts';
import { virtualDirectory } from './virtual-directory.ts';

export interface UserViewOptions {
  /**
   * What the user sees. One with entry '/' is a plain home (HomeDirectoryType PATH); several are logical directories.
   * Where they overlap the longest entry wins.
   */
  readonly directories: readonly LogicalDirectory[];
  /** Where the user starts and relative paths begin, in the view. Default '/'. */
  readonly home?: string;
  readonly permissions: PermissionSet;
  /** For `~name` and the home-directory extension. */
  readonly userName?: string;
}

/**
 * One user's view of the stores: paths, permissions, and every operation on them. It holds no state of a session, so
 * that any number of sessions of the user share it. Every method throws StorageError and nothing else on purpose;
 * 'permission-denied' where the user may not, whatever the store would say.
 */
export class UserView {
  readonly home: ClientPath;
  readonly permissions: PermissionSet;
  readonly userName: string | undefined;
  readonly #mounts: MountTable;
  readonly #virtual = virtualDirectory(Math.floor(Date.now() / 1000));

  /** @throws RangeError if the directories or the home are not plain paths, or the home is in no directory */
  constructor(options: UserViewOptions) {
    this.#mounts = new MountTable(options.directories);
    this.permissions = options.permissions;
    this.userName = options.userName;
    const home = options.home ?? ROOT;
    if (!home.startsWith('/')) throw new RangeError(`home is not an absolute path: ${home}`);
    this.home = normalizePath(home, ROOT);
    try {
      this.#mounts.locate(this.home);
    } catch {
      throw new RangeError(`home is in no logical directory: ${home}`);
    }
  }

  /** What at least one of the stores can do. */
  get capabilities(): StoreCapabilities {
    const stores = this.#mounts.directories.map(({ store }) => store.capabilities);
    return {
      hardlink: stores.some(({ hardlink }) => hardlink),
      symlink: stores.some(({ symlink }) => symlink),
      serverSideCopy: stores.some(({ serverSideCopy }) => serverSideCopy),
    };
  }

  /** The plain form of a path from the client; relative ones start at the home. */
  resolve(path: string): ClientPath {
    return normalizePath(path, this.home);
  }

  /** Makes the mapped directories that a store does not have yet, with their parents. */
  async prepare(): Promise<void> {
    for (const { store, path } of this.#mounts.directories) {
      const segments = path === '' ? [] : path.split('/');
      for (let depth = 1; depth <= segments.length; depth += 1) {
        const directory = segments.slice(0, depth).join('/');
        try {
          await store.stat(directory, { followSymlinks: true });
        } catch (error) {
          if (!isNotFound(error)) throw error;
          await store.mkdir(directory, {}).catch((failure: unknown) => {
            // Another session of the user was faster.
            if (!(failure instanceof StorageError && failure.code === 'exists')) throw failure;
          });
        }
      }
    }
  }

  async stat(path: ClientPath, options: { readonly followSymlinks: boolean }): Promise<Entry> {
    const location = this.#mounts.locate(path);
    if (location.kind === 'virtual') return this.#virtual;
    try {
      return await location.directory.store.stat(location.path, options);
    } catch (error) {
      // A mapped directory is there even while its prefix is empty, and so is the parent of one.
      if (isNotFound(error) && (location.isMountPoint || this.#mounts.hasEntriesBelow(path))) return this.#virtual;
      throw error;
    }
  }

  /** Starts a listing; its first entries are `.` and `..`. */
  async openDirectory(path: ClientPath): Promise<DirectoryStream> {
    const location = this.#mounts.locate(path);
    this.#require('list', location);
    const self = await this.stat(path, { followSymlinks: true });
    if (self.kind !== 'directory') throw new StorageError('not-a-directory', 'Not a directory.');
    const first: DirectoryEntry[] = [
      { ...self, name: '.' },
      { ...self, name: '..' },
    ];
    for (const name of this.#mounts.namesBelow(path)) {
      const below = normalizePath(name, path);
      const entry = await this.stat(below, { followSymlinks: false }).catch(() => this.#virtual);
      first.push({ ...entry, name });
    }
    const stored = location.kind === 'virtual' || self === this.#virtual ? undefined : location;
    return await openStream(first, stored?.directory.store.list(stored.path));
  }

  async openRead(path: ClientPath): Promise<ReadHandle> {
    const location = this.#locateStored(path);
    this.#require('read', location);
    return await location.directory.store.openRead(location.path);
  }

  async openWrite(path: ClientPath, options: OpenWriteOptions): Promise<WriteHandle> {
    const location = this.#locateWritable(path, 'write');
    if (options.read) this.#require('read', location);
    return await location.directory.store.openWrite(location.path, options);
  }

  async remove(path: ClientPath): Promise<void> {
    const location = this.#locateMovable(path, 'delete');
    await location.directory.store.remove(location.path);
  }

  async mkdir(path: ClientPath, attributes: AttributeChange): Promise<void> {
    if (this.#isFixed(path)) throw new StorageError('exists', 'The directory exists already.');
    const location = this.#locateWritable(path, 'mkdir');
    await location.directory.store.mkdir(location.path, attributes);
  }

  async rmdir(path: ClientPath): Promise<void> {
    const location = this.#locateMovable(path, 'delete');
    await location.directory.store.rmdir(location.path);
  }

  /** `signal` ends what has to be copied: then the file is where it was. */
  async rename(
    from: ClientPath,
    to: ClientPath,
    options: { readonly overwrite: boolean; readonly signal?: AbortSignal },
  ): Promise<void> {
    const source = this.#locateMovable(from, 'rename');
    const target = this.#locateMovable(to, 'rename');
    if (options.overwrite) this.#require('write', target);
    if (from !== to && isWithin(to, from)) throw new StorageError('failure', 'A directory cannot move into itself.');
    if (source.directory.store === target.directory.store) {
      await source.directory.store.rename(source.path, target.path, options);
      return;
    }
    await moveBetweenStores(source, target, options);
  }

  async setAttributes(
    path: ClientPath,
    change: AttributeChange,
    options: { readonly followSymlinks: boolean },
  ): Promise<void> {
    const location = this.#locateWritable(path, 'setAttributes');
    await location.directory.store.setAttributes(location.path, change, options);
  }

  async truncate(path: ClientPath, size: number, signal?: AbortSignal): Promise<void> {
    const location = this.#locateWritable(path, 'write');
    await location.directory.store.truncate(location.path, size, signal);
  }

  async statistics(path: ClientPath): Promise<StoreStatistics> {
    const location = this.#mounts.locate(path);
    const below = location.kind === 'store' ? location : this.#anyBelow(path);
    return await below.directory.store.statistics(below.path);
  }

  async hardlink(existing: ClientPath, link: ClientPath): Promise<void> {
    const source = this.#locateStored(existing);
    this.#require('read', source);
    const target = this.#locateWritable(link, 'write');
    if (source.directory.store !== target.directory.store) {
      throw new StorageError('unsupported', 'A hard link cannot lead to another store.');
    }
    await source.directory.store.hardlink(source.path, target.path);
  }

  /** `target` is kept as it is given where it is relative; an absolute one begins at the view's root. */
  async symlink(target: string, link: ClientPath): Promise<void> {
    const location = this.#locateWritable(link, 'write');
    await location.directory.store.symlink(storeLinkTarget(target, location, this.#mounts), location.path);
  }

  async readlink(path: ClientPath): Promise<string> {
    const location = this.#locateStored(path);
    const target = await location.directory.store.readlink(location.path);
    return clientLinkTarget(target, location);
  }

  /**
   * For what is done with a file that is open already.
   * @throws StorageError 'permission-denied' if the user may not `permission` at `path`
   */
  require(permission: Permission, path: ClientPath): void {
    this.#require(permission, this.#mounts.locate(path));
  }

  #isFixed(path: ClientPath): boolean {
    return path === ROOT || this.#mounts.hasEntriesBelow(path);
  }

  #anyBelow(path: ClientPath): StoreLocation {
    const directory = this.#mounts.directories.find(({ entry }) => isWithin(entry, path));
    if (directory === undefined) throw new StorageError('not-found', 'No such file or directory.');
    return { kind: 'store', clientPath: path, directory, path: directory.path, isMountPoint: true };
  }

  #require(permission: Permission, location: Location): void {
    const own = location.kind === 'store' ? location.directory.permissions : undefined;
    if (!this.permissions.has(permission) || own?.has(permission) === false) {
      throw new StorageError('permission-denied', `Permission denied: ${permission} is not allowed here.`);
    }
  }

  #locateStored(path: ClientPath): StoreLocation {
    const location = this.#mounts.locate(path);
    if (location.kind === 'virtual') throw new StorageError('is-a-directory', 'This is a directory.');
    return location;
  }

  #locateWritable(path: ClientPath, permission: Permission): StoreLocation {
    let location: Location;
    try {
      location = this.#mounts.locate(path);
    } catch (error) {
      // Beside the mapped directories: the parent can be listed and not written.
      const parent = this.#mounts.locate(parentOf(path));
      if (parent.kind === 'virtual') throw notWritable(path);
      throw error;
    }
    if (location.kind === 'virtual') throw notWritable(path);
    this.#require(permission, location);
    return location;
  }

  /** For what moves or goes away: neither a mapped directory nor one above it can. */
  #locateMovable(path: ClientPath, permission: Permission): StoreLocation {
    const location = this.#locateWritable(path, permission);
    if (path === ROOT || location.isMountPoint || this.#mounts.hasEntriesBelow(path)) {
      throw new StorageError('permission-denied', 'Permission denied: this directory is part of the configuration.');
    }
    return location;
  }
}

function notWritable(path: ClientPath): StorageError {
  const name = lastSegment(path);
  return new StorageError(
    'permission-denied',
    `Permission denied: "${name}" is in no directory that you can write to.`,
  );
}

function isNotFound(error: unknown): boolean {
  return error instanceof StorageError && error.code === 'not-found';
}
