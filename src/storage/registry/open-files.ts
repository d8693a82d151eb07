import type { ObjectStore, StorePath } from '../object-store.ts';
import { isInside } from '../store-path.ts';
import type { FollowingReadHandle } from './following-read-handle.ts';
import type { OpenVersion } from './open-version.ts';

/** Stands for one session: what it writes it sees by name at once, others when it is committed. */
export type SessionKey = symbol;

interface Named {
  path: StorePath;
}

/** Told of every entry that gets a name (1) or loses it (-1). */
type NameListener = (path: StorePath, by: 1 | -1) => void;

/** What is open, by the name that it has at the moment. */
class ByName<T extends Named> {
  readonly #entries = new Map<StorePath, Set<T>>();
  readonly #changed: NameListener;

  constructor(changed: NameListener) {
    this.#changed = changed;
  }

  add(entry: T): void {
    this.#changed(entry.path, 1);
    const there = this.#entries.get(entry.path);
    if (there === undefined) this.#entries.set(entry.path, new Set([entry]));
    else there.add(entry);
  }

  remove(entry: T): void {
    const there = this.#entries.get(entry.path);
    if (there?.delete(entry) !== true) return;
    this.#changed(entry.path, -1);
    if (there.size === 0) this.#entries.delete(entry.path);
  }

  move(entry: T, path: StorePath): void {
    this.remove(entry);
    entry.path = path;
    this.add(entry);
  }

  /** In the order of their opening. */
  at(path: StorePath): T[] {
    return [...(this.#entries.get(path) ?? [])];
  }

  /** At the path and under it. */
  within(path: StorePath): T[] {
    if (this.#entries.size === 0) return [];
    const found: T[] = [];
    for (const [name, entries] of this.#entries) if (isInside(name, path)) found.push(...entries);
    return found;
  }
}

/** The open files of a store that have a name. */
export class OpenFiles {
  readonly versions: ByName<OpenVersion>;
  readonly readers = new ByName<FollowingReadHandle>(() => undefined);

  /** `changed` is told of versions that get a name or lose it. */
  constructor(changed: NameListener) {
    this.versions = new ByName(changed);
  }

  /** The newest version at the path that this session writes. */
  ownVersion(path: StorePath, session: SessionKey): OpenVersion | undefined {
    return this.versions.at(path).findLast((version) => version.hasWriterOf(session));
  }

  /** The newest version at the path where nothing was when it was opened; with `by` of those that were opened through it. */
  newVersion(path: StorePath, by?: ObjectStore): OpenVersion | undefined {
    return this.versions.at(path).findLast(({ kind, store }) => kind === 'new' && (by === undefined || store === by));
  }

  /**
   * Takes the name from whatever is open under it: as an open file whose name goes on a POSIX file system. Answers the
   * versions that had it.
   */
  detach(path: StorePath): OpenVersion[] {
    const there = this.versions.at(path);
    for (const version of there) {
      version.detached = true;
      this.versions.remove(version);
    }
    this.detachReaders(path);
    return there;
  }

  /** Another version of the file is at the path: what is read is the one before. */
  detachReaders(path: StorePath): void {
    for (const reader of this.readers.at(path)) {
      reader.detached = true;
      this.readers.remove(reader);
    }
  }
}
