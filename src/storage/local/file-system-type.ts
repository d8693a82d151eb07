import { statfs } from 'node:fs/promises';

/** The magic numbers of statfs(2) of file systems whose open files have their attributes in the kernel's memory. */
const NEAR = new Set([
  0xef53, // ext2 to ext4
  0x58465342, // XFS
  0x9123683e, // Btrfs
  0x01021994, // tmpfs
  0x858458f6, // ramfs
  0xf2f52010, // F2FS
  0x2fc12fc1, // ZFS
  0xca451a4e, // bcachefs
]);

/** Whether fstat(2) there never waits for another machine or process. Overlays and all unknown ones may. */
export async function answersFromMemory(path: string): Promise<boolean> {
  try {
    return NEAR.has((await statfs(path)).type >>> 0);
  } catch {
    return false;
  }
}
