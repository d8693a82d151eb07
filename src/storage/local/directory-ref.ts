import { closeSync, constants, fstatSync, openSync, readlinkSync } from 'node:fs';
import { lstat, realpath } from 'node:fs/promises';
import { closeDescriptor, openDescriptor } from './descriptor.ts';
import { IN_THREADS, type FileCalls } from './file-calls.ts';

/** O_PATH of Linux, which node:fs does not name: a descriptor that only says where, without a right to read. */
const O_PATH = 0o10000000;

/**
 * A directory held fast. Names under it are reached through the descriptor, as openat(2) does, so that nobody who
 * renames a directory or puts a symbolic link in its place between a check and its use can lead us elsewhere.
 */
export interface DirectoryRef {
  /** Where the directory was when it was pinned: absolute, without symbolic links. */
  readonly realPath: string;
  /**
   * The kernel has its attributes and those of what was just looked up in it in memory (`FileSystemKind`): calls that only
   * need those are made in place.
   */
  readonly near: boolean;
  /** How all other calls are made on what is in it. */
  readonly calls: FileCalls;
  /** A path to `name` in the directory; '.' is the directory itself. Good until `release`. */
  path(name: string): string;
  /** A directory in it, pinned as well. Throws ENOTDIR or ELOOP for a symbolic link, wherever that leads. */
  child(name: string): Promise<DirectoryRef>;
  release(): void;
}

export type PinDirectory = (path: string) => Promise<DirectoryRef>;

/** Through /proc/self/fd: Linux. Closing an O_PATH descriptor never waits for a disk, so it is done in place. */
export const pinByDescriptor: PinDirectory = async (path) =>
  refOf(await openDescriptor(path, O_PATH | constants.O_DIRECTORY));

/**
 * As `pinByDescriptor`, in place: for a directory that a thread has looked up just now. Undefined where a link leads
 * elsewhere, or where it is not on `device`, the near one, on which `calls` are made.
 */
export function pinInPlace(path: string, device: number, calls: FileCalls): DirectoryRef | undefined {
  const fd = openSync(path, O_PATH | constants.O_DIRECTORY);
  const ref = refOf(fd, calls);
  let found = false;
  try {
    found = ref.realPath === path && fstatSync(fd).dev === device;
  } finally {
    if (!found) ref.release();
  }
  return found ? ref : undefined;
}

/** `near`: how calls are made there, where it is near. */
function refOf(fd: number, near?: FileCalls): DirectoryRef {
  let open = true;
  const release = () => {
    if (open) closeSync(fd);
    open = false;
  };
  try {
    const realPath = readlinkSync(`/proc/self/fd/${fd}`);
    const path = (name: string) => `/proc/self/fd/${fd}/${name}`;
    const child = async (name: string) =>
      refOf(await openDescriptor(path(name), O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW));
    return { realPath, near: near !== undefined, calls: near ?? IN_THREADS, path, child, release };
  } catch (error) {
    release();
    throw error;
  }
}

/**
 * By its real path, where there is no /proc: the path is checked in the same way, but a directory that another process
 * of this machine exchanges right after the check is not noticed. SFTP clients cannot hit that moment by links, since
 * what they make is checked when it is followed.
 */
export const pinByPath: PinDirectory = async (path) => {
  const realPath = await realpath(path);
  const prefix = realPath === '/' ? '' : realPath;
  const pathOf = (name: string) => `${prefix}/${name}`;
  // realpath of a file succeeds; as a directory it must not.
  await realpath(pathOf('.'));
  const child = async (name: string) => {
    if ((await lstat(pathOf(name))).isSymbolicLink()) {
      throw Object.assign(new Error('ELOOP: a symbolic link'), { code: 'ELOOP' });
    }
    return pinByPath(pathOf(name));
  };
  return { realPath, near: false, calls: IN_THREADS, path: pathOf, child, release: () => undefined };
};

/** Whether descriptors can be reached as paths here. */
export async function descriptorsWork(): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  try {
    const ref = await pinByDescriptor('/');
    try {
      return ref.realPath === '/' && (await lstat(ref.path('proc'))).isDirectory();
    } finally {
      ref.release();
    }
  } catch {
    return false;
  }
}

/** A file or directory held fast by a path that means this very inode; a symbolic link is not followed. */
export async function pinEntry(
  path: string,
  byDescriptor: boolean,
): Promise<{ path: string; release(): Promise<void> }> {
  if (!byDescriptor) return { path, release: () => Promise.resolve() };
  const fd = await openDescriptor(path, O_PATH | constants.O_NOFOLLOW);
  return { path: `/proc/self/fd/${fd}`, release: () => closeDescriptor(fd) };
}
