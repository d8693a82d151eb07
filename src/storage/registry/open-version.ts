import type { ObjectStore, OpenWriteOptions, StorageError, StorePath, WriteHandle } from '../object-store.ts';
import type { SessionKey } from './open-files.ts';
import type { VersionReadHandle } from './version-read-handle.ts';
import type { SharedWriteHandle } from './shared-write-handle.ts';

/**
 * `new`: nothing is at the path but this. `replacing`: starts empty, and the file at the path stays until the commit.
 * `changing`: a change of the file at the path, which is the same file as this.
 */
export type VersionKind = 'new' | 'replacing' | 'changing';

/** One version of a file that is being written, by one handle or by several that share it. */
export class OpenVersion {
  readonly inner: WriteHandle;
  /** Through which it was opened: where roles are assumed, with whose rights. */
  readonly store: ObjectStore;
  /** Where the store has it and would commit it. */
  home: StorePath;
  /** The name that it has by now. */
  path: StorePath;
  /** It has lost its name to a removal or another file: it ends with its last handle, as on a POSIX file system. */
  detached = false;
  /**
   * Somebody else has committed, renamed or changed the file at the path since it was opened or stored: where its session
   * dies, what was received of it must not become the file.
   */
  disturbed = false;
  /** Another version of the file is at the path: what changes the one before is no change of it. */
  superseded = false;
  /** It could not be committed while several had it open: none of them may be told that it is stored. */
  failure: StorageError | undefined;
  #ending: Promise<void> | undefined;
  readonly writers = new Set<SharedWriteHandle>();
  readonly readers = new Set<VersionReadHandle>();
  /** It starts empty. */
  readonly truncates: boolean;
  /** It was opened to make a file that must not be there. */
  readonly exclusive: boolean;
  /** It is not what is at the path: something was done to it since the last commit. */
  changed: boolean;
  #committed = false;

  constructor(
    inner: WriteHandle,
    path: StorePath,
    { truncate, create, exclusive }: OpenWriteOptions,
    store: ObjectStore,
  ) {
    this.inner = inner;
    this.store = store;
    this.home = path;
    this.path = path;
    this.truncates = truncate;
    this.exclusive = create && exclusive;
    this.changed = truncate || inner.isNew;
  }

  get kind(): VersionKind {
    if (this.#committed) return 'changing';
    if (this.inner.isNew) return 'new';
    return this.truncates ? 'replacing' : 'changing';
  }

  /** It is ending: resolves when the store has the file, or will not have it, and its readers know. Never rejects. */
  get ending(): Promise<void> | undefined {
    return this.#ending;
  }

  /** Runs what ends it. */
  async end<T>(action: () => Promise<T>): Promise<T> {
    const result = action();
    this.#ending = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  /** What it changes is not there any more: nothing of it will be stored. */
  get outdated(): boolean {
    return this.superseded && (this.kind === 'changing' || !this.truncates);
  }

  hasWriterOf(session: SessionKey): boolean {
    for (const writer of this.writers) if (writer.session === session) return true;
    return false;
  }

  /** Puts what was written so far at the path, and goes on as a change of that. The caller holds the path's lane. */
  async checkpoint(): Promise<void> {
    // Before it begins: what comes meanwhile is not in it.
    this.changed = false;
    for (const writer of this.writers) writer.stored();
    await this.inner.checkpoint();
    this.#committed = true;
  }
}
