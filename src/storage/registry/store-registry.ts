import type {
  AttributeChange,
  ObjectStore,
  OpenWriteOptions,
  ReadHandle,
  StorePath,
  WriteHandle,
} from '../object-store.ts';
import { isNotFound, StorageError } from '../object-store.ts';
import { exists, isADirectory, notEmpty, notFound } from '../refusals.ts';
import { parentOf } from '../store-path.ts';
import { FollowingReadHandle } from './following-read-handle.ts';
import { HandleOperations } from './handle-operations.ts';
import { NameLanes } from './name-lanes.ts';
import { NamesInUse } from './names-in-use.ts';
import { OpenFiles, type SessionKey } from './open-files.ts';
import type { LanePass, OtherProcesses, ThisProcess } from './other-processes.ts';
import { OpenVersion } from './open-version.ts';
import { SharedWriteHandle } from './shared-write-handle.ts';
import { VersionLife } from './version-life.ts';
import { VersionReadHandle } from './version-read-handle.ts';

const PUBLISH = { publish: true };

const registries = new WeakMap<ObjectStore, StoreRegistry>();

/** What there is once for the files of a store, whoever's credentials they are asked for with. */
class SharedNames {
  readonly lanes = new NameLanes();
  readonly files = new OpenFiles((path, by) => {
    this.lanes.versions(path, by);
  });
  isShared = false;
}

/**
 * The open files and the names of one store, for all sessions of this process. Whatever changes a name, or a file by its
 * name, goes through here: it has the lane of that path for itself, and acts on the files that are open under the name
 * as on those that are stored, so that of two things that exclude each other exactly one is answered OK.
 *
 * What is open follows its name: through a rename to the new name; through a removal, or when another file takes the
 * name, to nothing, and then its close is answered OK and leaves nothing, as on a POSIX file system.
 *
 * Where some ask as roles (`ObjectStore.assuming`), each role has a registry of its own over the same names and open files. Who asks
 * as one role neither joins nor reads nor changes what is open as another: that would be done with the other's rights. What it
 * does to names, the store has allowed it; that concerns whatever is open under them.
 */
export class StoreRegistry {
  readonly store: ObjectStore;
  readonly #shared: SharedNames;
  readonly #lanes: NameLanes;
  readonly files: OpenFiles;
  readonly #life: VersionLife;
  readonly #names: NamesInUse;
  readonly #handles: HandleOperations;

  private constructor(store: ObjectStore, shared: SharedNames) {
    this.store = store;
    this.#shared = shared;
    this.#lanes = shared.lanes;
    this.files = shared.files;
    this.#names = new NamesInUse(store, this.files);
    this.#life = new VersionLife(store, this.files, this.#names, (handle, path) => this.#follow(handle, path));
    this.#handles = new HandleOperations(this.#lanes, this.files, this.#life);
  }

  /** The one registry of a store, or of one of its roles. */
  static of(store: ObjectStore): StoreRegistry {
    let registry = registries.get(store);
    if (registry === undefined) {
      const whole = store.sameFilesAs;
      registry = new StoreRegistry(store, whole === undefined ? new SharedNames() : StoreRegistry.of(whole).#shared);
      registries.set(store, registry);
    }
    return registry;
  }

  /** Whether other processes of this server work on the same store. */
  get isShared(): boolean {
    return this.#shared.isShared;
  }

  /** From now on other processes work on the same store. Before the first session. */
  connect(others: OtherProcesses): ThisProcess {
    this.#shared.isShared = true;
    this.#lanes.connect(others);
    return {
      publish: async (paths) => {
        for (const path of paths) {
          for (const version of this.files.versions.within(path)) {
            // Who has it open learns of a failure at its close, and of what is outdated too.
            if (version.kind !== 'replacing' && !version.outdated)
              await this.#life.publish(version, undefined).catch(() => undefined);
          }
        }
      },
      happened: async (change) => this.#life.happened(change, undefined),
    };
  }

  async openRead(path: StorePath, session: SessionKey): Promise<ReadHandle> {
    const own = this.files.ownVersion(path, session);
    if (own !== undefined) return new VersionReadHandle(this.#handles, own);
    return this.storedOrNew(
      path,
      async () => this.#follow(await this.store.openRead(path), path),
      (version) => Promise.resolve(new VersionReadHandle(this.#handles, version)),
    );
  }

  /** What is stored at the path, or where nothing is, the new file that somebody is writing there. */
  async storedOrNew<T>(
    path: StorePath,
    stored: () => Promise<T>,
    open: (version: OpenVersion) => Promise<T>,
  ): Promise<T> {
    const before = this.#newVersion(path);
    try {
      return await stored();
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const version = this.#newVersion(path);
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
    return this.#lanes.run([path], { publish }, async ({ sharedElsewhere }) => {
      const open = this.files.versions.at(path);
      if (options.create && options.exclusive && open.some(({ kind }) => kind === 'new')) throw exists();
      const there = open.filter((version) => this.#isOurs(version));
      const shared = options.truncate || options.exclusive ? undefined : await this.#names.sharable(there);
      if (shared !== undefined) return new SharedWriteHandle(this.#handles, shared, session, options);
      const inner = await this.store.openWrite(path, {
        ...options,
        append: false,
        ...(await this.#names.asOfNew(there, options.attributes)),
      });
      const version = new OpenVersion(inner, path, options, this.store);
      // Another process writes into the same file: so does this one.
      if (sharedElsewhere && version.kind === 'changing') await version.checkpoint();
      this.files.versions.add(version);
      return new SharedWriteHandle(this.#handles, version, session, options);
    });
  }

  async remove(path: StorePath): Promise<void> {
    await this.#lanes.run([path], PUBLISH, async (pass) => {
      await this.#life.keepBases(path);
      try {
        await this.store.remove(path);
      } catch (error) {
        if (!isNotFound(error) || this.#newVersion(path) === undefined) throw error;
      }
      await this.#life.happened({ kind: 'removed', path }, pass);
    });
  }

  async mkdir(path: StorePath, attributes: AttributeChange): Promise<void> {
    await this.#makeName(path, () => this.store.mkdir(path, attributes));
  }

  async rmdir(path: StorePath): Promise<void> {
    await this.#lanes.run([path], PUBLISH, async () => {
      // Its file would be in no directory any more.
      if (this.#names.hasNewBelow(path)) throw notEmpty();
      await this.store.rmdir(path);
    });
  }

  async symlink(target: string, link: StorePath): Promise<void> {
    await this.#makeName(link, () => this.store.symlink(target, link));
  }

  async hardlink(existing: StorePath, link: StorePath): Promise<void> {
    await this.#lanes.run([existing, link], PUBLISH, async (pass) => {
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
    await this.#lanes.run([from, to], PUBLISH, async (pass) => {
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
    await this.#lanes.run([from, to], PUBLISH, async (pass) => {
      const fresh = this.#newVersion(from);
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
    await this.#lanes.run([path], PUBLISH, async (pass) => {
      await this.#life.setAttributes(
        path,
        change,
        pass,
        () => this.store.setAttributes(path, change, options),
        (version) => version.hasWriterOf(session),
      );
    });
  }

  async truncate(path: StorePath, size: number, signal: AbortSignal | undefined, session: SessionKey): Promise<void> {
    await this.#lanes.run([path], PUBLISH, async (pass) => {
      const own = this.files.ownVersion(path, session);
      const named = own ?? this.#names.versionByName(path);
      const version = named !== undefined && this.#isOurs(named) ? named : undefined;
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

  /** Whether it is open as the role that this registry is for. */
  #isOurs({ store }: OpenVersion): boolean {
    return store === this.store;
  }

  /** The newest version at the path where nothing was when it was opened, where it is not another role's. */
  #newVersion(path: StorePath): OpenVersion | undefined {
    return this.files.newVersion(path, this.store);
  }

  #follow(inner: ReadHandle, path: StorePath): ReadHandle {
    const reader = new FollowingReadHandle(this.#handles, inner, path);
    this.files.readers.add(reader);
    return reader;
  }

  /** A name that must be free, also of files that are only open. */
  async #makeName(path: StorePath, make: () => Promise<void>): Promise<void> {
    await this.#lanes.run([path], PUBLISH, async () => {
      if (this.files.newVersion(path) !== undefined) throw exists();
      await make();
    });
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
}
