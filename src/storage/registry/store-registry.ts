import type {
  AttributeChange,
  ObjectStore,
  OpenWriteOptions,
  ReadHandle,
  StorePath,
  WriteHandle,
} from '../object-store.ts';
import { isNotFound, StorageError } from '../object-store.ts';
import { parentOf } from '../store-path.ts';
import { FollowingReadHandle } from './following-read-handle.ts';
import { exists, isADirectory, NamesInUse, notEmpty, notFound } from './names-in-use.ts';
import { OpenFiles, type SessionKey } from './open-files.ts';
import { ALONE, type LanePass, type OtherProcesses, type ThisProcess } from './other-processes.ts';
import { OpenVersion } from './open-version.ts';
import { PathLanes } from './path-lanes.ts';
import { SharedWriteHandle } from './shared-write-handle.ts';
import { VersionLife } from './version-life.ts';
import type { VersionOperations } from './version-operations.ts';
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
export class StoreRegistry implements VersionOperations {
  readonly store: ObjectStore;
  readonly lanes = new PathLanes();
  readonly files = new OpenFiles((path, by) => {
    if (by === 1) this.#others.opened(path);
    else this.#others.ended(path);
  });
  readonly #life: VersionLife;
  readonly #names: NamesInUse;
  #others: OtherProcesses = ALONE;

  private constructor(store: ObjectStore) {
    this.store = store;
    this.#names = new NamesInUse(store, this.files);
    this.#life = new VersionLife(store, this.files, this.#names, (handle, path) => this.#follow(handle, path));
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
        // It is committed at this moment; an upload that has failed is no file.
        await version.ending;
        return stored();
      }
    }
  }

  async openWrite(path: StorePath, options: OpenWriteOptions, session: SessionKey): Promise<WriteHandle> {
    const publish = !options.truncate || options.exclusive;
    return this.#run([path], { publish }, async ({ sharedElsewhere }) => {
      const there = this.files.versions.at(path);
      if (options.create && options.exclusive && there.some(({ kind }) => kind === 'new')) throw exists();
      const shared = options.truncate || options.exclusive ? undefined : await this.#names.sharable(there);
      if (shared !== undefined) return new SharedWriteHandle(this, shared, session, options);
      const inner = await this.store.openWrite(path, {
        ...options,
        append: false,
        ...(await this.#names.asOfNew(there, options.attributes)),
      });
      const version = new OpenVersion(inner, path, options);
      // Another process writes into the same file: so does this one.
      if (sharedElsewhere && version.kind === 'changing') await version.checkpoint();
      this.files.versions.add(version);
      return new SharedWriteHandle(this, version, session, options);
    });
  }

  async remove(path: StorePath): Promise<void> {
    await this.#run([path], PUBLISH, async (pass) => {
      await this.#life.keepBases(path);
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
      if (this.#names.hasNewBelow(path)) throw notEmpty();
      await this.store.rmdir(path);
    });
  }

  async symlink(target: string, link: StorePath): Promise<void> {
    await this.#makeName(link, () => this.store.symlink(target, link));
  }

  async hardlink(existing: StorePath, link: StorePath): Promise<void> {
    await this.#run([existing, link], PUBLISH, async (pass) => {
      if (this.files.newVersion(link) !== undefined) {
        const source = await this.#names.kindOf(existing);
        throw source === undefined && this.files.newVersion(existing) === undefined ? notFound() : exists();
      }
      // Both names are to mean the file that is open.
      const version = this.#names.versionByName(existing);
      if (version !== undefined) {
        if ((await this.#names.kindOf(link)) !== undefined) throw exists();
        await this.#life.publish(version, pass);
      }
      await this.store.hardlink(existing, link);
    });
  }

  async copyFile(from: StorePath, to: StorePath, signal?: AbortSignal): Promise<void> {
    await this.#run([from, to], PUBLISH, async (pass) => {
      await this.#life.keepBases(to);
      await this.store.copyFile(from, to, signal);
      await this.#life.happened({ kind: 'replaced', path: to }, pass);
    });
  }

  /**
   * A version whose store cannot follow keeps its old home, and moves at its commit.
   * @throws StorageError as `ObjectStore.rename`
   */
  async rename(
    from: StorePath,
    to: StorePath,
    options: { overwrite: boolean; signal?: AbortSignal },
    session: SessionKey,
  ): Promise<void> {
    await this.#run([from, to], PUBLISH, async (pass) => {
      const fresh = this.files.newVersion(from);
      if (from !== to) await this.#names.checkTarget(from, to, options);
      if (from !== to && options.overwrite) await this.#life.keepBases(to);
      try {
        await this.store.rename(from, to, options);
      } catch (error) {
        if (!isNotFound(error) || fresh === undefined) throw error;
        await this.#renameOnlyOpen(fresh, to, options, pass);
      }
      // As rename(2): of two names of one file both stay.
      if (from !== to && this.store.capabilities.hardlink && (await this.#names.bothStay(from, to))) return;
      if (from !== to) await this.#life.happened({ kind: 'renamed', from, to }, pass, session);
    });
  }

  async setAttributes(
    path: StorePath,
    change: AttributeChange,
    options: { followSymlinks: boolean },
    session: SessionKey,
  ): Promise<void> {
    await this.#run([path], PUBLISH, async (pass) => {
      await this.#setStoredAttributes(
        path,
        change,
        pass,
        () => this.store.setAttributes(path, change, options),
        (version) => version.hasWriterOf(session),
      );
    });
  }

  async setAttributesOf(reader: FollowingReadHandle, change: AttributeChange): Promise<void> {
    await this.#run([reader.path], PUBLISH, async (pass) => {
      if (reader.detached) {
        await reader.inner.setAttributes(change);
        return;
      }
      await this.#setStoredAttributes(
        reader.path,
        change,
        pass,
        () => reader.inner.setAttributes(change),
        () => false,
      );
    });
  }

  async truncate(path: StorePath, size: number, signal: AbortSignal | undefined, session: SessionKey): Promise<void> {
    await this.#run([path], PUBLISH, async (pass) => {
      const own = this.files.ownVersion(path, session);
      const version = own ?? this.#names.versionByName(path);
      if (version !== undefined && (version === own || version.kind !== 'replacing')) {
        version.changed = true;
        await version.inner.truncate(size);
        if (version !== own && version.kind === 'changing') await this.#life.publish(version, pass);
        return;
      }
      await this.store.truncate(path, size, signal);
      await this.#life.happened({ kind: 'replaced', path }, pass);
    });
  }

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
      } else if (version.outdated) {
        // Who wrote nothing is told nothing; the others that have it open are told at their own close.
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
      return version.end(async () => {
        this.files.versions.remove(version);
        const outcome = await version.inner.abandon(discard ? { discard } : undefined);
        if (outcome === 'stored') await this.#life.happened({ kind: 'replaced', path: version.path }, pass);
        await this.#life.tellReaders(version, outcome === 'stored' ? version.path : undefined);
        return outcome;
      });
    });
  }

  async readerLeft(version: OpenVersion): Promise<void> {
    await this.#inItsLane(version, async () => {
      if (version.detached && version.writers.size === 0) await this.#life.end(version);
    });
  }

  storedHandle(reader: ReadHandle): ReadHandle {
    return reader instanceof FollowingReadHandle ? reader.inner : reader;
  }

  forget(reader: FollowingReadHandle): void {
    this.files.readers.remove(reader);
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

  /** Sets attributes of the file at the path, and of what is being written there and will be that file. */
  async #setStoredAttributes(
    path: StorePath,
    change: AttributeChange,
    pass: LanePass,
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
        isOwn(version) || (version.kind === 'changing' ? !version.superseded : !stored && version.kind === 'new');
      // Who is allowed what holds for an upload that will take the place of the file; its times are its own.
      const set = version.inner.setAttributes(isThisFile ? change : rights);
      // Somebody else's upload that has failed is no fault of this.
      await (isOwn(version) ? set : set.catch(() => undefined));
    }
    if (pass.sharedElsewhere && Object.keys(rights).length > 0) {
      await pass.tell({ kind: 'permitted', path, change: rights });
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
    const target = await this.#names.kindOf(to);
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
