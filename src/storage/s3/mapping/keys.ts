import { StorageError, type StorePath } from '../../object-store.ts';
import { checkStorePath, isInside, joinStorePath, STORE_ROOT } from '../../store-path.ts';

/** S3's limit on a key, in bytes of UTF-8 (Amazon S3 User Guide, "Naming Amazon S3 objects"). */
export const MAX_KEY_BYTES = 1024;

/**
 * Where this program keeps its own records inside the store's prefix: which multipart uploads are open, what an
 * interrupted rename was doing. Hidden from listings, and no client can name it.
 */
export const RESERVED_NAME = '.latticeport';

/** C0 controls and DEL. A key that has one can exist, but not as a file name that a client should be shown. */
function hasControlByte(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

/**
 * Between a store path and an object key. The mapping is the identity after the prefix, so that what other tools wrote
 * has the same name here; a key that has no path (see `listedName`) is hidden, and no path leads to it.
 *
 * `prefix` is '' or ends with '/'.
 */
export class KeySpace {
  readonly prefix: string;

  constructor(prefix: string) {
    const trimmed = prefix.replace(/^\/+/, '').replace(/\/+$/, '');
    this.prefix = trimmed === '' ? '' : `${trimmed}/`;
  }

  /** The object key of a file. Throws 'invalid-name', or 'permission-denied' for our own records. */
  fileKey(path: StorePath): string {
    if (path === '') throw new StorageError('is-a-directory', 'This is a directory.');
    const key = this.prefix + checkPath(path);
    if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw tooLong();
    return key;
  }

  /** The key of a file or directory that is to be made. Throws as `fileKey`. */
  newKey(path: StorePath): string {
    const key = this.fileKey(path);
    // One byte is kept for the marker's '/', so that a file can be replaced by a directory of the same name.
    if (Buffer.byteLength(key) === MAX_KEY_BYTES) throw tooLong();
    return key;
  }

  /** False for a path whose key has no room for what would be in it: another program's file. */
  canBeDirectory(path: StorePath): boolean {
    return path === '' || Buffer.byteLength(this.fileKey(path)) < MAX_KEY_BYTES;
  }

  /**
   * The prefix of everything in a directory, and the key of its marker. The root's is the store's own prefix. Throws as
   * `newKey`.
   */
  directoryPrefix(path: StorePath): string {
    return path === '' ? this.prefix : `${this.newKey(path)}/`;
  }

  /** The path of a file's key. */
  pathOf(key: string): StorePath {
    return joinStorePath(STORE_ROOT, key.slice(this.prefix.length));
  }

  /** A key among our own records. */
  reservedKey(...segments: readonly string[]): string {
    return `${this.prefix}${RESERVED_NAME}/${segments.join('/')}`;
  }

  /** True for a directory prefix or key of our own records. */
  isReserved(key: string): boolean {
    return isInside(key, `${this.prefix}${RESERVED_NAME}`);
  }
}

function tooLong(): StorageError {
  return new StorageError('invalid-name', `The path is longer than the store allows (${MAX_KEY_BYTES} bytes).`);
}

/** Throws 'invalid-name' for what is no store path (the vfs never sends one), or is hidden in listings. */
function checkPath(path: StorePath): StorePath {
  checkStorePath(path);
  if (hasControlByte(path)) {
    throw new StorageError('invalid-name', 'The name has characters that the store cannot keep.');
  }
  if (isInside<string>(path, RESERVED_NAME)) {
    throw new StorageError('permission-denied', 'This name is reserved.');
  }
  return path;
}

/**
 * The file name of a listed key relative to its directory (without the trailing '/' of a common prefix), or undefined
 * if the key has no name that a path could lead to. The rule: hidden are an empty segment (`a//b`, a leading `/`),
 * `.` and `..`, control bytes, and what is not valid UTF-8. Hidden keys still keep a directory from being empty.
 */
export function listedName(relative: string): string | undefined {
  if (relative === '' || relative === '.' || relative === '..' || relative.includes('/')) return undefined;
  return hasControlByte(relative) ? undefined : relative;
}
