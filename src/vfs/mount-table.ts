import { StorageError, type ObjectStore, type StorePath } from '../storage/object-store.ts';
import { isInside, joinStorePath } from '../storage/store-path.ts';
import { normalizePath, ROOT, type ClientPath } from './client-path.ts';
import type { PathRules, PermissionSet } from './permissions.ts';
import { notFound } from './refusals.ts';

/** One directory (or file) of a store, shown to the user at `entry`. */
export interface LogicalDirectory {
  /** Absolute path in the user's view; '/' for a home that is the whole view. */
  readonly entry: string;
  readonly store: ObjectStore;
  /** Where in the store; '' is the store's root. */
  readonly path: StorePath;
  /** What is allowed here; the user's own permissions where it is left out, never more than those. */
  readonly permissions?: PermissionSet;
  /** What is allowed at single paths of it, beside that; everything where it is left out. */
  readonly rules?: PathRules;
  /** What is mapped is a file: nothing is there where the store has none. */
  readonly isFile?: boolean;
}

/** A path that a store keeps. */
export interface StoreLocation {
  readonly kind: 'store';
  readonly clientPath: ClientPath;
  readonly directory: LogicalDirectory;
  readonly path: StorePath;
  /** The path is the mapped directory itself, which the user can neither remove nor rename. */
  readonly isMountPoint: boolean;
}

/** A directory that exists only because mapped directories are below it: to be listed, not to be written into. */
export interface VirtualLocation {
  readonly kind: 'virtual';
  readonly clientPath: ClientPath;
}

export type Location = StoreLocation | VirtualLocation;

/** Finds the place in a store of a client's path: the longest mapped entry wins. */
export class MountTable {
  /** Longest entry first. */
  readonly #directories: readonly LogicalDirectory[];

  /** @throws RangeError on an entry or store path that is not plain, or on two equal entries */
  constructor(directories: readonly LogicalDirectory[]) {
    const entries = new Set<string>();
    for (const { entry, path } of directories) {
      if (!entry.startsWith('/') || normalizePath(entry, ROOT) !== entry) {
        throw new RangeError(`logical directory entry is not a plain absolute path: ${entry}`);
      }
      if (path !== '' && normalizePath(`/${path}`, ROOT) !== `/${path}`) {
        throw new RangeError(`logical directory target is not a plain store path: ${path}`);
      }
      if (entries.has(entry)) throw new RangeError(`two logical directories at ${entry}`);
      entries.add(entry);
    }
    this.#directories = directories.toSorted((a, b) => b.entry.length - a.entry.length);
  }

  get directories(): readonly LogicalDirectory[] {
    return this.#directories;
  }

  /** @throws StorageError 'not-found' for a path that nothing mapped covers, 'not-a-directory' below a mapped file */
  locate(clientPath: ClientPath): Location {
    for (const directory of this.#directories) {
      const { entry } = directory;
      if (!isInside<string>(clientPath, entry)) continue;
      const rest = clientPath.slice(entry === '/' ? 1 : entry.length + 1);
      if (rest !== '' && directory.isFile === true) throw new StorageError('not-a-directory', 'Not a directory.');
      const path = joinStorePath(directory.path, rest);
      return { kind: 'store', clientPath, directory, path, isMountPoint: rest === '' };
    }
    if (clientPath === ROOT || this.hasEntriesBelow(clientPath)) return { kind: 'virtual', clientPath };
    throw notFound();
  }

  /**
   * Where the user sees a path of the store that `directory` is in: there if it is in it, else in the mapped directory
   * that is nearest to it. Undefined where the user does not see it, or another mapped directory hides it.
   */
  clientPathOf(directory: LogicalDirectory, storePath: StorePath): ClientPath | undefined {
    const others = this.#directories
      .filter((other) => other !== directory && other.store === directory.store)
      .toSorted((a, b) => b.path.length - a.path.length);
    for (const { entry, path } of [directory, ...others]) {
      if (!isInside(storePath, path)) continue;
      const rest = path === '' ? `/${storePath}` : storePath.slice(path.length);
      const clientPath = normalizePath(entry + rest, ROOT);
      const location = this.locate(clientPath);
      if (location.kind === 'store' && location.directory.entry === entry) return clientPath;
    }
    return undefined;
  }

  hasEntriesBelow(clientPath: ClientPath): boolean {
    return this.#directories.some(({ entry }) => isBelow(entry, clientPath));
  }

  /** The names that mapped directories add to the listing of `clientPath`, sorted. */
  namesBelow(clientPath: ClientPath): string[] {
    const start = clientPath === ROOT ? 1 : clientPath.length + 1;
    const names = new Set<string>();
    for (const { entry } of this.#directories) {
      if (!isBelow(entry, clientPath)) continue;
      const end = entry.indexOf('/', start);
      names.add(end === -1 ? entry.slice(start) : entry.slice(start, end));
    }
    return [...names].sort();
  }
}

function isBelow(entry: string, ancestor: ClientPath): boolean {
  return entry.length > ancestor.length && isInside<string>(entry, ancestor);
}
