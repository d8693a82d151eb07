import type { AttributeChange, EntryKind, ObjectStore, OpenWriteOptions, StorePath } from '../object-store.ts';
import { isNotFound, KEPT_MODE_BITS, StorageError } from '../object-store.ts';
import { exists, isADirectory, notEmpty, notFound } from '../refusals.ts';
import type { OpenFiles } from './open-files.ts';
import type { OpenVersion } from './open-version.ts';

/** What names mean where files are open under them that no store has yet. The caller holds the lanes. */
export class NamesInUse {
  readonly #store: ObjectStore;
  readonly #files: OpenFiles;

  constructor(store: ObjectStore, files: OpenFiles) {
    this.#store = store;
    this.#files = files;
  }

  /** The version that an open which does not truncate joins. */
  async sharable(versions: readonly OpenVersion[]): Promise<OpenVersion | undefined> {
    const current = versions.filter(({ superseded }) => !superseded);
    // Those who do not truncate share one; where there is none, what will be the file.
    const changing = current.filter(({ kind, truncates }) => kind === 'changing' || !truncates);
    return (await lastAlive(changing)) ?? (await lastAlive(current));
  }

  hasNewBelow(path: StorePath): boolean {
    return this.#files.versions.within(path).some((version) => version.path !== path && version.kind === 'new');
  }

  /** The version that the name means for everybody: a change of the stored file, or what will be the first file there. */
  versionByName(path: StorePath): OpenVersion | undefined {
    return this.#files.versions.at(path).findLast(({ kind, superseded }) => kind !== 'replacing' && !superseded);
  }

  /** A new file that somebody is writing is there: to be truncated, with the attributes that it has. */
  async asOfNew(
    there: readonly OpenVersion[],
    given: AttributeChange,
  ): Promise<Pick<OpenWriteOptions, 'create' | 'attributes'> | undefined> {
    const fresh = await lastAlive(there.filter(({ kind }) => kind === 'new'));
    if (fresh === undefined) return undefined;
    const { mode, uid, gid } = (await fresh.inner.stat()).attributes;
    return { create: true, attributes: { ...given, mode: mode & KEPT_MODE_BITS, uid, gid } };
  }

  /** What only registry and open files know of a rename's target; the rest is the store's to check. */
  async checkTarget(from: StorePath, to: StorePath, { overwrite }: { overwrite: boolean }): Promise<void> {
    const isDirectory = this.hasNewBelow(to);
    if (!isDirectory && this.#files.newVersion(to) === undefined) return;
    const source = await this.kindOf(from);
    if (source === undefined && this.#files.newVersion(from) === undefined) throw notFound();
    if (!overwrite) throw exists();
    if (isDirectory) throw source === 'directory' ? notEmpty() : isADirectory();
    if (source === 'directory') throw new StorageError('not-a-directory', 'Not a directory.');
  }

  /** Whether a rename has left both names. Looked at only where it matters: where a file is open under one of them. */
  async bothStay(from: StorePath, to: StorePath): Promise<boolean> {
    const isOpen = [from, to].some(
      (path) => this.#files.versions.at(path).length > 0 || this.#files.readers.at(path).length > 0,
    );
    return isOpen && (await this.kindOf(from)) !== undefined;
  }

  async kindOf(path: StorePath): Promise<EntryKind | undefined> {
    try {
      return (await this.#store.stat(path, { followSymlinks: false })).kind;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
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
