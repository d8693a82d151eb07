import type { Stats } from 'node:fs';
import type { OpenWriteOptions } from '../object-store.ts';
import { StorageError } from '../object-store.ts';
import type { DirectoryRef } from './directory-ref.ts';
import { errnoOf } from './errno.ts';
import type { Located } from './path-resolver.ts';
import { isSameVersion, isUnchanged, type Target } from './temporary-file.ts';

/** Where a version becomes the file, and what it may take the place of there. It owns the directory's descriptor. */
export class CommitPlace {
  readonly #options: Pick<OpenWriteOptions, 'create' | 'exclusive' | 'truncate'>;
  #directory: DirectoryRef;
  #name: string;
  #existing: Stats | undefined;

  /** `place.stats`: the file that the version changes or replaces; undefined for a new one. */
  constructor(place: Located, options: Pick<OpenWriteOptions, 'create' | 'exclusive' | 'truncate'>) {
    this.#options = options;
    this.#directory = place.directory;
    this.#name = place.name;
    this.#existing = place.stats;
  }

  get directory(): DirectoryRef {
    return this.#directory;
  }

  get name(): string {
    return this.#name;
  }

  get existing(): Stats | undefined {
    return this.#existing;
  }

  /** What may be at the name at the commit. */
  get target(): Target {
    const { create, exclusive, truncate } = this.#options;
    if (create && exclusive && this.#existing === undefined) return 'nothing';
    return truncate ? 'anything' : (this.#existing ?? 'nothing');
  }

  /** The directory that it had before: its caller releases it. */
  moveTo({ directory, name, stats }: Located): DirectoryRef {
    const before = this.#directory;
    this.#directory = directory;
    this.#name = name;
    this.#existing = stats;
    return before;
  }

  release(): void {
    this.#directory.release();
  }

  /** The attributes of a file were set: whether it is the one that the version changes or replaces. It still is. */
  touched(before: Stats, after: Stats): boolean {
    if (this.#existing === undefined || !isSameVersion(this.#existing, before)) return false;
    this.#existing = after;
    return true;
  }

  /** Whether that file is at the name now. */
  async holds(file: Stats): Promise<boolean> {
    const now = await this.#directory.calls.lstat(this.#directory.path(this.#name));
    return now !== undefined && isSameVersion(now, file);
  }

  /**
   * Whether nobody has put another file at the name since: since the opening, or since the version became the file, whose
   * descriptor is `published` then. A part never takes the place of somebody's whole file.
   */
  async isUndisturbed(published: number | undefined): Promise<boolean> {
    const path = this.#directory.path(this.#name);
    const { calls } = this.#directory;
    if (published !== undefined) {
      const [own, now] = [await calls.stat(published), await calls.lstat(path)];
      return now?.ino === own.ino && now.dev === own.dev;
    }
    if (this.#existing === undefined) return (await calls.lstat(path)) === undefined;
    return isUnchanged(path, this.#existing, calls);
  }

  /** Runs what gives the version its name. Throws StorageError 'changed' where another has taken that. */
  async take(put: (name: string, target: Target) => Promise<void>): Promise<void> {
    try {
      await put(this.#name, this.target);
    } catch (error) {
      const isTaken = errnoOf(error) === 'EEXIST' && !this.#options.exclusive;
      throw isTaken ? new StorageError('changed', 'Another file has been put there meanwhile') : error;
    }
  }
}
