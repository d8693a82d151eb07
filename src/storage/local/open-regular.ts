import { accessSync, constants, fstatSync } from 'node:fs';
import type { Stats } from 'node:fs';
import type { OpenWriteOptions, StorePath } from '../object-store.ts';
import { exists, isADirectory, notFound } from '../refusals.ts';
import { IN_THREADS } from './file-calls.ts';
import { checkRegular } from './local-entry.ts';
import type { Located, Place } from './path-resolver.ts';

export interface OpenFile {
  readonly fd: number;
  readonly stats: Stats;
}

/** O_NONBLOCK: the open of a pipe that was put there just now does not wait for a writer. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

/** Opens what is at the place for reading. Throws unless it is a regular file, whatever was seen there before. */
export async function openRegular({ directory, name }: Place): Promise<OpenFile> {
  const { calls } = directory;
  const fd = await calls.open(directory.path(name), READ_FLAGS);
  try {
    const stats = directory.near ? fstatSync(fd) : await calls.stat(fd);
    checkRegular(stats);
    return { fd, stats };
  } catch (error) {
    await IN_THREADS.close(fd);
    throw error;
  }
}

/** access(2): throws where we have not all the rights of `mode` (W_OK, X_OK). */
async function checkAccess({ directory, name }: Place, mode: number): Promise<void> {
  if (directory.near) accessSync(directory.path(name), mode);
  else await directory.calls.access(directory.path(name), mode);
}

/** Opens what was seen at the place for reading. Throws unless it is a regular file, also if something else was put there. */
export async function openSeen(place: Located): Promise<OpenFile> {
  if (place.stats === undefined) throw notFound();
  checkRegular(place.stats);
  return openRegular(place);
}

/**
 * Refuses what open(2) with such options would refuse at the place, and opens the file whose bytes are kept; undefined where
 * the upload starts empty. Replacing a file needs no right to the file itself, and is refused without it all the same.
 */
export async function openBase(
  place: Located,
  path: StorePath,
  options: OpenWriteOptions,
): Promise<OpenFile | undefined> {
  if (place.stats === undefined) {
    if (!options.create) throw notFound();
    return undefined;
  }
  if (path === '') throw isADirectory();
  if (options.create && options.exclusive) throw exists();
  checkRegular(place.stats);
  await checkAccess(place, constants.W_OK);
  if (options.truncate) return undefined;
  const base = await openSeen(place);
  try {
    await checkAccess({ directory: place.directory, name: '.' }, constants.W_OK | constants.X_OK);
    return base;
  } catch (error) {
    await IN_THREADS.close(base.fd);
    throw error;
  }
}
