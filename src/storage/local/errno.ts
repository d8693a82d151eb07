import { StorageError } from '../object-store.ts';
import type { StorageErrorCode } from '../object-store.ts';

/** What each errno means to a client. Anything else is 'failure'. */
const MEANINGS: Readonly<Record<string, readonly [StorageErrorCode, string]>> = {
  ENOENT: ['not-found', 'No such file or directory'],
  ENOTDIR: ['not-a-directory', 'Not a directory'],
  EISDIR: ['is-a-directory', 'Is a directory'],
  EEXIST: ['exists', 'It exists already'],
  ENOTEMPTY: ['not-empty', 'The directory is not empty'],
  EACCES: ['permission-denied', 'Permission denied'],
  EPERM: ['permission-denied', 'Permission denied'],
  EROFS: ['permission-denied', 'The file system is read-only'],
  ENAMETOOLONG: ['invalid-name', 'Invalid name: too long'],
  EILSEQ: ['invalid-name', 'Invalid name'],
  ENOSPC: ['no-space', 'No space left'],
  EDQUOT: ['no-space', 'The disk quota is used up'],
  EFBIG: ['too-large', 'The file would be too large'],
  EOVERFLOW: ['too-large', 'The file is too large'],
  ELOOP: ['failure', 'Too many symbolic links'],
  EMFILE: ['unavailable', 'Too many open files'],
  ENFILE: ['unavailable', 'Too many open files'],
  ENOMEM: ['unavailable', 'Out of memory'],
  ESTALE: ['unavailable', 'The file system does not answer'],
  ETIMEDOUT: ['unavailable', 'The file system does not answer'],
  EBUSY: ['failure', 'The file is in use'],
  EMLINK: ['failure', 'Too many links'],
  EXDEV: ['unsupported', 'Not possible between file systems'],
  ENOTSUP: ['unsupported', 'Not supported by the file system'],
  EOPNOTSUPP: ['unsupported', 'Not supported by the file system'],
  ENOSYS: ['unsupported', 'Not supported by the file system'],
  EIO: ['failure', 'Input or output error'],
};

/** The errno name of a system error ('ENOENT'), or undefined. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/**
 * Any error as a StorageError. Node's own message holds the local path, which no client may see: it is kept as the
 * cause, for the log.
 */
export function toStorageError(error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const errno = errnoOf(error);
  const [code, message] = (errno === undefined ? undefined : MEANINGS[errno]) ?? (['failure', 'Failure'] as const);
  return new StorageError(code, message, { cause: error, ...(errno === undefined ? {} : { detail: errno }) });
}

/** Runs `action` so that whatever it throws is a StorageError. */
export async function asStorageError<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw toStorageError(error);
  }
}
