import { lstatSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { readlink } from 'node:fs/promises';
import { StorageError } from '../object-store.ts';
import type { StorePath } from '../object-store.ts';
import { checkStorePath, isInside, joinStorePath, nameOf, parentOf, STORE_ROOT } from '../store-path.ts';
import { SymbolicLinkMet } from '../symbolic-link.ts';
import { pinInPlace } from './directory-ref.ts';
import type { DirectoryRef, PinDirectory } from './directory-ref.ts';
import { errnoOf } from './errno.ts';
import { lstatOrUndefined } from './file-calls.ts';
import type { NearDirectories } from './near-directories.ts';
import { isReservedName } from './part-name.ts';

/** A directory and a link may take each other's place while they are looked at. */
const MAX_LOOKS = 8;

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
 * Turns store paths into places on the disk, and follows no symbolic link on the way: `SymbolicLinkMet` names the first
 * one, and whoever knows what the user sees decides where it leads.
 *
 * The kernel resolves the path of the parent directory in one go and the result is compared with what it should be.
 * Only where that differs (a symbolic link is on the way) or fails are the components opened one by one, each in the one
 * before and none through a link. So a link that is put in a directory's place at any moment is met, never followed, and
 * one that leads outside gives the same answer whether its target is there or not.
 */
export class PathResolver {
  readonly #root: string;
  /** Other spellings of the root that absolute links may use. */
  readonly #rootNames: readonly string[];
  readonly #pin: PinDirectory;
  readonly #near: NearDirectories | undefined;

  /**
   * `root` is absolute, without symbolic links and without a trailing slash unless it is `/`. `near`: the directories of its
   * device, where descriptors work and calls may be made in place (`FileSystemKind`).
   */
  constructor(root: string, configuredRoot: string, pin: PinDirectory, near?: NearDirectories) {
    this.#root = root;
    this.#rootNames = [root, configuredRoot];
    this.#pin = pin;
    this.#near = near;
  }

  /** The place of the path itself; what is there may be a link. */
  async place(path: StorePath): Promise<Place> {
    checkClientPath(path);
    if (path === '' || this.#near?.calls.inPlace !== true) return this.#placeByThreads(path);
    const directory = await this.#pinnedInPlace(path, this.#near);
    return directory === undefined ? this.#placeByThreads(path) : { directory, name: nameOf(path) };
  }

  async #placeByThreads(path: StorePath): Promise<Place> {
    checkClientPath(path);
    if (path === '') return { directory: await this.#pin(this.#root), name: '.' };
    return { directory: await this.#directory(parentOf(path), path), name: nameOf(path) };
  }

  /** The place of the path itself and what is there. */
  async located(path: StorePath): Promise<Located> {
    return (await this.#locatedInPlace(path)) ?? withStats(await this.#placeByThreads(path));
  }

  /** As `located`, for what follows links: throws SymbolicLinkMet where one is there. */
  async followed(path: StorePath): Promise<Located> {
    const located = await this.located(path);
    if (located.stats?.isSymbolicLink() !== true) return located;
    try {
      const target = await linkTarget(located.directory.path(located.name));
      if (target !== undefined) throw this.#met(path, path, target);
    } finally {
      located.directory.release();
    }
    throw changing();
  }

  /** The directory at the path. Throws 'not-a-directory', and SymbolicLinkMet for a link to one. */
  async directory(path: StorePath): Promise<DirectoryRef> {
    checkClientPath(path);
    return (await this.#directoryInPlace(path)) ?? this.#directory(path, path);
  }

  async #directoryInPlace(path: StorePath): Promise<DirectoryRef | undefined> {
    if (this.#near?.calls.inPlace !== true) return undefined;
    const place = this.#absolute(path);
    const directory = await this.#pinnedNear(place, this.#near);
    // Whoever lists it looks at all that is in it.
    if (directory === undefined || !this.#near.holdsMountPoint(place)) return directory;
    directory.release();
    return undefined;
  }

  /**
   * A link's target as the store tells it: relative as it is; an absolute path of the disk as one that begins at the
   * store's root, or undefined if it is outside.
   */
  targetInStore(target: string): string | undefined {
    if (!target.startsWith('/')) return target;
    for (const root of this.#rootNames) {
      if (root === '/') return target;
      if (target === root) return '/';
      if (isInside(target, root)) return target.slice(root.length);
    }
    return undefined;
  }

  /** The way back: what a link on the disk has to hold, so that other programs of the machine follow it to the same. */
  targetOnDisk(target: string): string {
    return target.startsWith('/') && this.#root !== '/' ? `${this.#root}${target}` : target;
  }

  /** The pinning and the look through the pin are made in place. Undefined as `#pinnedInPlace`. */
  async #locatedInPlace(path: StorePath): Promise<Located | undefined> {
    if (this.#near === undefined || path === '') return undefined;
    checkClientPath(path);
    const directory = await this.#pinnedInPlace(path, this.#near);
    if (directory === undefined) return undefined;
    try {
      const name = nameOf(path);
      const stats = lstatSync(directory.path(name), { throwIfNoEntry: false });
      if (stats === undefined || stats.dev === this.#near.device) return { directory, name, stats };
    } catch {
      // What it is comes out on the ordinary way.
    }
    directory.release();
    return undefined;
  }

  /**
   * The directory that holds `path`. Where there is a disk a thread looks the whole path up before, so that the kernel has it
   * in memory. Undefined where the ordinary way has to say what is the matter: a link above, another file system, any error.
   */
  async #pinnedInPlace(path: StorePath, near: NearDirectories): Promise<DirectoryRef | undefined> {
    return this.#pinnedNear(this.#absolute(parentOf(path)), near, this.#absolute(path));
  }

  /** `wanted`: what is to be looked at in it. */
  async #pinnedNear(directory: string, near: NearDirectories, wanted?: string): Promise<DirectoryRef | undefined> {
    try {
      if (!near.has(directory) && !(await near.look(directory))) return undefined;
      if (wanted !== undefined && near.calls.inPlace) {
        if (near.isMountPoint(wanted)) return undefined;
      } else if (wanted !== undefined) {
        const seen = await lstatOrUndefined(wanted);
        if (seen !== undefined && seen.dev !== near.device) return undefined;
      }
      return pinInPlace(directory, near.device, near.calls);
    } catch {
      return undefined;
    }
  }

  /** `asked` is what the client wants to reach: the directory itself, or something in it. */
  async #directory(path: StorePath, asked: StorePath): Promise<DirectoryRef> {
    const expected = this.#absolute(path);
    try {
      const directory = await this.#pin(expected);
      if (directory.realPath === expected) return directory;
      directory.release();
    } catch (error) {
      if (!mayBeALink(error)) throw error;
    }
    return this.#descend(path, asked);
  }

  /**
   * One component after the other, through no link. Also the way where names are spelled differently than they are
   * kept (file systems that ignore case), and for paths that are too long for one call.
   */
  async #descend(path: StorePath, asked: StorePath): Promise<DirectoryRef> {
    let directory = await this.#pin(this.#root);
    let at = STORE_ROOT;
    for (const name of path === '' ? [] : path.split('/')) {
      const parent = directory;
      at = joinStorePath(at, name);
      try {
        directory = await this.#step(parent, name, at, asked);
      } finally {
        parent.release();
      }
    }
    return directory;
  }

  async #step(parent: DirectoryRef, name: string, at: StorePath, asked: StorePath): Promise<DirectoryRef> {
    for (let looks = 1; looks <= MAX_LOOKS; looks += 1) {
      try {
        return await parent.child(name);
      } catch (error) {
        if (!['ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) throw error;
        const stats = await lstatOrUndefined(parent.path(name));
        if (stats !== undefined && !stats.isDirectory() && !stats.isSymbolicLink()) throw error;
        const target = stats?.isSymbolicLink() === true ? await linkTarget(parent.path(name)) : undefined;
        if (target !== undefined) throw this.#met(asked, at, target);
      }
    }
    throw changing();
  }

  #met(asked: StorePath, link: StorePath, target: string): SymbolicLinkMet {
    // The machine's root is its own parent. That another store's root is not, whoever follows the link will find.
    const inStore = this.#root === '/' ? withoutExcess(target, link.split('/').length - 1) : this.targetInStore(target);
    return new SymbolicLinkMet(asked, link, inStore);
  }

  #absolute(path: StorePath): string {
    if (path === '') return this.#root;
    return this.#root === '/' ? `/${path}` : `${this.#root}/${path}`;
  }
}

/** Throws 'invalid-name' for what is no store path and for names that are ours. */
export function checkClientPath(path: StorePath): void {
  checkStorePath(path);
  if (path.split('/').some(isReservedName)) throw reservedName();
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

/** Undefined where no link is there by now. */
async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (error) {
    if (['EINVAL', 'ENOENT'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}

/** A relative target without the `..` at its beginning that go up from the machine's root. */
function withoutExcess(target: string, depth: number): string {
  if (target.startsWith('/')) return target;
  const steps = target.split('/').filter((step) => step !== '' && step !== '.');
  const names = steps.findIndex((step) => step !== '..');
  const ups = names === -1 ? steps.length : names;
  return steps.slice(Math.max(0, ups - depth)).join('/');
}

function changing(): StorageError {
  return new StorageError('failure', 'The path changes while it is followed');
}

function reservedName(): StorageError {
  return new StorageError('invalid-name', 'Invalid name: it is reserved');
}
