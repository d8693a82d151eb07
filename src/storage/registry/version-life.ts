import type { AttributeChange, ObjectStore, ReadHandle, StorePath } from '../object-store.ts';
import { isNotFound, StorageError } from '../object-store.ts';
import { movedPath } from '../store-path.ts';
import type { NamesInUse } from './names-in-use.ts';
import type { OpenFiles, SessionKey } from './open-files.ts';
import type { OpenVersion } from './open-version.ts';
import type { LanePass, NameChange } from './other-processes.ts';

/** What becomes of open versions: commits, ends, and what happens to their names. The caller holds the lanes. */
export class VersionLife {
  readonly #store: ObjectStore;
  readonly #files: OpenFiles;
  readonly #names: NamesInUse;
  readonly #follow: (handle: ReadHandle, path: StorePath) => ReadHandle;

  /** `follow` makes a handle on a stored file one that follows its name. */
  constructor(
    store: ObjectStore,
    files: OpenFiles,
    names: NamesInUse,
    follow: (handle: ReadHandle, path: StorePath) => ReadHandle,
  ) {
    this.#store = store;
    this.#files = files;
    this.#names = names;
    this.#follow = follow;
  }

  /** Acts on what is open here under the name, and has other processes do so. The caller holds the lanes. */
  async happened(change: NameChange, pass: LanePass | undefined, by?: SessionKey | OpenVersion): Promise<void> {
    switch (change.kind) {
      case 'removed':
        await this.#takeName(change.path);
        break;
      case 'replaced':
        this.#files.detachReaders(change.path);
        for (const version of this.#files.versions.at(change.path)) {
          if (version === by) continue;
          version.disturbed = true;
          version.superseded = true;
          // Its name was its own when it was opened: from here on it replaces whatever is there, as any that starts empty.
          if (version.exclusive && version.truncates) await version.inner.moved(change.path).catch(() => false);
          if (version.outdated) await version.inner.detached?.().catch(() => undefined);
        }
        break;
      case 'permitted':
        for (const version of this.#files.versions.at(change.path)) {
          // An upload that has failed learns of nothing.
          if (version.kind !== 'changing') await version.inner.setAttributes(change.change).catch(() => undefined);
        }
        break;
      case 'renamed':
        await this.#followRename(change.from, change.to, by);
        break;
    }
    if (pass?.sharedElsewhere === true) await pass.tell(change);
  }

  /** Sets attributes of the file at the path, and of what is being written there and will be that file. */
  async setAttributes(
    path: StorePath,
    change: AttributeChange,
    pass: LanePass,
    setStored: () => Promise<void>,
    isOwn: (version: OpenVersion) => boolean,
  ): Promise<void> {
    const fresh = this.#files.newVersion(path, this.#store);
    let stored = true;
    try {
      await setStored();
    } catch (error) {
      if (!isNotFound(error) || fresh === undefined) throw error;
      stored = false;
    }
    const { mtime: _m, atime: _a, ...rights } = change;
    for (const version of this.#files.versions.at(path)) {
      // The store has not been asked whether this role may change what is another's.
      if (!stored && version.store !== this.#store) continue;
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

  /** What is at the path is about to go, or to be replaced by `by`: what others keep of it is theirs before that. */
  async keepBases(path: StorePath, by?: OpenVersion): Promise<void> {
    for (const version of this.#files.versions.at(path)) {
      const needsBase = version !== by && version.kind === 'changing' && !version.superseded;
      if (needsBase) await version.inner.keepBase?.().catch(() => undefined);
    }
  }

  /** From whatever is open under it. */
  async #takeName(path: StorePath): Promise<void> {
    for (const version of this.#files.detach(path)) await version.inner.detached?.().catch(() => undefined);
  }

  async #followRename(from: StorePath, to: StorePath, by: SessionKey | OpenVersion | undefined): Promise<void> {
    await this.#takeName(to);
    for (const version of this.#files.versions.within(from)) {
      const path = movedPath(version.path, from, to);
      if (typeof by !== 'symbol' || !version.hasWriterOf(by)) version.disturbed = true;
      this.#files.versions.move(version, path);
      if (version.outdated) continue;
      try {
        if (await version.inner.moved(path)) version.home = path;
      } catch (error) {
        this.#fail(version, error);
      }
    }
    for (const reader of this.#files.readers.within(from)) {
      const path = movedPath(reader.path, from, to);
      this.#files.readers.move(reader, path);
      await reader.inner.moved?.(path).catch(() => undefined);
    }
  }

  /** Everything written so far becomes the file at the path, and the version a change of it. */
  async publish(version: OpenVersion, pass: LanePass | undefined): Promise<void> {
    // It takes the place of whatever is there: then it is that file.
    const replaces = version.truncates && version.kind !== 'changing';
    try {
      await this.#settle(version, pass, () => version.checkpoint());
      if (replaces) version.superseded = false;
      // It is what has the name.
      version.disturbed = false;
    } catch (error) {
      this.#fail(version, error);
      throw error;
    }
  }

  /** Nobody who has it open may be told that what they wrote is stored. */
  #fail(version: OpenVersion, error: unknown): void {
    version.failure = error instanceof StorageError ? error : gone();
    this.#files.versions.remove(version);
  }

  /** It has no name any more, and will not be stored. */
  detach(version: OpenVersion): void {
    version.detached = true;
    this.#files.versions.remove(version);
  }

  async commit(version: OpenVersion, pass: LanePass): Promise<void> {
    await version.end(async () => {
      try {
        await this.#settle(version, pass, () => version.inner.close());
      } catch (error) {
        await version.inner.abandon({ discard: true });
        this.#files.versions.remove(version);
        await this.tellReaders(version, undefined);
        throw error;
      }
      this.#files.versions.remove(version);
      await this.tellReaders(version, version.path);
    });
  }

  /** Commits at the version's home, and takes the file to its name where that is another one. */
  async #settle(version: OpenVersion, pass: LanePass | undefined, commit: () => Promise<void>): Promise<void> {
    const { home, path, changed } = version;
    if (changed) await this.keepBases(path, version);
    if (home === path) {
      await commit();
    } else {
      if ((await this.#names.kindOf(home)) !== undefined || (version.kind === 'changing' && version.superseded)) {
        throw new StorageError('changed', 'The file was renamed, and another one has its old name by now.');
      }
      await commit();
      await this.#store.rename(home, path, { overwrite: true });
      version.home = path;
    }
    // Who has written nothing has replaced nothing.
    if (changed) await this.happened({ kind: 'replaced', path }, pass, version);
  }

  async end(version: OpenVersion): Promise<void> {
    // Who reads what has no name any more still reads it.
    if (version.failure === undefined && version.readers.size > 0) return;
    await version.inner.abandon({ discard: true });
    await this.tellReaders(version, undefined);
  }

  async tellReaders(version: OpenVersion, path: StorePath | undefined): Promise<void> {
    for (const reader of version.readers) {
      version.readers.delete(reader);
      reader.ended(
        path === undefined
          ? new StorageError('changed', 'The upload of this file has ended without a file.')
          : await this.#store.openRead(path).then(
              (handle) => this.#follow(handle, path),
              (error: unknown) => (error instanceof StorageError ? error : gone()),
            ),
      );
    }
  }
}

function gone(): StorageError {
  return new StorageError('failure', 'The file cannot be read any more.');
}
