import { opendir, unlink } from 'node:fs/promises';
import type { DirectoryRef } from './directory-ref.ts';
import { isAbandonedPart, isReservedName } from './part-name.ts';
import { lstatOrUndefined } from './file-calls.ts';

/** Removes a temporary file that no running process owns. Returns whether it did. Never throws. */
export async function sweepPart(path: string, name: string): Promise<boolean> {
  try {
    const stats = await lstatOrUndefined(path);
    if (stats?.isFile() !== true || !(await isAbandonedPart(name, stats.mtimeMs / 1000))) return false;
    await unlink(path);
    return true;
  } catch {
    return false;
  }
}

/** Those of one directory. Returns how many it removed. */
export async function sweepDirectory(directory: DirectoryRef): Promise<number> {
  let removed = 0;
  for await (const { name } of await opendir(directory.path('.'))) {
    if (isReservedName(name) && (await sweepPart(directory.path(name), name))) removed += 1;
  }
  return removed;
}

/**
 * Looks for what crashes left, from `root` down, nearest directories first, at `limit` entries at most: a start must
 * not wait for a tree of millions. What lies deeper goes when its directory is listed or removed.
 * Directories that cannot be read are passed over. Returns how many files it removed.
 */
export async function sweepTree(root: string, limit: number): Promise<number> {
  let removed = 0;
  let seen = 0;
  const directories = [root];
  for (let path = directories.shift(); path !== undefined; path = directories.shift()) {
    const prefix = path === '/' ? '' : path;
    try {
      for await (const entry of await opendir(path, { bufferSize: 512 })) {
        seen += 1;
        if (seen > limit) return removed;
        if (entry.isDirectory()) directories.push(`${prefix}/${entry.name}`);
        else if (isReservedName(entry.name) && (await sweepPart(`${prefix}/${entry.name}`, entry.name))) removed += 1;
      }
    } catch {
      // Not ours to read, or gone by now.
    }
  }
  return removed;
}
