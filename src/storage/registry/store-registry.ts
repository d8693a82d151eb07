import type {
  AttributeChange,
  ObjectStore,
  OpenWriteOptions,
  ReadHandle,
  StorePath,
  WriteHandle,
} from '../object-store.ts';
import { StorageError } from '../object-store.ts';
import { parentOf } from '../store-path.ts';
import { FollowingReadHandle } from './following-read-handle.ts';
import { OpenFiles, type SessionKey } from './open-files.ts';
import { OpenVersion } from './open-version.ts';
import { PathLanes } from './path-lanes.ts';
import { SessionStore } from './session-store.ts';
import { SharedWriteHandle } from './shared-write-handle.ts';
import { VersionReadHandle } from './version-read-handle.ts';

const registries = new WeakMap<ObjectStore, StoreRegistry>();

/**
 * The open files and the names of one store, for all sessions of this process. Whatever changes a name, or a file by its
 * name, goes through here: it has the lane of that path for itself, and acts on the files that are open under the name
 * as on those that are stored, so that of two things that exclude each other exactly one is answered OK.
 *
 * What is open follows its name: through a rename to the new name; through a removal, or when another file takes the
 * name, to nothing, and then its close is answered OK and leaves nothing, as on a POSIX file system.
 */
export class StoreRegistry {
  readonly store: ObjectStore;
  readonly lanes = new PathLanes();
  readonly files = new OpenFiles();

  private constructor(store: ObjectStore) {
    this.store = store;
  }

  /** The one registry of a store. */
  static of(store: ObjectStore): StoreRegistry {
    let registry = registries.get(store);
    if (registry === undefined) {
      registry = new StoreRegistry(store);
      registries.set(store, registry);
    }
    return registry;
  }

  /** The store as one session sees it: what it writes itself is there for it at once. */
  session(): SessionStore {
    return new SessionStore(this, Symbol('session'));
  }

  async openRead(path: StorePath, session: SessionKey): Promise<ReadHandle> {
    const own = this.files.ownVersion(path, session);
    if (own !== undefined) return new VersionReadHandle(this, own);
    return this.storedOrNew(
      path,
      async () => this.#follow(await this.store.openRead(path), path),
      (version) => Promise.resolve(new VersionReadHandle(this, version)),
    );
  }

  /** What is stored at the path, or where nothing is, the new file that somebody is writing there. */
  async storedOrNew<T>(
    path: StorePath,
    stored: () => Promise<T>,
    open: (version: OpenVersion) => Promise<T>,
  ): Promise<T> {
    const before = this.files.newVersion(path);
    try {
      return await stored();
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const version = this.files.newVersion(path);
      // It was committed while the store looked.
      if (version === undefined) return before === undefined ? Promise.reject(error) : stored();
      try {
        return await open(version);
      } catch {
        throw error; // an upload that has failed is no file
      }
    }
  }

  async openWrite(path: StorePath, options: OpenWriteOptions, session: SessionKey): Promise<WriteHandle> {
    return this.lanes.run([path], async () => {
      const there = this.files.versions.at(path);
      if (options.create && options.exclusive && there.some(({ kind }) => kind === 'new')) throw exists();
      const shared = options.truncate ? undefined : await lastAlive(there);
      if (shared !== undefined) return new SharedWriteHandle(this, shared, session, options);
      // A new file that somebody is writing is there to be truncated.
      const create = options.create || there.some(({ kind }) => kind === 'new');
      const inner = await this.store.openWrite(path, { ...options, create, append: false });
      const version = new OpenVersion(inner, path, options.truncate);
      this.files.versions.add(version);
      return new SharedWriteHandle(this, version, session, options);
    });
  }

  async remove(path: StorePath): Promise<void> {
    await this.lanes.run([path], async () => {
      try {
        await this.store.remove(path);
      } catch (error) {
        if (!isNotFound(error) || this.files.newVersion(path) === undefined) throw error;
      }
      this.files.detach(path);
    });
  }

  async mkdir(path: StorePath, attributes: AttributeChange): Promise<void> {
    await this.#makeName(path, () => this.store.mkdir(path, attributes));
  }

  async rmdir(path: StorePath): Promise<void> {
    await this.lanes.run([path], async () => {
      // Its file would be in no directory any more.
      if (this.#hasNewBelow(path)) throw notEmpty();
      await this.store.rmdir(path);
    });
  }

  async symlink(target: string, link: StorePath): Promise<void> {
    await this.#makeName(link, () => this.store.symlink(target, link));
  }

  async hardlink(existing: StorePath, link: StorePath): Promise<void> {
    await this.lanes.run([existing, link], async () => {
      if (this.files.newVersion(link) !== undefined) throw exists();
      // Both names are to mean the file that is open.
      const version = this.#versionByName(existing);
      if (version !== undefined) await this.#publish(version);
      await this.store.hardlink(existing, link);
    });
  }

  async copyFile(from: StorePath, to: StorePath): Promise<void> {
    await this.lanes.run([from, to], async () => {
      await this.store.copyFile(from, to);
      this.#disturb(to, undefined);
    });
  }

  /**
   * A version whose store cannot follow keeps its old home, and moves at its commit.
   * @throws StorageError as `ObjectStore.rename`
   */
  async rename(from: StorePath, to: StorePath, options: { overwrite: boolean }, session: SessionKey): Promise<void> {
    await this.lanes.run([from, to], async () => {
      const fresh = this.files.newVersion(from);
      if (from !== to) {
        if (!options.overwrite && this.files.newVersion(to) !== undefined) throw exists();
        if (this.#hasNewBelow(to)) throw options.overwrite ? notEmpty() : exists();
      }
      const moving = from === to ? [] : this.files.versions.within(from);
      // What changes a stored file is that file: it goes along with it.
      for (const version of moving) if (version.kind === 'changing') await this.#publish(version);
      try {
        await this.store.rename(from, to, options);
      } catch (error) {
        if (!isNotFound(error) || fresh === undefined) throw error;
        await this.#renameOnlyOpen(from, to, options);
      }
      if (from === to) return;
      this.files.detach(to);
      for (const version of moving) await this.#move(version, to + version.path.slice(from.length), session);
      for (const reader of this.files.readers.within(from)) {
        const path = to + reader.path.slice(from.length);
        this.files.readers.move(reader, path);
        await reader.inner.moved?.(path).catch(() => undefined);
      }
    });
  }

  async setAttributes(
    path: StorePath,
    change: AttributeChange,
    options: { followSymlinks: boolean },
    session: SessionKey,
  ): Promise<void> {
    await this.lanes.run([path], async () => {
      const own = this.files.ownVersion(path, session);
      if (own !== undefined) {
        await own.inner.setAttributes(change);
        return;
      }
      await this.#setStoredAttributes(path, change, (missing) =>
        missing ? Promise.resolve() : this.store.setAttributes(path, change, options),
      );
    });
  }

  /** Of a file that is open for reading, whatever its name is by now. */
  async setAttributesOf(reader: FollowingReadHandle, change: AttributeChange): Promise<void> {
    await this.lanes.run([reader.path], async () => {
      const version = this.#versionByName(reader.path);
      if (version?.kind === 'changing') await this.#setStoredAttributes(reader.path, change, () => Promise.resolve());
      else await reader.inner.setAttributes(change);
    });
  }

  async truncate(path: StorePath, size: number, signal: AbortSignal | undefined, session: SessionKey): Promise<void> {
    await this.lanes.run([path], async () => {
      const own = this.files.ownVersion(path, session);
      const version = own ?? this.#versionByName(path);
      if (version !== undefined && (version === own || version.kind !== 'replacing')) {
        await version.inner.truncate(size);
        if (version !== own && version.kind === 'changing') await this.#publish(version);
        return;
      }
      await this.store.truncate(path, size, signal);
      this.#disturb(path, undefined);
    });
  }

  /** The client has closed one handle of the version. Resolves when the store has confirmed what it wrote. */
  async close(version: OpenVersion, writer: SharedWriteHandle): Promise<void> {
    await this.#inItsLane(version, async () => {
      const last = version.writers.size === 1;
      version.writers.delete(writer);
      if (version.failure !== undefined) {
        if (last) await this.#end(version);
        throw version.failure;
      }
      if (version.detached) {
        if (last) await this.#end(version);
      } else if (last) {
        await this.#commit(version);
      } else {
        await this.#publish(version);
      }
    });
  }

  async checkpoint(version: OpenVersion): Promise<void> {
    await this.#inItsLane(version, async () => {
      if (version.failure !== undefined) throw version.failure;
      if (!version.detached) await this.#publish(version);
    });
  }

  /** The session of one handle is over without a close. */
  async abandon(
    version: OpenVersion,
    writer: SharedWriteHandle,
    options: { readonly discard: boolean } | undefined,
  ): Promise<'stored' | 'discarded'> {
    return this.#inItsLane(version, async () => {
      version.writers.delete(writer);
      // What it wrote is in the file that the others go on with.
      if (version.writers.size > 0) return 'stored';
      if (version.detached || version.failure !== undefined) {
        await this.#end(version);
        return 'discarded';
      }
      const newest = this.files.versions.at(version.path).at(-1) === version;
      const discard = options?.discard === true || version.disturbed || !newest || version.home !== version.path;
      this.files.versions.remove(version);
      const outcome = await version.inner.abandon(discard ? { discard } : undefined);
      if (outcome === 'stored') this.#disturb(version.path, version);
      await this.#tellReaders(version, outcome === 'stored' ? version.path : undefined);
      return outcome;
    });
  }

  /** A reader of the version is closed: a version without a name ends with the last one that has it open. */
  async readerLeft(version: OpenVersion): Promise<void> {
    await this.#inItsLane(version, async () => {
      if (version.detached && version.writers.size === 0) await this.#end(version);
    });
  }

  #follow(inner: ReadHandle, path: StorePath): ReadHandle {
    const reader = new FollowingReadHandle(this, inner, path);
    this.files.readers.add(reader);
    return reader;
  }

  /** A name that must be free, also of files that are only open. */
  async #makeName(path: StorePath, make: () => Promise<void>): Promise<void> {
    await this.lanes.run([path], async () => {
      if (this.files.newVersion(path) !== undefined) throw exists();
      await make();
    });
  }

  #hasNewBelow(path: StorePath): boolean {
    return this.files.versions.within(path).some((version) => version.path !== path && version.kind === 'new');
  }

  /** The version that the name means for everybody: a change of the stored file, or what will be the first file there. */
  #versionByName(path: StorePath): OpenVersion | undefined {
    return this.files.versions.at(path).findLast(({ kind, disturbed }) => kind !== 'replacing' && !disturbed);
  }

  async #setStoredAttributes(
    path: StorePath,
    change: AttributeChange,
    setStored: (missing: boolean) => Promise<void>,
  ): Promise<void> {
    const versions = this.files.versions.at(path);
    const changing = versions.findLast(({ kind, disturbed }) => kind === 'changing' && !disturbed);
    if (changing !== undefined) {
      await changing.inner.setAttributes(change);
      await this.#publish(changing);
    } else {
      await setStored(false).catch((error: unknown) => {
        if (!isNotFound(error) || this.files.newVersion(path) === undefined) throw error;
      });
    }
    // Who is allowed what holds for the uploads that will take the place of the file; their times are their own.
    const { mtime: _m, atime: _a, ...rights } = change;
    for (const version of versions) {
      if (version !== changing && version.kind !== 'changing') await version.inner.setAttributes(rights);
    }
  }

  async #renameOnlyOpen(from: StorePath, to: StorePath, { overwrite }: { overwrite: boolean }): Promise<void> {
    const target = await this.store.stat(to, { followSymlinks: false }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    if (target === undefined) {
      const parent = await this.store.stat(parentOf(to), { followSymlinks: true });
      if (parent.kind !== 'directory') throw new StorageError('not-a-directory', 'Not a directory.');
    } else if (from !== to) {
      if (!overwrite) throw exists();
      if (target.kind === 'directory') throw new StorageError('is-a-directory', 'The target is a directory.');
    }
  }

  async #move(version: OpenVersion, to: StorePath, session: SessionKey): Promise<void> {
    if (!version.hasWriterOf(session)) version.disturbed = true;
    this.files.versions.move(version, to);
    const follows = await version.inner.moved(to).catch(() => false);
    if (follows) version.home = to;
  }

  /** Everything written so far becomes the file at the path, and the version a change of it. */
  async #publish(version: OpenVersion): Promise<void> {
    try {
      await this.#settle(version, () => version.checkpoint());
    } catch (error) {
      // Whoever else has it open must not be told that what they wrote is stored.
      version.failure = error instanceof StorageError ? error : gone();
      this.files.versions.remove(version);
      throw error;
    }
  }

  async #commit(version: OpenVersion): Promise<void> {
    try {
      await this.#settle(version, () => version.inner.close());
    } catch (error) {
      await version.inner.abandon({ discard: true });
      await this.#tellReaders(version, undefined);
      throw error;
    } finally {
      this.files.versions.remove(version);
    }
    await this.#tellReaders(version, version.path);
  }

  /** Commits at the version's home, and takes the file to its name where that is another one. */
  async #settle(version: OpenVersion, commit: () => Promise<void>): Promise<void> {
    const { home, path } = version;
    if (home === path) {
      await commit();
    } else {
      const taken = await this.store.stat(home, { followSymlinks: false }).catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
      if (taken !== undefined) {
        throw new StorageError('changed', 'The file was renamed, and another one has its old name by now.');
      }
      await commit();
      await this.store.rename(home, path, { overwrite: true });
      version.home = path;
    }
    this.#disturb(path, version);
  }

  /** The file at the path is another one than before for everybody but `by`. */
  #disturb(path: StorePath, by: OpenVersion | undefined): void {
    for (const version of this.files.versions.at(path)) if (version !== by) version.disturbed = true;
  }

  async #end(version: OpenVersion): Promise<void> {
    // Who reads what has no name any more still reads it.
    if (version.failure === undefined && version.readers.size > 0) return;
    await version.inner.abandon({ discard: true });
    await this.#tellReaders(version, undefined);
  }

  async #tellReaders(version: OpenVersion, path: StorePath | undefined): Promise<void> {
    for (const reader of version.readers) {
      version.readers.delete(reader);
      reader.ended(
        path === undefined
          ? new StorageError('changed', 'The upload of this file has ended without a file.')
          : await this.store.openRead(path).then(
              (handle) => this.#follow(handle, path),
              (error: unknown) => (error instanceof StorageError ? error : gone()),
            ),
      );
    }
  }

  /** Runs `action` in the lane of the name that the version has when its turn has come. */
  async #inItsLane<T>(version: OpenVersion, action: () => Promise<T>): Promise<T> {
    for (;;) {
      const { path, home } = version;
      const done = await this.lanes.run(home === path ? [path] : [home, path], async () =>
        version.path === path && version.home === home ? { result: await action() } : undefined,
      );
      if (done !== undefined) return done.result;
    }
  }
}

/** A handle that has failed takes nothing more: nobody can share it. */
async function lastAlive(versions: readonly OpenVersion[]): Promise<OpenVersion | undefined> {
  for (const version of versions.toReversed()) {
    try {
      await version.inner.stat();
      return version;
    } catch {
      // the one before it
    }
  }
  return undefined;
}

function isNotFound(error: unknown): boolean {
  return error instanceof StorageError && error.code === 'not-found';
}

function exists(): StorageError {
  return new StorageError('exists', 'It exists already.');
}

function notEmpty(): StorageError {
  return new StorageError('not-empty', 'The directory is not empty.');
}

function gone(): StorageError {
  return new StorageError('failure', 'The file cannot be read any more.');
}
