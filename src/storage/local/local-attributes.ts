import type { Stats } from 'node:fs';
import { chmod, chown, lchown, lutimes, stat, utimes } from 'node:fs/promises';
import { KEPT_MODE_BITS, StorageError } from '../object-store.ts';
import type { AttributeChange } from '../object-store.ts';
import { pinEntry } from './directory-ref.ts';
import type { FileCalls } from './file-calls.ts';
import type { Located } from './path-resolver.ts';

/**
 * Sets what `change` names on the entry itself. Every part is tried, as sftp-server of OpenSSH does it, and the first
 * failure is thrown at the end: a client that sends times and an owner together gets its times.
 */
export async function applyToEntry(place: Located, change: AttributeChange, byDescriptor: boolean): Promise<void> {
  if (place.stats === undefined) throw new StorageError('not-found', 'No such file or directory');
  const path = place.directory.path(place.name);
  const { uid, gid, mode, mtime, atime } = change;
  const steps: (() => Promise<void>)[] = [];
  const hasOwner = uid !== undefined || gid !== undefined;
  const hasTime = mtime !== undefined || atime !== undefined;

  if (place.stats.isSymbolicLink()) {
    const { atimeMs, mtimeMs } = place.stats;
    if (hasOwner) steps.push(() => lchown(path, uid ?? -1, gid ?? -1));
    if (mode !== undefined) steps.push(() => Promise.reject(new StorageError('unsupported', 'A link has no mode')));
    if (hasTime) steps.push(() => lutimes(path, atime ?? atimeMs / 1000, mtime ?? mtimeMs / 1000));
    await allOf(steps);
    return;
  }

  if (!hasOwner && !hasTime && mode === undefined) return;
  const entry = await pinEntry(path, byDescriptor);
  try {
    // Owner first: a mode may take away our right to change it.
    if (hasOwner) steps.push(() => chown(entry.path, uid ?? -1, gid ?? -1));
    if (mode !== undefined) steps.push(() => chmod(entry.path, mode & KEPT_MODE_BITS));
    if (hasTime) {
      steps.push(async () => {
        const { atimeMs, mtimeMs } = await stat(entry.path);
        await utimes(entry.path, atime ?? atimeMs / 1000, mtime ?? mtimeMs / 1000);
      });
    }
    await allOf(steps);
  } finally {
    await entry.release();
  }
}

/** As `applyToEntry`, for a file that is open. */
export async function applyToDescriptor(fd: number, change: AttributeChange, calls: FileCalls): Promise<void> {
  const { uid, gid, mode, mtime, atime } = change;
  const steps: (() => Promise<void>)[] = [];
  if (uid !== undefined || gid !== undefined) steps.push(() => calls.chown(fd, uid ?? -1, gid ?? -1));
  if (mode !== undefined) steps.push(() => calls.chmod(fd, mode & KEPT_MODE_BITS));
  if (mtime !== undefined || atime !== undefined) {
    steps.push(async () => {
      const { atimeMs, mtimeMs } = await calls.stat(fd);
      await calls.utimes(fd, atime ?? atimeMs / 1000, mtime ?? mtimeMs / 1000);
    });
  }
  await allOf(steps);
}

/** The mode, and where wanted the times, that were set between two looks at a file. */
export function changeBetween(before: Stats, after: Stats, wanted: { readonly times: boolean }): AttributeChange {
  const { mode, mtimeMs, atimeMs } = after;
  const seconds = { mtime: Math.floor(mtimeMs / 1000), atime: Math.floor(atimeMs / 1000) };
  return {
    ...(before.mode !== mode && { mode: mode & KEPT_MODE_BITS }),
    ...(wanted.times && before.mtimeMs !== mtimeMs && seconds),
  };
}

async function allOf(steps: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
