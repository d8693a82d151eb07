import type {
  AttributeChange,
  DirectoryEntry,
  Entry,
  ObjectStore,
  OpenWriteOptions,
  ReadHandle,
  SessionLooks,
  StatOptions,
  StoreCapabilities,
  StorePath,
  StoreStatistics,
  StoreUsage,
  WriteHandle,
} from '../object-store.ts';
import { StorageError } from '../object-store.ts';
import { nameOf, parentOf } from '../store-path.ts';
import type { SessionKey } from './open-files.ts';
import type { OpenVersion } from './open-version.ts';
import type { StoreRegistry } from './store-registry.ts';

/**
 * A store as one session sees it, through the registry. A file that the session writes itself is there for it as it is so
 * far; a new file that another session writes is found by its name, though no listing shows it before it is complete; of
 * a file that another session replaces the old version is seen until the new one is complete.
 */
export class SessionStore implements ObjectStore {
  readonly #registry: StoreRegistry;
  readonly #session: SessionKey = Symbol('session');
  readonly #looks: SessionLooks;

  /** Every one is another session. */
  constructor(registry: StoreRegistry) {
    this.#registry = registry;
    // What another worker has acknowledged to the same client must be seen, and a store knows of its own process only.
    this.#looks = (registry.isShared ? undefined : registry.store.looksOfSession?.()) ?? registry.store;
  }

  get kind(): string {
    return this.#registry.store.kind;
  }

  get capabilities(): StoreCapabilities {
    return this.#registry.store.capabilities;
  }

  async stat(path: StorePath, options: StatOptions): Promise<Entry> {
    const own = this.#ownVersion(path);
    if (own !== undefined) {
      const entry = await own.inner.stat().catch(() => undefined);
      // An upload that has failed, or is committed at this moment, is not what is there.
      if (entry !== undefined) return entry;
    }
    return this.#registry.storedOrNew(
      path,
      () => (options.mayBeRecent === true ? this.#looks : this.#registry.store).stat(path, options),
      (version) => version.inner.stat(),
    );
  }

  async *list(path: StorePath): AsyncIterable<readonly DirectoryEntry[]> {
    const own = await this.#ownEntries(path);
    for await (const page of this.#looks.list(path)) {
      yield own.size === 0
        ? page
        : page.map((stored) => {
            const entry = own.get(stored.name);
            own.delete(stored.name);
            return entry ?? stored;
          });
    }
    if (own.size > 0) yield [...own.values()];
  }

  /** What the session itself is writing in the directory, as it is so far. */
  async #ownEntries(directory: StorePath): Promise<Map<string, DirectoryEntry>> {
    const entries = new Map<string, DirectoryEntry>();
    for (const version of this.#registry.files.versions.within(directory)) {
      const { path } = version;
      if (path === directory || parentOf(path) !== directory || !version.hasWriterOf(this.#session)) continue;
      const entry = await version.inner.stat().catch(() => undefined);
      if (entry !== undefined) entries.set(nameOf(path), { name: nameOf(path), ...entry });
    }
    return entries;
  }

  openRead(path: StorePath): Promise<ReadHandle> {
    return this.#registry.openRead(path, this.#session);
  }

  openWrite(path: StorePath, options: OpenWriteOptions): Promise<WriteHandle> {
    return this.#registry.openWrite(path, options, this.#session);
  }

  remove(path: StorePath): Promise<void> {
    return this.#registry.remove(path);
  }

  mkdir(path: StorePath, attributes: AttributeChange): Promise<void> {
    return this.#registry.mkdir(path, attributes);
  }

  rmdir(path: StorePath): Promise<void> {
    return this.#registry.rmdir(path);
  }

  rename(from: StorePath, to: StorePath, options: { overwrite: boolean; signal?: AbortSignal }): Promise<void> {
    return this.#registry.rename(from, to, options, this.#session);
  }

  setAttributes(path: StorePath, change: AttributeChange, options: { followSymlinks: boolean }): Promise<void> {
    return this.#registry.setAttributes(path, change, options, this.#session);
  }

  truncate(path: StorePath, size: number, signal?: AbortSignal): Promise<void> {
    return this.#registry.truncate(path, size, signal, this.#session);
  }

  copyFile(from: StorePath, to: StorePath, signal?: AbortSignal): Promise<void> {
    return this.#registry.copyFile(from, to, signal);
  }

  statistics(path: StorePath): Promise<StoreStatistics> {
    const { store } = this.#registry;
    return this.#registry.storedOrNew(
      path,
      () => store.statistics(path),
      () => store.statistics(parentOf(path)),
    );
  }

  hardlink(existing: StorePath, link: StorePath): Promise<void> {
    return this.#registry.hardlink(existing, link);
  }

  symlink(target: string, link: StorePath): Promise<void> {
    return this.#registry.symlink(target, link);
  }

  readlink(path: StorePath): Promise<string> {
    return this.#registry.store.readlink(path);
  }

  usage(): StoreUsage {
    const usage = this.#registry.store.usage?.();
    if (usage === undefined) throw new StorageError('unsupported', 'This store does not say what it holds.');
    return usage;
  }

  /** The store is whose that opened it. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  #ownVersion(path: StorePath): OpenVersion | undefined {
    return this.#registry.files.ownVersion(path, this.#session);
  }
}
