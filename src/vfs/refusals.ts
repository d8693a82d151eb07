import { StorageError } from '../storage/object-store.ts';
import { lastSegment, type ClientPath } from './client-path.ts';

/** In the view; what a store does not have it says itself. */
export function notFound(): StorageError {
  return new StorageError('not-found', 'No such file or directory.');
}

/** Beside the directories that the user has. */
export function notWritable(path: ClientPath): StorageError {
  const name = lastSegment(path);
  return new StorageError(
    'permission-denied',
    `Permission denied: "${name}" is in no directory that you can write to.`,
  );
}
