import {
  isNotFound,
  StorageError,
  type AttributeChange,
  type DirectoryEntry,
  type Entry,
  type OpenWriteOptions,
  type ReadHandle,
  type StatOptions,
  type StoreCapabilities,
  type StoreStatistics,
  type WriteHandle,
} from '../storage/object-store.ts';
import { isInside, joinStorePath, STORE_ROOT } from '../storage/store-path.ts';
import { normalizePath, parentOf, ROOT, type ClientPath } from './client-path.ts';
import { begunPages, openStream, type DirectoryStream } from './directory-stream.ts';
import { LinkFollower } from './link-follower.ts';
import { MountTable, type Location, type LogicalDirectory, type StoreLocation } from './mount-table.ts';
import { moveBetweenStores } from './move-between-stores.ts';
import { asOneSession } from './one-session.ts';
import { NotAllowed, type Permission, type PermissionSet } from './permissions.ts';
import { notFound, notWritable } from './refusals.ts';
import { requireMove } from './require-move.ts';
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
  /** Times and modes that clients set are taken and not kept: SetStatOption ENABLE_NO_OP of Transfer Family. Default: false. */
  readonly ignoresSetStat?: boolean;
}

/**
 * One session's view of the stores: paths, permissions, and every operation on them, which goes through the registry of
 * each store. What the session writes it sees by name at once; `forSession` is the same view for another one. Every method throws StorageError and nothing else on purpose;
 * 'permission-denied' where the user may not, whatever the store would say.
 */
export class UserView {
  readonly home: ClientPath;
  readonly permissions: PermissionSet;
  readonly userName: string | undefined;
  readonly ignoresSetStat: boolean;
  readonly #mounts: MountTable;
  readonly #links: LinkFollower;
  readonly #virtual = virtualDirectory(Math.floor(Date.now() / 1000));
  readonly #options: UserViewOptions;
  /** Where files are that are open: with a link on the way, not where the client named them. */
  readonly #openedAt = new WeakMap<ReadHandle | WriteHandle, ClientPath>();

  /** @throws RangeError if the directories or the home are not plain paths, or the home is in no directory */
  constructor(options: UserViewOptions) {
    this.#options = options;
    this.#mounts = new MountTable(asOneSession(options.directories));
    this.#links = new LinkFollower(this.#mounts, (path, how) => this.#lookAt(path, how));
    this.permissions = options.permissions;
    this.userName = options.userName;
    this.ignoresSetStat = options.ignoresSetStat ?? false;
    const home = options.home ?? ROOT;
    if (!home.startsWith('/')) throw new RangeError(`home is not an absolute path: ${home}`);
    this.home = normalizePath(home, ROOT);
    try {
      this.#mounts.locate(this.home);
    } catch {
      throw new RangeError(`home is in no logical directory: ${home}`);
    }
  }

  /** The same view for another session. */
  forSession(): UserView {
    return new UserView(this.#options);
  }

  /** What at least one of the stores can do. */
  get capabilities(): StoreCapabilities {
    const stores = this.#mounts.directories.map(({ store }) => store.capabilities);
    return {
      hardlink: stores.some(({ hardlink }) => hardlink),
      symlink: stores.some(({ symlink }) => symlink),
      holdsSymlinks: stores.some(({ holdsSymlinks }) => holdsSymlinks),
      serverSideCopy: stores.some(({ serverSideCopy }) => serverSideCopy),
    };
  }

  /** The plain form of a path from the client; relative ones start at the home. */
  resolve(path: string): ClientPath {
    return normalizePath(path, this.home);
  }

  /** Makes the mapped directories that a store does not have yet, with their parents. */
  async prepare(): Promise<void> {
    for (const { store, path, isFile = false } of this.#mounts.directories) {
      const segments = path === '' ? [] : path.split('/');
      if (isFile) segments.pop();
      for (let depth = 1; depth <= segments.length; depth += 1) {
        const directory = joinStorePath(STORE_ROOT, segments.slice(0, depth).join('/'));
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
    return await this.#links.follow(path, options, (at) => {
      this.#requireSight(at);
      return this.#lookAt(at, { ...options, mayBeRecent: true });
    });
  }

  /** Starts a listing; its first entries are `.` and `..`. */
  async openDirectory(path: ClientPath): Promise<DirectoryStream> {
    return await this.#links.follow(path, { followSymlinks: true }, async (at) => {
      const location = this.#mounts.locate(at);
      this.#require('list', location);
      const stored = location.kind === 'virtual' ? undefined : location;
      const list = (from: StoreLocation): AsyncIterable<readonly DirectoryEntry[]> =>
        from.directory.store.list(from.path);
      // Where no link can be met, what is in it is asked for along with what it is.
      const isPlain = stored?.directory.store.capabilities.holdsSymlinks === false;
      const begun = isPlain ? begunPages(list(stored)) : undefined;
      let taken = false;
      try {
        const self = await this.#lookAt(at, { followSymlinks: true });
        if (self.kind !== 'directory') throw new StorageError('not-a-directory', 'Not a directory.');
        const first = await this.#firstNames(at, self);
        if (stored === undefined || self === this.#virtual) return await openStream(first, undefined);
        taken = true;
        return await openStream(first, begun ?? list(stored));
      } finally {
        if (!taken) begun?.return?.().catch(() => undefined);
      }
    });
  }

  /** `.`, `..`, and the logical directories in it. */
  async #firstNames(at: ClientPath, self: Entry): Promise<DirectoryEntry[]> {
    const first: DirectoryEntry[] = [
      { ...self, name: '.' },
      { ...self, name: '..' },
    ];
    for (const name of this.#mounts.namesBelow(at)) {
      const below = normalizePath(name, at);
      const entry = await this.#lookAt(below, { followSymlinks: false }).catch((error: unknown) =>
        isNotFound(error) && this.#isMappedFile(below) ? undefined : this.#virtual,
      );
      if (entry !== undefined) first.push({ ...entry, name });
    }
    return first;
  }

  async openRead(path: ClientPath): Promise<ReadHandle> {
    return await this.#links.follow(path, { followSymlinks: true }, async (at) => {
      const location = this.#locateStored(at);
      this.#require('read', location);
      const file = await location.directory.store.openRead(location.path);
      this.#openedAt.set(file, at);
      return file;
    });
  }

  async openWrite(path: ClientPath, options: OpenWriteOptions): Promise<WriteHandle> {
    // O_EXCL does not follow a link, not even one that leads to nothing.
    const followSymlinks = !(options.create && options.exclusive);
    return await this.#links.follow(path, { followSymlinks }, async (at) => {
      const location = this.#locateWritable(at, 'write');
      if (options.read) this.#require('read', location);
      const file = await location.directory.store.openWrite(location.path, options);
      this.#openedAt.set(file, at);
      return file;
    });
  }

  async remove(path: ClientPath): Promise<void> {
    await this.#links.follow(path, { followSymlinks: false }, async (at) => {
      const location = this.#locateMovable(at, 'delete');
      await location.directory.store.remove(location.path);
    });
  }

  async mkdir(path: ClientPath, attributes: AttributeChange): Promise<void> {
    await this.#links.follow(path, { followSymlinks: false }, async (at) => {
      if (this.#isFixed(at)) throw new StorageError('exists', 'The directory exists already.');
      const location = this.#locateWritable(at, 'mkdir');
      if (location.directory.isFile === true) throw new StorageError('permission-denied', 'Only a file can be here.');
      await location.directory.store.mkdir(location.path, attributes);
    });
  }

  async rmdir(path: ClientPath): Promise<void> {
    await this.#links.follow(path, { followSymlinks: false }, async (at) => {
      const location = this.#locateMovable(at, 'delete');
      if (location.directory.rules?.allowsRmdir(location.path) === false) throw new NotAllowed('delete', at);
      await location.directory.store.rmdir(location.path);
    });
  }

  /** `signal` ends what has to be copied: then the file is where it was. */
  async rename(
    from: ClientPath,
    to: ClientPath,
    options: { readonly overwrite: boolean; readonly signal?: AbortSignal },
  ): Promise<void> {
    await this.#links.followBoth(from, to, async (realFrom, realTo) => {
      const source = this.#locateMovable(realFrom, 'rename');
      const target = this.#locateMovable(realTo, 'rename');
      if (options.overwrite) this.#require('write', target);
      if (realFrom !== realTo && isInside(realTo, realFrom)) {
        await this.#lookAt(realFrom, { followSymlinks: false });
        throw new StorageError('failure', 'A directory cannot move into itself.');
      }
      await requireMove(source, target);
      if (source.directory.store === target.directory.store) {
        await source.directory.store.rename(source.path, target.path, options);
        return;
      }
      await moveBetweenStores(source, target, options);
    });
  }

  async setAttributes(
    path: ClientPath,
    change: AttributeChange,
    options: { readonly followSymlinks: boolean },
  ): Promise<void> {
    if (this.ignoresSetStat) return;
    await this.#links.follow(path, options, async (at) => {
      const location = this.#locateWritable(at, 'setAttributes');
      await location.directory.store.setAttributes(location.path, change, options);
    });
  }

  async truncate(path: ClientPath, size: number, signal?: AbortSignal): Promise<void> {
    await this.#links.follow(path, { followSymlinks: true }, async (at) => {
      const location = this.#locateWritable(at, 'write');
      await location.directory.store.truncate(location.path, size, signal);
    });
  }

  async statistics(path: ClientPath): Promise<StoreStatistics> {
    return await this.#links.follow(path, { followSymlinks: true }, async (at) => {
      const location = this.#mounts.locate(at);
      const below = location.kind === 'store' ? location : this.#anyBelow(at);
      return await below.directory.store.statistics(below.path);
    });
  }

  /** Whatever may be done through the new name must be allowed at the old one: it stays the same file. */
  async hardlink(existing: ClientPath, link: ClientPath): Promise<void> {
    await this.#links.followBoth(existing, link, async (realExisting, realLink) => {
      const source = this.#locateStored(realExisting);
      this.#require('write', source);
      const target = this.#locateWritable(realLink, 'write');
      for (const permission of ['read', 'setAttributes'] as const) {
        if (this.#allows(permission, target)) this.#require(permission, source);
      }
      if (source.directory.store !== target.directory.store) {
        throw new StorageError('unsupported', 'A hard link cannot lead to another store.');
      }
      await source.directory.store.hardlink(source.path, target.path);
    });
  }

  /** `target` is kept as it is given where it is relative; an absolute one begins at the view's root. */
  async symlink(target: string, link: ClientPath): Promise<void> {
    await this.#links.follow(link, { followSymlinks: false }, async (at) => {
      const location = this.#locateWritable(at, 'write');
      await location.directory.store.symlink(storeLinkTarget(target, location, this.#mounts), location.path);
    });
  }

  async readlink(path: ClientPath): Promise<string> {
    return await this.#links.follow(path, { followSymlinks: false }, async (at) => {
      this.#requireSight(at);
      const location = this.#locateStored(at);
      const target = await location.directory.store.readlink(location.path);
      return clientLinkTarget(target, location, this.#mounts);
    });
  }

  /**
   * The path that a client's `path` really means: links followed, as far as anything is there. Where no store can hold
   * links it is the plain path, and no store is asked.
   */
  async realpath(path: string): Promise<ClientPath> {
    return (await this.#links.realpath(this.home, path)) ?? this.resolve(path);
  }

  /**
   * For what is done with `file`, which was opened at `path`.
   * @throws StorageError 'permission-denied' if the user may not `permission` where the file is
   */
  require(permission: Permission, path: ClientPath, file?: ReadHandle | WriteHandle): void {
    const openedAt = file === undefined ? undefined : this.#openedAt.get(file);
    this.#require(permission, this.#mounts.locate(openedAt ?? path));
  }

  /** As `stat`, but no link is followed. */
  async #lookAt(path: ClientPath, options: StatOptions): Promise<Entry> {
    const location = this.#mounts.locate(path);
    if (location.kind === 'virtual') return this.#virtual;
    try {
      const entry = await location.directory.store.stat(location.path, options);
      if (location.directory.isFile === true && entry.kind === 'directory') throw notFound();
      return entry;
    } catch (error) {
      // A mapped directory is there even while its prefix is empty, and so is the parent of one.
      const isMapped = location.isMountPoint && location.directory.isFile !== true;
      if (isNotFound(error) && (isMapped || this.#mounts.hasEntriesBelow(path))) return this.#virtual;
      throw error;
    }
  }

  /** A file is mapped there, and nothing further down. */
  #isMappedFile(path: ClientPath): boolean {
    const location = this.#mounts.locate(path);
    return location.kind === 'store' && location.directory.isFile === true;
  }

  #isFixed(path: ClientPath): boolean {
    return path === ROOT || this.#mounts.hasEntriesBelow(path);
  }

  #anyBelow(path: ClientPath): StoreLocation {
    const directory = this.#mounts.directories.find(({ entry }) => isInside<string>(entry, path));
    if (directory === undefined) throw notFound();
    return { kind: 'store', clientPath: path, directory, path: directory.path, isMountPoint: true };
  }

  #require(permission: Permission, location: Location): void {
    if (!this.#allows(permission, location)) throw new NotAllowed(permission, location.clientPath);
  }

  #allows(permission: Permission, location: Location): boolean {
    if (!this.permissions.has(permission)) return false;
    if (location.kind === 'virtual') return true;
    const { permissions: own, rules } = location.directory;
    return own?.has(permission) !== false && rules?.allows(permission, location.path) !== false;
  }

  #requireSight(path: ClientPath): void {
    const location = this.#mounts.locate(path);
    if (location.kind === 'virtual' || location.directory.rules?.maySee(location.path) !== false) return;
    throw new NotAllowed('read', path);
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
    if (location.isMountPoint || this.#isFixed(path)) {
      throw new StorageError('permission-denied', 'Permission denied: this directory is part of the configuration.');
    }
    return location;
  }
}
