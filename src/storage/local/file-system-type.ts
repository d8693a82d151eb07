import { statfs } from 'node:fs/promises';

/**
 * Which calls are made in place, on the event loop, and which in a thread of the pool. The way to a thread and back costs
 * more than ten calls that need not wait; a call that waits keeps all sessions waiting. The type of the root's file system
 * decides, once, when the store is opened. What is mounted below the root has another device: there all calls are made in threads.
 *
 * 'memory', tmpfs and ramfs: no device is there to wait for. In place is all whose time does not grow with the file:
 * names, attributes, open, close, the first IN_PLACE_BYTES of a file's bytes, and what frees no more than
 * FREED_IN_PLACE_BYTES. Bytes further on are a large file's: threads copy those while the event loop encrypts. There is
 * nothing that fsync(2) could save. What lies in swap has to be read first, as the memory of any process.
 *
 * 'near', the common file systems of disks: in place are only looks at what is open, or was looked up by a thread just
 * now. Reads may wait for the disk whatever their length, and Node cannot ask for what is in memory only (RWF_NOWAIT). Create, rename, unlink,
 * and the close of what was written may wait for the journal, for as long as the fsync of another session takes. write(2)
 * waits where too many pages are dirty.
 *
 * 'far', all others: any call may wait for another machine or process. Overlays are among them, since one of their layers may.
 */
export type FileSystemKind = 'memory' | 'near' | 'far';

/** The magic numbers of statfs(2). */
const KINDS: ReadonlyMap<number, FileSystemKind> = new Map([
  [0x01021994, 'memory'], // tmpfs
  [0x858458f6, 'memory'], // ramfs
  [0xef53, 'near'], // ext2 to ext4
  [0x58465342, 'near'], // XFS
  [0x9123683e, 'near'], // Btrfs
  [0xf2f52010, 'near'], // F2FS
  [0x2fc12fc1, 'near'], // ZFS
  [0xca451a4e, 'near'], // bcachefs
]);

/** 'far' also where the file system does not tell. Never rejects. */
export async function fileSystemKind(path: string): Promise<FileSystemKind> {
  try {
    return KINDS.get((await statfs(path)).type >>> 0) ?? 'far';
  } catch {
    return 'far';
  }
}

/** Bytes from the start of a file that are read and written in place where its file system is memory. */
const IN_PLACE_BYTES = 256 * 1024;

/** What is freed in place there: 1,024 pages, which take less than a millisecond. A file of 1 GiB takes a hundred. */
const FREED_IN_PLACE_BYTES = 4 * 1024 * 1024;

/** Whether so few bytes, that near to the start of the file, are moved in place. */
export function movesInPlace(start: number, bytes: number): boolean {
  return start + bytes <= IN_PLACE_BYTES;
}

/** Whether what ends a file of this size, or its last descriptor, does so in place. */
export function freesInPlace(size: number): boolean {
  return size <= FREED_IN_PLACE_BYTES;
}
