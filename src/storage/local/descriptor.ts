import fs from 'node:fs';
import type { Stats } from 'node:fs';
import { promisify } from 'node:util';

/**
 * System calls on a raw descriptor, as promises. `FileHandle` does the same with more objects for each call, and
 * closes itself when it is collected; here every descriptor has one owner that closes it.
 */
export const openDescriptor: (path: string, flags: number, mode?: number) => Promise<number> = promisify(fs.open);
export const closeDescriptor: (fd: number) => Promise<void> = promisify(fs.close);
export const statDescriptor: (fd: number) => Promise<Stats> = promisify(fs.fstat);
export const syncDescriptor: (fd: number) => Promise<void> = promisify(fs.fsync);
export const truncateDescriptor: (fd: number, size: number) => Promise<void> = promisify(fs.ftruncate);
export const chmodDescriptor: (fd: number, mode: number) => Promise<void> = promisify(fs.fchmod);
export const chownDescriptor: (fd: number, uid: number, gid: number) => Promise<void> = promisify(fs.fchown);
export const utimesDescriptor: (fd: number, atime: number, mtime: number) => Promise<void> = promisify(fs.futimes);

/** pread(2): the number of bytes read into `buffer`, 0 at the end of the file. */
export function readDescriptor(
  fd: number,
  buffer: Buffer,
  start: number,
  length: number,
  position: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, buffer, start, length, position, (error, bytesRead) => {
      if (error === null) resolve(bytesRead);
      else reject(error);
    });
  });
}

/** Fills `buffer` from `position`; resolves to fewer bytes than its length only where the file ends. */
export async function readFully(fd: number, buffer: Buffer, position: number): Promise<number> {
  let filled = 0;
  while (filled < buffer.length) {
    const bytesRead = await readDescriptor(fd, buffer, filled, buffer.length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

/** pwritev(2) until every byte is written: a write that stops short is continued, so that its reason comes out. */
export async function writeFully(fd: number, chunks: readonly Buffer[], position: number): Promise<void> {
  let rest = chunks;
  let at = position;
  for (;;) {
    const left = byteLength(rest);
    if (left === 0) return;
    const written = await writeSome(fd, rest, at);
    if (written === left) return;
    at += written;
    rest = withoutFirst(rest, written);
  }
}

/** As `writeFully`, in place. */
export function writeInPlace(fd: number, chunks: readonly Buffer[], position: number): void {
  let at = position;
  for (const chunk of chunks) {
    for (let done = 0; done < chunk.length;) done += fs.writeSync(fd, chunk, done, chunk.length - done, at + done);
    at += chunk.length;
  }
}

/** As `readFully`, in place. */
export function readInPlace(fd: number, buffer: Buffer, position: number): number {
  let filled = 0;
  while (filled < buffer.length) {
    const bytesRead = fs.readSync(fd, buffer, filled, buffer.length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

export function byteLength(chunks: readonly Buffer[]): number {
  let total = 0;
  for (const chunk of chunks) total += chunk.length;
  return total;
}

function writeSome(fd: number, chunks: readonly Buffer[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const done = (error: NodeJS.ErrnoException | null, written: number) => {
      if (error === null) resolve(written);
      else reject(error);
    };
    const [only] = chunks;
    if (chunks.length === 1 && only !== undefined) fs.write(fd, only, 0, only.length, position, done);
    else fs.writev(fd, chunks as Buffer[], position, done);
  });
}

function withoutFirst(chunks: readonly Buffer[], bytes: number): Buffer[] {
  const rest: Buffer[] = [];
  let skip = bytes;
  for (const chunk of chunks) {
    if (skip >= chunk.length) skip -= chunk.length;
    else {
      rest.push(chunk.subarray(skip));
      skip = 0;
    }
  }
  return rest;
}
