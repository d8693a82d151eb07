import type { Stats } from 'node:fs';
import { StorageError } from '../object-store.ts';
import type { Entry, EntryKind } from '../object-store.ts';

export function kindOf(stats: Stats): EntryKind {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'symlink' : 'other';
}

export function entryOf(stats: Stats): Entry {
  return {
    kind: kindOf(stats),
    attributes: {
      size: stats.size,
      mtime: Math.floor(stats.mtimeMs / 1000),
      atime: Math.floor(stats.atimeMs / 1000),
      mode: stats.mode,
      uid: stats.uid,
      gid: stats.gid,
    },
  };
}

/** Throws unless it is a regular file: reading a pipe or a device could wait for ever. */
export function checkRegular(stats: Stats): void {
  if (stats.isDirectory()) throw new StorageError('is-a-directory', 'Is a directory');
  if (!stats.isFile()) throw new StorageError('unsupported', 'Not a regular file');
}
