import { isUtf8 } from 'node:buffer';
import type { Dir, Stats } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { inParallel } from '../flow/in-parallel.ts';
import type { DirectoryEntry } from '../object-store.ts';
import type { DirectoryRef } from './directory-ref.ts';
import { errnoOf, toStorageError } from './errno.ts';
import type { FileCalls } from './file-calls.ts';
import { entryOf } from './local-entry.ts';
import { isReservedName } from './part-name.ts';
import { sweepPart } from './part-sweep.ts';

/** Entries of one page: the first names leave soon, and no more than these are in memory. */
const PAGE_ENTRIES = 256;
/** lstat calls in flight: keeps the pool's threads busy and leaves a place for others between them. */
const STATS_IN_FLIGHT = 16;
/** Temporary files that one listing looks at, to remove those that a crash left. */
const SWEEPS = 16;
const PLAIN_ASCII = /^[\x20-\x7e]*$/;

/**
 * The directory's entries with their attributes, page by page; releases the directory at the end, also when the
 * caller stops early. Hidden are our temporary files, and names that are no valid UTF-8: no store path could mean them.
 */
export async function* listDirectory(directory: DirectoryRef): AsyncGenerator<readonly DirectoryEntry[]> {
  let dir: Dir | undefined;
  let sweeps = 0;
  try {
    // latin1 keeps every byte of a name; UTF-8 would turn wrong ones into U+FFFD, which may be somebody's real name.
    dir = await opendir(directory.path('.'), { bufferSize: PAGE_ENTRIES, encoding: 'latin1' });
    for (let end = false; !end;) {
      const names: string[] = [];
      while (names.length < PAGE_ENTRIES) {
        const dirent = await dir.read();
        if (dirent === null) {
          end = true;
          break;
        }
        const name = decodeName(dirent.name);
        if (name === undefined) continue;
        if (!isReservedName(name)) names.push(name);
        else if (sweeps++ < SWEEPS) await sweepPart(directory.path(name), name);
      }
      const page = await statAll(directory, names);
      if (page.length > 0) yield page;
    }
  } catch (error) {
    throw toStorageError(error);
  } finally {
    await dir?.close().catch(() => undefined);
    directory.release();
  }
}

function decodeName(latin1: string): string | undefined {
  if (PLAIN_ASCII.test(latin1)) return latin1;
  const bytes = Buffer.from(latin1, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined;
}

/** In the order of `names`. What has vanished since, or may not be looked at, is left out. */
async function statAll(directory: DirectoryRef, names: readonly string[]): Promise<DirectoryEntry[]> {
  const entries = new Map<string, DirectoryEntry>();
  await inParallel(names, STATS_IN_FLIGHT, async (name) => {
    const stats = await statsOf(directory.path(name), directory.calls);
    if (stats !== undefined) entries.set(name, { name, ...entryOf(stats) });
  });
  return names.flatMap((name) => entries.get(name) ?? []);
}

/** Other errors end the listing: a tool that mirrors directories must not take it for complete. */
async function statsOf(path: string, calls: FileCalls): Promise<Stats | undefined> {
  try {
    return await calls.lstat(path);
  } catch (error) {
    if (['EACCES', 'EPERM'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}
