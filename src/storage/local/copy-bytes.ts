import fs from 'node:fs';
import { promisify } from 'node:util';
import { StorageError } from '../object-store.ts';
import { chmodDescriptor, readFully, statDescriptor, truncateDescriptor, writeFully } from './descriptor.ts';
import { CLONE_FROM_BYTES, COPY_ANYWAY_BYTES, COPY_STEP_BYTES } from './limits.ts';

const copyFile = promisify(fs.copyFile);

const ZEROS = Buffer.alloc(COPY_STEP_BYTES);

/** st_blocks counts in these, whatever the file system's own blocks are (stat(2)). */
const STAT_BLOCK_BYTES = 512;

/** Whether files can be cloned (copy on write, as on Btrfs and XFS) is found out once a store. */
export class FileCopier {
  #clones: boolean;
  readonly #maxSparseBytes: number;

  constructor(descriptorsWork: boolean, maxSparseBytes = Infinity) {
    this.#clones = descriptorsWork;
    this.#maxSparseBytes = maxSparseBytes;
  }

  /**
   * Copies the first `size` bytes of one descriptor into another that is empty; what is all zeros becomes a hole. Resolves
   * to the bytes of holes that the source has, about. Rejects with StorageError 'too-large' where these are more than
   * `maxSparseBytes`, and with the reason of `signal` where that fires before COPY_ANYWAY_BYTES were enough.
   */
  async copy(from: number, to: number, size: number, whole: boolean, signal?: AbortSignal): Promise<number> {
    if (this.#clones && whole && size >= CLONE_FROM_BYTES && (await this.#clone(from, to))) return 0;
    const allocated = (await statDescriptor(from)).blocks * STAT_BLOCK_BYTES;
    const buffer = Buffer.allocUnsafeSlow(Math.min(COPY_STEP_BYTES, size));
    let position = 0;
    let zeros = 0;
    // Zeros that are on the disk are data that their user has paid for.
    const holes = (): number => Math.max(0, zeros - Math.max(0, allocated - (position - zeros)));
    while (position < size) {
      if (position >= COPY_ANYWAY_BYTES) signal?.throwIfAborted();
      const piece = buffer.subarray(0, Math.min(COPY_STEP_BYTES, size - position));
      const filled = await readFully(from, piece, position);
      if (filled === 0) break;
      const bytes = piece.subarray(0, filled);
      if (bytes.equals(ZEROS.subarray(0, filled))) zeros += filled;
      else await writeFully(to, [bytes], position);
      position += filled;
      if (holes() > this.#maxSparseBytes) {
        throw new StorageError('too-large', 'The file has larger holes than may be copied');
      }
    }
    await truncateDescriptor(to, position);
    return holes();
  }

  async #clone(from: number, to: number): Promise<boolean> {
    const { mode } = await statDescriptor(to);
    try {
      await copyFile(`/proc/self/fd/${from}`, `/proc/self/fd/${to}`, fs.constants.COPYFILE_FICLONE_FORCE);
      return true;
    } catch {
      this.#clones = false;
      return false;
    } finally {
      // libuv gives the copy the mode of its source.
      await chmodDescriptor(to, mode & 0o7777);
    }
  }
}
