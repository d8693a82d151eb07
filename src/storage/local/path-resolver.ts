import { lstatSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import { StorageError } from '../object-store.ts';
import type { StorePath } from '../object-store.ts';
import { checkStorePath, nameOf, parentOf } from '../store-path.ts';
import { pinInPlace } from './directory-ref.ts';
import type { DirectoryRef, PinDirectory } from './directory-ref.ts';
import { errnoOf, toStorageError } from './errno.ts';
import { isReservedName } from './part-name.ts';

/** As Linux has it (path_resolution(7)). */
const MAX_LINKS = 40;

/** How long a directory that was seen on the near device is taken to be there, in milliseconds. */
const NEAR_MS = 5_000;
/** Directories that are remembered. */
const NEAR_DIRECTORIES = 1_000;

/** A name in a pinned directory. Whoever gets it releases the directory. */
export interface Place {
  readonly directory: DirectoryRef;
  /** '.' for the root. */
  readonly name: string;
}

export interface Located extends Place {
  /** What is at the place, undefined where nothing is. */
  readonly stats: Stats | undefined;
}

/**
 * Turns store paths into places on the disk that are inside the root.
 *
 * The kernel resolves the path of the parent directory in one go and the result is compared with what it should be.
 * Only where that differs (a symbolic link is on the way) or fails are the components looked at one by one, each link
 * followed by hand: it must not leave the root at any step, not even to come back. An error is looked at too,
 * so that a link that leads outside gives the same answer whether its target is there or not.
 */
export class PathResolver {
  readonly #root: string;
  /** Other spellings of the root that absolute links may use. */
  readonly #rootNames: readonly string[];
  readonly #pin: PinDirectory;
  readonly #nearDevice: number | undefined;
  /** When directories were last seen on the near device, by path. */
  readonly #nearSince = new Map<string, number>();

  /**
   * `root` is absolute, without symbolic links and without a trailing slash unless it is `/`. `nearDevice` is its
   * device where descriptors work and its file system answers from memory (`answersFromMemory`).
   */
  constructor(root: string, configuredRoot: string, pin: PinDirectory, nearDevice?: number) {
    this.#root = root;
    this.#rootNames = [root, configuredRoot];
    this.#pin = pin;
    this.#nearDevice = nearDevice;
  }

  /** The place of the path itself; a link there is not followed, links above are. */
  async place(path: StorePath): Promise<Place> {
    checkClientPath(path);
    if (path === '') return { directory: await this.#pin(this.#root), name: '.' };
    return { directory: await this.#directory(parentOf(path)), name: nameOf(path) };
  }

  /** The place of the path itself and what is there. */
  async located(path: StorePath): Promise<Located> {
    return (await this.#locatedInPlace(path)) ?? withStats(await this.place(path));
  }

  /** The place that the path means when links are followed to the end. Never a link. */
  async followed(path: StorePath): Promise<Located> {
    const located = await this.located(path);
    if (located.stats?.isSymbolicLink() !== true) return located;
    located.directory.release();
    const target = await this.#walk(path);
    if (target === '') return withStats(await this.place(''));
    const final = await withStats({ directory: await this.#pinInside(parentOf(target)), name: nameOf(target) });
    if (final.stats?.isSymbolicLink() !== true) return final;
    final.directory.release();
    throw new StorageError('failure', 'The link changes while it is followed');
  }

  /** The directory at the path, links followed. Throws 'not-a-directory'. */
  async directory(path: StorePath): Promise<DirectoryRef> {
    checkClientPath(path);
    return this.#directory(path);
  }

  /** What a link's target is within the root: an absolute path of the disk becomes one of the store, if it is one. */
  relativeToRoot(target: string): string | undefined {
    for (const root of this.#rootNames) {
      if (root === '/') return target.slice(1);
      if (target === root) return '';
      if (target.startsWith(`${root}/`)) return target.slice(root.length + 1);
    }
    return undefined;
  }

  /**
   * A thread looks the path up, so that the kernel has all of it in memory; then what counts, the pinning and the look
   * through the pin, is done in place. Undefined where the ordinary way has to say what is the matter: a link above,
   * another file system, any error.
   */
  async #locatedInPlace(path: StorePath): Promise<Located | undefined> {
    if (this.#nearDevice === undefined || path === '') return undefined;
    checkClientPath(path);
    const parent = this.#absolute(parentOf(path));
    let directory: DirectoryRef | undefined;
    try {
      if (!(await this.#isNear(parent))) return undefined;
      const seen = await lstatOrUndefined(this.#absolute(path));
      if (seen !== undefined && seen.dev !== this.#nearDevice) return undefined;
      directory = pinInPlace(parent, this.#nearDevice);
      if (directory === undefined) return undefined;
      const name = nameOf(path);
      return { directory, name, stats: lstatSync(directory.path(name), { throwIfNoEntry: false }) };
    } catch {
      // What it is comes out on the ordinary way.
      directory?.release();
      return undefined;
    }
  }

  /** So that nothing is opened in place on a far file system that is mounted there. A hint: pinning looks again. */
  async #isNear(directory: string): Promise<boolean> {
    const now = performance.now();
    const since = this.#nearSince.get(directory);
    if (since !== undefined && now - since < NEAR_MS) return true;
    const stats = await lstat(directory);
    if (!stats.isDirectory() || stats.dev !== this.#nearDevice) return false;
    if (this.#nearSince.size >= NEAR_DIRECTORIES) this.#nearSince.clear();
    this.#nearSince.set(directory, now);
    return true;
  }

  async #directory(path: StorePath): Promise<DirectoryRef> {
    const expected = this.#absolute(path);
    let failure: StorageError | undefined;
    try {
      const directory = await this.#pin(expected);
      if (this.#root === '/' || directory.realPath === expected) return directory;
      directory.release();
    } catch (error) {
      if (this.#root === '/' || !mayBeALink(error)) throw error;
      failure = toStorageError(error);
    }
    const target = await this.#walk(path);
    // Nothing on the way leads outside: the error was what it seemed to be.
    if (failure !== undefined && target === path) throw failure;
    return this.#pinInside(target);
  }

  /** Pins a path that has no links left in it. If one was put there just now, being inside is what still counts. */
  async #pinInside(path: StorePath): Promise<DirectoryRef> {
    const directory = await this.#pin(this.#absolute(path));
    if (this.#isInside(directory.realPath)) return directory;
    directory.release();
    throw leadsOutside();
  }

  /**
   * The path without links, the last component followed too. A component that is missing ends the looking: the rest
   * cannot hold links. Throws 'permission-denied' for a link that leaves the root.
   */
  async #walk(path: StorePath): Promise<StorePath> {
    let resolved: string[] = [];
    const pending = path.split('/').reverse();
    let links = 0;
    for (let segment = pending.pop(); segment !== undefined; segment = pending.pop()) {
      if (segment === '' || segment === '.') continue;
      if (segment === '..') {
        if (resolved.pop() === undefined && this.#root !== '/') throw leadsOutside();
        continue;
      }
      if (isReservedName(segment)) throw reservedName();
      const at = [...resolved, segment];
      const stats = await lstatOrUndefined(this.#absolute(at.join('/')));
      if (stats?.isSymbolicLink() !== true) {
        // `missing/..` and `file/..` are no way back.
        if (stats?.isDirectory() !== true && pending.length > 0) {
          if (stats === undefined) throw new StorageError('not-found', 'No such file or directory');
          throw new StorageError('not-a-directory', 'Not a directory');
        }
        resolved = at;
        continue;
      }
      links += 1;
      if (links > MAX_LINKS) throw new StorageError('failure', 'Too many symbolic links');
      const target = await readlink(this.#absolute(at.join('/')));
      if (target.startsWith('/')) {
        const inside = this.relativeToRoot(target);
        if (inside === undefined) throw leadsOutside();
        resolved = [];
        pending.push(...inside.split('/').reverse());
      } else {
        pending.push(...target.split('/').reverse());
      }
    }
    return resolved.join('/');
  }

  #absolute(path: StorePath): string {
    if (path === '') return this.#root;
    return this.#root === '/' ? `/${path}` : `${this.#root}/${path}`;
  }

  #isInside(realPath: string): boolean {
    return this.#root === '/' || realPath === this.#root || realPath.startsWith(`${this.#root}/`);
  }
}

/** Throws 'invalid-name' for what is no store path and for names that are ours. */
export function checkClientPath(path: StorePath): void {
  checkStorePath(path);
  if (path.split('/').some(isReservedName)) throw reservedName();
}

export async function lstatOrUndefined(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function withStats(place: Place): Promise<Located> {
  try {
    return { ...place, stats: await lstatOrUndefined(place.directory.path(place.name)) };
  } catch (error) {
    place.directory.release();
    throw error;
  }
}

function mayBeALink(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'ENAMETOOLONG'].includes(errnoOf(error) ?? '');
}

function leadsOutside(): StorageError {
  return new StorageError('permission-denied', 'Permission denied: the link leads outside');
}

function reservedName(): StorageError {
  return new StorageError('invalid-name', 'Invalid name: it is reserved');
}
