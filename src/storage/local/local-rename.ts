import { StorageError } from '../object-store.ts';
import { exists, notEmpty, notFound } from '../refusals.ts';
import type { FileCopier } from './copy-bytes.ts';
import { closeDescriptor, utimesDescriptor } from './descriptor.ts';
import { syncDirectory } from './directory-syncs.ts';
import { errnoOf } from './errno.ts';
import { openRegular } from './open-regular.ts';
import { callsThatEnd, IN_THREADS, type FileCalls } from './file-calls.ts';
import type { Place } from './path-resolver.ts';
import { moveOntoNothing, TemporaryFile, unlinkVersion } from './temporary-file.ts';

export interface RenameOptions {
  readonly overwrite: boolean;
  readonly sync: boolean;
  readonly copier: FileCopier;
  /** Removes what crashes left in the directory that is to be replaced. */
  readonly sweep: () => Promise<void>;
  /** Ends a copy to another file system. */
  readonly signal?: AbortSignal | undefined;
}

/** Renames what is at one place, itself, to another; a link is moved, not followed. Does not release the places. */
export async function renameEntry(from: Place, to: Place, options: RenameOptions): Promise<void> {
  const source = from.directory.path(from.name);
  const stats = await callsFor(from, to).lstat(source);
  if (stats === undefined) throw notFound();
  if (stats.isDirectory()) await renameDirectory(from, to, options);
  else await renameFile(from, to, options);
  if (!options.sync) return;
  // First the directory that gains: a crash between the two leaves both names, never none.
  await syncDirectory(to.directory);
  if (from.directory.realPath !== to.directory.realPath) await syncDirectory(from.directory);
}

/** In place only where both places are in memory. */
function callsFor(from: Place, to: Place): FileCalls {
  return from.directory.calls.inPlace ? to.directory.calls : IN_THREADS;
}

async function renameFile(from: Place, to: Place, options: RenameOptions): Promise<void> {
  const target = to.directory.path(to.name);
  try {
    const calls = callsFor(from, to);
    if (options.overwrite) await (await callsThatEnd(target, calls)).rename(from.directory.path(from.name), target);
    else await moveOntoNothing(from.directory, from.name, to.directory, to.name);
  } catch (error) {
    if (errnoOf(error) !== 'EXDEV') throw error;
    await moveAcross(from, to, options);
  }
}

/**
 * Without `overwrite` nothing is replaced, though rename(2) would let a directory take the place of an empty one. One that
 * is made between the look and the rename is empty, so nothing can be lost.
 */
async function renameDirectory(from: Place, to: Place, { overwrite, sweep }: RenameOptions): Promise<void> {
  const [source, target] = [from.directory.path(from.name), to.directory.path(to.name)];
  const calls = callsFor(from, to);
  if (!overwrite && (await calls.lstat(target)) !== undefined) throw exists();
  try {
    // What a crash left in the target is hidden: to the client the directory is empty.
    await calls.rename(source, target).catch(async (error: unknown) => {
      if (!overwrite || !isNotEmpty(error)) throw error;
      await sweep();
      await calls.rename(source, target);
    });
  } catch (error) {
    if (isNotEmpty(error)) {
      throw overwrite ? notEmpty({ cause: error }) : exists();
    }
    switch (errnoOf(error)) {
      case 'ENOTDIR':
        throw overwrite ? new StorageError('not-a-directory', 'Not a directory', { cause: error }) : exists();
      case 'EINVAL':
        throw new StorageError('failure', 'A directory cannot be moved into itself', { cause: error });
      default:
        throw error;
    }
  }
}

/** Some file systems say EEXIST. */
export function isNotEmpty(error: unknown): boolean {
  return ['ENOTEMPTY', 'EEXIST'].includes(errnoOf(error) ?? '');
}

/** To another file system that is mounted under the root: copied whole, then removed. */
async function moveAcross(from: Place, to: Place, { overwrite, sync, copier, signal }: RenameOptions): Promise<void> {
  const { fd: source, stats } = await openRegular(from);
  try {
    const copy = await TemporaryFile.create(to.directory, 0o600);
    try {
      await copier.copy(source, copy.fd, stats.size, true, signal);
      await copy.takeAfter(stats);
      await utimesDescriptor(copy.fd, stats.atimeMs / 1000, stats.mtimeMs / 1000);
    } catch (error) {
      await copy.discard();
      throw error;
    }
    await copy.commit(to.name, overwrite ? 'anything' : 'nothing', { sync });
    await unlinkVersion(from.directory, from.name, stats).catch((error: unknown) => {
      if (errnoOf(error) !== 'ENOENT') throw error;
    });
  } finally {
    await closeDescriptor(source);
  }
}
