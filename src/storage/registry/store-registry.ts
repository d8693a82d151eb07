import type {
  AttributeChange,
  EntryKind,
  ObjectStore,
  OpenWriteOptions,
  ReadHandle,
  StorePath,
  WriteHandle,
} from '../object-store.ts';
import { KEPT_MODE_BITS, StorageError } from '../object-store.ts';
import { parentOf } from '../store-path.ts';
import { FollowingReadHandle } from './following-read-handle.ts';
import { OpenFiles, type SessionKey } from './open-files.ts';
import { ALONE, type LanePass, type OtherProcesses, type ThisProcess } from './other-processes.ts';
import { OpenVersion } from './open-version.ts';
import { PathLanes } from './path-lanes.ts';
import { SessionStore } from './session-store.ts';
import { SharedWriteHandle } from './shared-write-handle.ts';
import { isNotFound, VersionLife } from './version-life.ts';
import { VersionReadHandle } from './version-read-handle.ts';

const PUBLISH = { publish: true };

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
  readonly files = new OpenFiles((path, by) => {
    if (by === 1) this.#others.opened(path);
    else this.#others.ended(path);
  });
  readonly #life: VersionLife;
  #others: OtherProcesses = ALONE;

  private constructor(store: ObjectStore) {
    this.store = store;
    this.#life = new VersionLife(store, this.files, (handle, path) => this.#follow(handle, path));
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

  /** From now on other processes work on the same store. Before the first session. */
  connect(others: OtherProcesses): ThisProcess {
    this.#others = others;
    return {
      publish: async (paths) => {
        for (const path of paths) {
          for (const version of this.files.versions.within(path)) {
            // Who has it open learns of a failure at its close.
            if (version.kind !== 'replacing') await this.#life.publish(version, undefined).catch(() => undefined);
          }
        }
      },
      happened: async (change) => this.#life.happened(change, undefined),
    };
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
      if (version === undefined) {
        if (before === undefined) throw error;
        return stored();
      }
      try {
        return await open(version);
      } catch {
        return stored(); // it was committed just now; an upload that has failed is no file
      }
    }
  }

  async openWrite(path: StorePath, options: OpenWriteOptions, session: SessionKey): Promise<WriteHandle> {
    const publish = !options.truncate || options.exclusive;
    return this.#run([path], { publish }, async ({ sharedElsewhere }) => {
      const there = this.files.versions.at(path);
      if (options.create && options.exclusive && there.some(({ kind }) => kind === 'new')) throw exists();
      const shared = options.truncate || options.exclusive ? undefined : await sharable(there);
      if (shared !== undefined) return new SharedWriteHandle(this, shared, session, options);
      const inner = await this.store.openWrite(path, {
        ...options,
        append: false,
        ...(await this.#asOfNew(there, options.attributes)),
      });
      const version = new OpenVersion(inner, path, options.truncate);
      // Another process writes into the same file: so does this one.
      if (sharedElsewhere && version.kind === 'changing') await version.checkpoint();
      this.files.versions.add(version);
      return new SharedWriteHandle(this, version, session, options);
    });
  }

  async remove(path: StorePath): Promise<void> {
    await this.#run([path], PUBLISH, async (pass) => {
      try {
        await this.store.remove(path);
      } catch (error) {
        if (!isNotFound(error) || this.files.newVersion(path) === undefined) throw error;
      }
      await this.#life.happened({ kind: 'removed', path }, pass);
    });
  }

  async mkdir(path: StorePath, attributes: AttributeChange): Promise<void> {
    await this.#makeName(path, () => this.store.mkdir(path, attributes));
  }

  async rmdir(path: StorePath): Promise<void> {
    await this.#run([path], PUBLISH, async () => {
      // Its file would be in no directory any more.
      if (this.#hasNewBelow(path)) throw notEmpty();
      await this.store.rmdir(path);
    });
  }

  async symlink(target: string, link: StorePath): Promise<void> {
    await this.#makeName(link, () => this.store.symlink(target, link));
  }

  async hardlink(existing: StorePath, link: StorePath): Promise<void> {
    await this.#run([existing, link], PUBLISH, async (pass) => {
      if (this.files.newVersion(link) !== undefined) {
        const source = await this.#kindOf(existing);
        throw source === undefined && this.files.newVersion(existing) === undefined ? notFound() : exists();
      }
      // Both names are to mean the file that is open.
      const version = this.#versionByName(existing);
      if (version !== undefined) await this.#life.publish(version, pass);
      await this.store.hardlink(existing, link);
    });
  }

  async copyFile(from: StorePath, to: StorePath): Promise<void> {
    await this.#run([from, to], PUBLISH, async (pass) => {
      await this.store.copyFile(from, to);
      await this.#life.happened({ kind: 'replaced', path: to }, pass);
    });
  }

  /**
   * A version whose store cannot follow keeps its old home, and moves at its commit.
   * @throws StorageError as `ObjectStore.rename`
   */
  async rename(from: StorePath, to: StorePath, options: { overwrite: boolean }, session: SessionKey): Promise<void> {
    await this.#run([from, to], PUBLISH, async (pass) => {
      const fresh = this.files.newVersion(from);
      if (from !== to) await this.#checkOpenTarget(from, to, options);
      try {
        await this.store.rename(from, to, options);
      } catch (error) {
        if (!isNotFound(error) || fresh === undefined) throw error;
        await this.#renameOnlyOpen(fresh, to, options, pass);
      }
      // As rename(2): of two names of one file both stay.
      if (from !== to && this.store.capabilities.hardlink && (await this.#bothNamesStay(from, to))) return;
      if (from !== to) await this.#life.happened({ kind: 'renamed', from, to }, pass, session);
    });
  }

  async setAttributes(
    path: StorePath,
    change: AttributeChange,
    options: { followSymlinks: boolean },
    session: SessionKey,
  ): Promise<void> {
    await this.#run([path], PUBLISH, async () => {
      await this.#setStoredAttributes(
        path,
        change,
        () => this.store.setAttributes(path, change, options),
        (version) => version.hasWriterOf(session),
      );
    });
  }

  /** Of a file that is open for reading, whatever its name is by now. */
  async setAttributesOf(reader: FollowingReadHandle, change: AttributeChange): Promise<void> {
    await this.#run([reader.path], PUBLISH, async () => {
      if (reader.detached) {
        await reader.inner.setAttributes(change);
        return;
      }
      await this.#setStoredAttributes(
        reader.path,
        change,
        () => reader.inner.setAttributes(change),
        () => false,
      );
    });
  }

  async truncate(path: StorePath, size: number, signal: AbortSignal | undefined, session: SessionKey): Promise<void> {
    await this.#run([path], PUBLISH, async (pass) => {
      const own = this.files.ownVersion(path, session);
      const version = own ?? this.#versionByName(path);
      if (version !== undefined && (version === own || version.kind !== 'replacing')) {
        await version.inner.truncate(size);
        if (version !== own && version.kind === 'changing') await this.#life.publish(version, pass);
        return;
      }
      await this.store.truncate(path, size, signal);
      await this.#life.happened({ kind: 'replaced', path }, pass);
    });
  }

  /** The client has closed one handle of the version. Resolves when the store has confirmed what it wrote. */
  async close(version: OpenVersion, writer: SharedWriteHandle): Promise<void> {
    await this.#inItsLane(version, async (pass) => {
      const last = version.writers.size === 1;
      version.writers.delete(writer);
      if (version.failure !== undefined) {
        if (last) await this.#life.end(version);
        throw version.failure;
      }
      if (version.detached) {
        if (last) await this.#life.end(version);
      } else if (version.superseded && (version.kind === 'changing' || !version.truncates)) {
        // What it changes is not there any more. Who wrote nothing is told nothing; the others that have it open are
        // told at their own close.
        if (last) {
          this.#life.detach(version);
          await this.#life.end(version);
        }
        if (writer.changed) throw new StorageError('changed', 'Another version of the file was stored meanwhile.');
      } else if (last) {
        await this.#life.commit(version, pass);
      } else if (writer.changed) {
        await this.#life.publish(version, pass);
      }
    });
  }

  async checkpoint(version: OpenVersion): Promise<void> {
    await this.#inItsLane(version, async (pass) => {
      if (version.failure !== undefined) throw version.failure;
      if (!version.detached) await this.#life.publish(version, pass);
    });
  }

  /** The session of one handle is over without a close. */
  async abandon(
    version: OpenVersion,
    writer: SharedWriteHandle,
    options: { readonly discard: boolean } | undefined,
  ): Promise<'stored' | 'discarded'> {
    return this.#inItsLane(version, async (pass) => {
      version.writers.delete(writer);
      // What it wrote is in the file that the others go on with.
      if (version.writers.size > 0) return 'stored';
      if (version.detached || version.failure !== undefined) {
        await this.#life.end(version);
        return 'discarded';
      }
      const newest = this.files.versions.at(version.path).at(-1) === version;
      const discard = options?.discard === true || version.disturbed || !newest || version.home !== version.path;
      this.files.versions.remove(version);
      const outcome = await version.inner.abandon(discard ? { discard } : undefined);
      if (outcome === 'stored') await this.#life.happened({ kind: 'replaced', path: version.path }, pass);
      await this.#life.tellReaders(version, outcome === 'stored' ? version.path : undefined);
      return outcome;
    });
  }

  /** A reader of the version is closed: a version without a name ends with the last one that has it open. */
  async readerLeft(version: OpenVersion): Promise<void> {
    await this.#inItsLane(version, async () => {
      if (version.detached && version.writers.size === 0) await this.#life.end(version);
    });
  }

  #follow(inner: ReadHandle, path: StorePath): ReadHandle {
    const reader = new FollowingReadHandle(this, inner, path);
    this.files.readers.add(reader);
    return reader;
  }

  /** A name that must be free, also of files that are only open. */
  async #makeName(path: StorePath, make: () => Promise<void>): Promise<void> {
    await this.#run([path], PUBLISH, async () => {
      if (this.files.newVersion(path) !== undefined) throw exists();
      await make();
    });
  }

  #hasNewBelow(path: StorePath): boolean {
    return this.files.versions.within(path).some((version) => version.path !== path && version.kind === 'new');
  }

  /** The version that the name means for everybody: a change of the stored file, or what will be the first file there. */
  #versionByName(path: StorePath): OpenVersion | undefined {
    return this.files.versions.at(path).findLast(({ kind, superseded }) => kind !== 'replacing' && !superseded);
  }

  /** Sets attributes of the file at the path, and of what is being written there and will be that file. */
  async #setStoredAttributes(
    path: StorePath,
    change: AttributeChange,
    setStored: () => Promise<void>,
    isOwn: (version: OpenVersion) => boolean,
  ): Promise<void> {
    const fresh = this.files.newVersion(path);
    let stored = true;
    try {
      await setStored();
    } catch (error) {
      if (!isNotFound(error) || fresh === undefined) throw error;
      stored = false;
    }
    const { mtime: _m, atime: _a, ...rights } = change;
    for (const version of this.files.versions.at(path)) {
      const isThisFile =
        isOwn(version) || (version.kind === 'changing' ? !version.superseded : !stored && version === fresh);
      // Who is allowed what holds for an upload that will take the place of the file; its times are its own.
      await version.inner.setAttributes(isThisFile ? change : rights);
    }
  }

  /** A new file that somebody is writing is there: to be truncated, with the attributes that it has. */
  async #asOfNew(
    there: readonly OpenVersion[],
    given: AttributeChange,
  ): Promise<Pick<OpenWriteOptions, 'create' | 'attributes'> | undefined> {
    const fresh = await lastAlive(there.filter(({ kind }) => kind === 'new'));
    if (fresh === undefined) return undefined;
    const { mode, uid, gid } = (await fresh.inner.stat()).attributes;
    return { create: true, attributes: { ...given, mode: mode & KEPT_MODE_BITS, uid, gid } };
  }

  /** What only registry and open files know of a rename's target; the rest is the store's to check. */
  async #checkOpenTarget(from: StorePath, to: StorePath, { overwrite }: { overwrite: boolean }): Promise<void> {
    const isDirectory = this.#hasNewBelow(to);
    if (!isDirectory && this.files.newVersion(to) === undefined) return;
    const source = await this.#kindOf(from);
    if (source === undefined && this.files.newVersion(from) === undefined) throw notFound();
    if (!overwrite) throw exists();
    if (isDirectory) throw source === 'directory' ? notEmpty() : isADirectory();
    if (source === 'directory') throw new StorageError('not-a-directory', 'Not a directory.');
  }

  /** Looked at only where it matters: where a file is open under one of the names. */
  async #bothNamesStay(from: StorePath, to: StorePath): Promise<boolean> {
    const isOpen = [from, to].some(
      (path) => this.files.versions.at(path).length > 0 || this.files.readers.at(path).length > 0,
    );
    return isOpen && (await this.#kindOf(from)) !== undefined;
  }

  async #kindOf(path: StorePath): Promise<EntryKind | undefined> {
    try {
      return (await this.store.stat(path, { followSymlinks: false })).kind;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** A new file that is only open gets the name. Where a file is, it takes its place now: what is there for all. */
  async #renameOnlyOpen(
    version: OpenVersion,
    to: StorePath,
    { overwrite }: { overwrite: boolean },
    pass: LanePass,
  ): Promise<void> {
    const from = version.path;
    const target = await this.#kindOf(to);
    if (target === undefined) {
      const parent = await this.store.stat(parentOf(to), { followSymlinks: true });
      if (parent.kind !== 'directory') throw new StorageError('not-a-directory', 'Not a directory.');
    } else if (from !== to) {
      if (!overwrite) throw exists();
      if (target === 'directory') throw isADirectory();
      await this.#life.publish(version, pass);
      await this.store.rename(from, to, { overwrite });
    }
  }

  /** Runs `action` in the lane of the name that the version has when its turn has come. */
  async #inItsLane<T>(version: OpenVersion, action: (pass: LanePass) => Promise<T>): Promise<T> {
    for (;;) {
      const { path, home } = version;
      const done = await this.#run(home === path ? [path] : [home, path], { publish: false }, async (pass) =>
        version.path === path && version.home === home ? { result: await action(pass) } : undefined,
      );
      if (done !== undefined) return done.result;
    }
  }

  /** Runs `action` in the lanes of the paths, within this process and beyond it. */
  async #run<T>(
    paths: readonly StorePath[],
    options: { readonly publish: boolean },
    action: (pass: LanePass) => Promise<T>,
  ): Promise<T> {
    const leave = await this.lanes.enter(paths);
    try {
      const pass = await this.#others.enter(paths, options);
      try {
        return await action(pass);
      } finally {
        pass.leave();
      }
    } finally {
      leave();
    }
  }
}

async function sharable(versions: readonly OpenVersion[]): Promise<OpenVersion | undefined> {
  const current = versions.filter(({ superseded }) => !superseded);
  // Those who do not truncate share one; where there is none, what will be the file.
  const changing = current.filter(({ kind, truncates }) => kind === 'changing' || !truncates);
  return (await lastAlive(changing)) ?? (await lastAlive(current));
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

function exists(): StorageError {
  return new StorageError('exists', 'It exists already.');
}

function notFound(): StorageError {
  return new StorageError('not-found', 'No such file or directory.');
}

function isADirectory(): StorageError {
  return new StorageError('is-a-directory', 'This is a directory.');
}

function notEmpty(): StorageError {
  return new StorageError('not-empty', 'The directory is not empty.');
}
