import fs from 'node:fs';
import type { Stats } from 'node:fs';
import { access, link, lstat, mkdir, rename, rmdir, unlink } from 'node:fs/promises';
import {
  chmodDescriptor,
  chownDescriptor,
  closeDescriptor,
  openDescriptor,
  statDescriptor,
  syncDescriptor,
  utimesDescriptor,
} from './descriptor.ts';
import { errnoOf } from './errno.ts';
import { freesInPlace } from './file-system-type.ts';

/** System calls by path or descriptor, wherever they are made. */
export interface FileCalls {
  readonly inPlace: boolean;
  open(path: string, flags: number, mode?: number): Promise<number>;
  close(fd: number): Promise<void>;
  stat(fd: number): Promise<Stats>;
  /** Undefined where nothing is. */
  lstat(path: string): Promise<Stats | undefined>;
  /** The bytes of a file are safe; at once where there is no disk. */
  sync(fd: number): Promise<void>;
  chmod(fd: number, mode: number): Promise<void>;
  chown(fd: number, uid: number, gid: number): Promise<void>;
  utimes(fd: number, atime: number, mtime: number): Promise<void>;
  access(path: string, mode: number): Promise<void>;
  link(existing: string, path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  mkdir(path: string, mode: number): Promise<void>;
  rmdir(path: string): Promise<void>;
}

/** For file systems that may keep their caller waiting. */
export const IN_THREADS: FileCalls = {
  inPlace: false,
  open: openDescriptor,
  close: closeDescriptor,
  stat: statDescriptor,
  lstat: lstatOrUndefined,
  sync: syncDescriptor,
  chmod: chmodDescriptor,
  chown: chownDescriptor,
  utimes: utimesDescriptor,
  access,
  link,
  rename,
  unlink,
  mkdir: async (path, mode) => {
    await mkdir(path, { mode });
  },
  rmdir: async (path) => rmdir(path),
};

/** For a file system in memory (`FileSystemKind`). What frees a large file's memory is not made here. */
export const IN_PLACE: FileCalls = {
  inPlace: true,
  open: atOnce(fs.openSync),
  close: atOnce(fs.closeSync),
  stat: atOnce((fd: number) => fs.fstatSync(fd)),
  lstat: atOnce((path: string) => fs.lstatSync(path, { throwIfNoEntry: false })),
  sync: () => Promise.resolve(),
  chmod: atOnce(fs.fchmodSync),
  chown: atOnce(fs.fchownSync),
  utimes: atOnce(fs.futimesSync),
  access: atOnce(fs.accessSync),
  link: atOnce(fs.linkSync),
  rename: atOnce(fs.renameSync),
  unlink: atOnce(fs.unlinkSync),
  mkdir: atOnce((path: string, mode: number) => {
    fs.mkdirSync(path, { mode });
  }),
  rmdir: atOnce((path: string) => {
    fs.rmdirSync(path);
  }),
};

/** What the call throws rejects the promise. */
function atOnce<A extends unknown[], T>(call: (...args: A) => T): (...args: A) => Promise<T> {
  return (...args) =>
    new Promise((resolve) => {
      resolve(call(...args));
    });
}

/** How calls are made that end what has the name: the memory of a large file is given back by a thread. */
export async function callsThatEnd(path: string, calls: FileCalls): Promise<FileCalls> {
  if (!calls.inPlace) return calls;
  const there = await calls.lstat(path);
  return freesInPlace(there?.size ?? 0) ? calls : IN_THREADS;
}

export async function lstatOrUndefined(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
