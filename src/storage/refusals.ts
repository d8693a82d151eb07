import { StorageError } from './object-store.ts';

/** What stores and the registry of open files refuse in the same words. */

export function notFound(): StorageError {
  return new StorageError('not-found', 'No such file or directory');
}

export function exists(): StorageError {
  return new StorageError('exists', 'It exists already');
}

export function isADirectory(): StorageError {
  return new StorageError('is-a-directory', 'Is a directory');
}

export function notEmpty(options?: ErrorOptions): StorageError {
  return new StorageError('not-empty', 'The directory is not empty', options);
}

export function linksUnsupported(): StorageError {
  return new StorageError('unsupported', 'Links are not supported here');
}
