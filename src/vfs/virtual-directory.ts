import type { Entry } from '../storage/object-store.ts';

const DIRECTORY_READABLE_BY_ALL = 0o040555;

/** What a directory looks like that no store keeps: the parents of mapped directories. `mtime` is in seconds. */
export function virtualDirectory(mtime: number): Entry {
  return {
    kind: 'directory',
    attributes: { size: 0, mtime, atime: mtime, mode: DIRECTORY_READABLE_BY_ALL, uid: 0, gid: 0 },
  };
}
