import { StorageError } from './object-store.ts';
import type { StorePath } from './object-store.ts';

/** The root of a store. */
export const STORE_ROOT = '' as StorePath;

/** Longest path that any store looks at, in bytes of UTF-8 (PATH_MAX of Linux; S3 keys are shorter still). */
export const MAX_STORE_PATH_BYTES = 4096;

/**
 * Throws 'invalid-name' unless `path` is a store path as `object-store.ts` defines it. The vfs only makes such paths;
 * every store checks again at its door, since this is what keeps a path inside the store.
 *
 * A string with a lone surrogate is refused too: it has no UTF-8 form, so it would silently become another name.
 */
export function checkStorePath(path: string): asserts path is StorePath {
  if (path === '') return;
  if (path.includes('\0')) throw invalidName('a name contains a NUL byte');
  if (!path.isWellFormed()) throw invalidName('a name is not valid Unicode');
  if (Buffer.byteLength(path, 'utf8') > MAX_STORE_PATH_BYTES) throw invalidName('the path is too long');
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.' || segment === '..') throw invalidName('not a valid path');
  }
}

function invalidName(reason: string): StorageError {
  return new StorageError('invalid-name', `Invalid name: ${reason}`);
}

/** The directory that holds `path`; '' for a path of one segment. Not for the root. */
export function parentOf(path: StorePath): StorePath {
  const slash = path.lastIndexOf('/');
  return slash === -1 ? STORE_ROOT : (path.slice(0, slash) as StorePath);
}

/** The last segment. '' for the root. */
export function nameOf(path: StorePath): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The path of `names`, one or more plain segments, in `directory`, which may be the root; `directory` itself for ''. */
export function joinStorePath(directory: StorePath, names: string): StorePath {
  if (names === '') return directory;
  return (directory === '' ? names : `${directory}/${names}`) as StorePath;
}

/** Where `path`, which is `from` or inside it, is when `from` has become `to`. */
export function movedPath(path: StorePath, from: StorePath, to: StorePath): StorePath {
  return (to + path.slice(from.length)) as StorePath;
}

/**
 * Whether `path` is `directory` or lies somewhere in it: `a/bob2` is not inside `a/bob`. Two plain paths of one kind: of a
 * store, whose root is '', or absolute ones, whose root is '/'.
 */
export function isInside<P extends string>(path: P, directory: P): boolean {
  if (directory === '' || directory === '/') return true;
  return path.startsWith(directory) && (path.length === directory.length || path[directory.length] === '/');
}
