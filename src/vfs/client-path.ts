import { StorageError } from '../storage/object-store.ts';

/**
 * A path as the client sees it, made plain: absolute, single `/` between its segments, no `.` or `..`, no trailing
 * `/`; '/' is the client's root. Only `normalizePath` makes one, so that no unchecked path reaches a store.
 */
export type ClientPath = string & { readonly [plain]: true };

declare const plain: unique symbol;

export const ROOT = '/' as ClientPath;

/** Longest path taken from a client, in bytes of UTF-8: PATH_MAX of Linux. A store may allow less. */
export const MAX_PATH_BYTES = 4096;

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The text of a path's bytes.
 * @throws StorageError 'invalid-name' if they are too many, not UTF-8, or hold a NUL
 */
export function decodePath(bytes: Uint8Array): string {
  if (bytes.length > MAX_PATH_BYTES) {
    throw new StorageError('invalid-name', `The path is longer than ${MAX_PATH_BYTES} bytes.`);
  }
  let text: string;
  try {
    text = strictUtf8.decode(bytes);
  } catch {
    throw new StorageError('invalid-name', 'The path is not valid UTF-8.');
  }
  if (text.includes('\0')) throw new StorageError('invalid-name', 'The path holds a NUL byte.');
  return text;
}

/** `path` made plain; a relative one starts at `start`. `..` stops at the root, as it does in a real root directory. */
export function normalizePath(path: string, start: ClientPath): ClientPath {
  if (isPlain(path)) return path;
  const segments = path.startsWith('/') || start === ROOT ? [] : start.slice(1).split('/');
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') segments.pop();
    else segments.push(segment);
  }
  return `/${segments.join('/')}` as ClientPath;
}

/** Most clients send plain absolute paths: they need no taking apart. */
function isPlain(path: string): path is ClientPath {
  if (path === '/') return true;
  return path.startsWith('/') && !path.endsWith('/') && !path.includes('//') && !path.includes('/.');
}

/** The path of `name`, one plain segment, in `directory`. */
export function joinPath(directory: ClientPath, name: string): ClientPath {
  return (directory === ROOT ? `/${name}` : `${directory}/${name}`) as ClientPath;
}

/** The directory that `path` is in; '/' for the root itself. */
export function parentOf(path: ClientPath): ClientPath {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? ROOT : (path.slice(0, slash) as ClientPath);
}

export function lastSegment(path: ClientPath): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
