import { constants, fstatSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import { writeFully, writeInPlace } from './descriptor.ts';
import { syncDirectory } from './directory-syncs.ts';
import type { DirectoryRef } from './directory-ref.ts';
import { errnoOf } from './errno.ts';
import { newPartName } from './part-name.ts';
import { callsThatEnd, IN_THREADS, type FileCalls } from './file-calls.ts';
import { freesInPlace, movesInPlace } from './file-system-type.ts';
import { StorageError } from '../object-store.ts';
import { notFound } from '../refusals.ts';

/**
 * What a new version may take the place of: whatever file is there; nothing, so that it fails with EEXIST where something
 * is; or only the file of these attributes, so that it fails with 'changed' where another is there by now.
 */
export type Target = 'anything' | 'nothing' | Stats;

/**
 * A file under a hidden name that becomes the target in one step, or vanishes. Does not own the directory.
 */
export class TemporaryFile {
  readonly fd: number;
  #directory: DirectoryRef;
  #name: string;
  #open = true;
  #named = true;

  private constructor(directory: DirectoryRef, name: string, fd: number) {
    this.#directory = directory;
    this.#name = name;
    this.fd = fd;
  }

  /** How calls on it are made. */
  get calls(): FileCalls {
    return this.#directory.calls;
  }

  /** `mode` goes through the umask, as with open(2). */
  static async create(directory: DirectoryRef, mode: number): Promise<TemporaryFile> {
    const name = newPartName();
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    return new TemporaryFile(directory, name, await directory.calls.open(directory.path(name), flags, mode));
  }

  /** One that cannot become a file: it is gone with its descriptor. */
  static async createNameless(directory: DirectoryRef, mode: number): Promise<TemporaryFile> {
    const temporary = await TemporaryFile.create(directory, mode);
    await temporary.unname();
    return temporary;
  }

  /**
   * Gives it the owner and mode of the file that it will replace, as far as we may. The set-user-id and set-group-id
   * bits go, as they do with a write(2).
   */
  async takeAfter(stats: Stats): Promise<void> {
    if (!this.#isOwnedAs(stats)) {
      try {
        await this.calls.chown(this.fd, stats.uid, stats.gid);
      } catch (error) {
        if (errnoOf(error) !== 'EPERM') throw error;
        // Only root gives files away; the group may still be one of ours.
        await this.calls.chown(this.fd, -1, stats.gid).catch(() => undefined);
      }
    }
    await this.calls.chmod(this.fd, stats.mode & 0o1777);
  }

  /** As `writeFully`. */
  async write(chunks: readonly Buffer[], start: number, bytes: number): Promise<void> {
    if (this.calls.inPlace && movesInPlace(start, bytes)) writeInPlace(this.fd, chunks, start);
    else await writeFully(this.fd, chunks, start);
  }

  /**
   * Puts the file at `name`. With `sync` it resolves only when the disk has the bytes and the name. Whatever goes wrong,
   * the temporary file is gone after it. Throws as `Target` says.
   */
  async commit(name: string, target: Target, { sync }: { sync: boolean }): Promise<void> {
    try {
      if (sync) await this.calls.sync(this.fd);
      // NFS tells of failed writes at close: before the old file goes. And who watches the directory sees the name when
      // nobody writes any more.
      await this.#close(this.calls);
      await this.#take(name, target, sync);
    } finally {
      await this.discard();
    }
  }

  /** As `commit`, but the file stays open: what is written from now on is written into the target. */
  async publish(name: string, target: Target, { sync }: { sync: boolean }): Promise<void> {
    if (sync) await this.calls.sync(this.fd);
    await this.#take(name, target, sync);
  }

  /** It will become a file of this directory. The caller releases the one before. */
  async moveTo(directory: DirectoryRef): Promise<void> {
    if (this.#named) {
      const name = newPartName();
      const calls = this.#directory.calls.inPlace ? directory.calls : IN_THREADS;
      await calls.rename(this.#directory.path(this.#name), directory.path(name));
      this.#name = name;
    }
    this.#directory = directory;
  }

  /** Closes and removes it, unless it has become the target. Never throws: the sweep finds what stays behind. */
  async discard(): Promise<void> {
    await this.#close(IN_THREADS).catch(() => undefined);
    await this.unname();
  }

  /** Removes its hidden name: it stays open, and cannot become a file any more. Never throws. */
  async unname(): Promise<void> {
    if (!this.#named) return;
    this.#named = false;
    await unlink(this.#directory.path(this.#name)).catch(() => undefined);
  }

  async #take(name: string, target: Target, sync: boolean): Promise<void> {
    const [from, to] = [this.#directory.path(this.#name), this.#directory.path(name)];
    const { calls } = this;
    if (target === 'nothing') {
      if (await renameOntoNothing(from, to, calls)) this.#named = false;
    } else {
      if (target !== 'anything' && !(await isUnchanged(to, target, calls))) throw changed();
      await (await callsThatEnd(to, calls)).rename(from, to);
      this.#named = false;
    }
    if (sync) await syncDirectory(this.#directory);
    if (!this.#named) return;
    this.#named = false;
    await calls.unlink(from);
  }

  #isOwnedAs({ uid, gid }: Stats): boolean {
    if (!this.#directory.near) return false;
    const own = fstatSync(this.fd);
    return own.uid === uid && own.gid === gid;
  }

  async #close(calls: FileCalls): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await calls.close(this.fd);
  }
}

/**
 * Gives a file that nobody else touches a name that must be free, else EEXIST. Node has no renameat2(2) with
 * RENAME_NOREPLACE; link(2) does not replace either. Returns whether the old name is gone already.
 *
 * Some file systems have no hard links: there an empty file holds the name for the moment until the rename.
 */
async function renameOntoNothing(from: string, to: string, calls: FileCalls): Promise<boolean> {
  try {
    await calls.link(from, to);
    return false;
  } catch (error) {
    if (!linksFail(error)) throw error;
  }
  const placeholder = await open(to, 'wx', 0o600);
  await placeholder.close();
  await calls.rename(from, to);
  return true;
}

/** EPERM: no links on this file system, or not for files of others (protected_hardlinks in proc(5)). */
function linksFail(error: unknown): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errnoOf(error) ?? '');
}

/** Whether they describe one file, with the same bytes. */
export function isSameVersion(one: Stats, other: Stats): boolean {
  return (
    one.ino === other.ino &&
    one.dev === other.dev &&
    one.size === other.size &&
    Math.abs(one.mtimeMs - other.mtimeMs) < 1e-3
  );
}

/** Whether the file at the path is the one that was seen, with the bytes that it had then. */
export async function isUnchanged(path: string, seen: Stats, calls: FileCalls): Promise<boolean> {
  const now = await calls.lstat(path);
  return now !== undefined && isSameVersion(now, seen);
}

function changed(): StorageError {
  return new StorageError('changed', 'Another version of the file is there by now.');
}

/**
 * A file or link, which others may replace or move at the same time, under a new name that must be free, else EEXIST.
 * Where another process has taken it first, it is theirs: ENOENT, and the new name is given up again.
 */
export async function moveOntoNothing(
  from: DirectoryRef,
  fromName: string,
  to: DirectoryRef,
  toName: string,
): Promise<void> {
  const calls = from.calls.inPlace ? to.calls : IN_THREADS;
  if (await renameOntoNothing(from.path(fromName), to.path(toName), calls)) return;
  const version = await to.calls.lstat(to.path(toName));
  if (version === undefined) throw notFound();
  try {
    await unlinkVersion(from, fromName, version);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') await unlinkVersion(to, toName, version).catch(() => undefined);
    throw error;
  }
}

/**
 * Takes its name from the file that `version` describes, but never from a newer one that was put there since: that one
 * was acknowledged to somebody. The name is taken aside in one step and looked at there. Rejects with ENOENT where
 * nothing has the name any more.
 */
export async function unlinkVersion(directory: DirectoryRef, name: string, version: Stats): Promise<void> {
  const aside = newPartName();
  const { calls } = directory;
  await calls.rename(directory.path(name), directory.path(aside));
  const taken = await calls.lstat(directory.path(aside));
  if (taken === undefined) throw notFound();
  if (taken.ino !== version.ino || taken.dev !== version.dev) {
    // Back with it, unless something newer still is there by now.
    if (await putBack(directory.path(aside), directory.path(name), calls)) return;
  }
  await (freesInPlace(taken.size) ? calls : IN_THREADS).unlink(directory.path(aside));
}

/** Returns whether the name that it was put aside under is gone already. */
async function putBack(aside: string, name: string, calls: FileCalls): Promise<boolean> {
  try {
    return await renameOntoNothing(aside, name, calls);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}
