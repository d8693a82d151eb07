import fs from 'node:fs';
import { promisify } from 'node:util';
import { chmodDescriptor, readFully, statDescriptor, truncateDescriptor, writeFully } from './descriptor.ts';

const copyFile = promisify(fs.copyFile);

/**
 * One step of a copy: long enough that the threads' hand-over does not count, short enough that other transfers get
 * their turn on the four threads of the pool. (`fs.copyFile` would keep one for the whole file.)
 */
const STEP = 1 << 20;
const ZEROS = Buffer.alloc(STEP);

/** Below this a clone gains nothing. */
const CLONE_FROM = 1 << 20;

/** Whether files can be cloned (copy on write, as on Btrfs and XFS) is found out once a store. */
export class FileCopier {
  #clones: boolean;

  constructor(descriptorsWork: boolean) {
    this.#clones = descriptorsWork;
  }

  /** Copies the first `size` bytes of one descriptor into another that is empty. Holes stay holes, about. */
  async copy(from: number, to: number, size: number, whole: boolean): Promise<void> {
    if (this.#clones && whole && size >= CLONE_FROM && (await this.#clone(from, to))) return;
    const buffer = Buffer.allocUnsafeSlow(Math.min(STEP, size));
    let position = 0;
    while (position < size) {
      const piece = buffer.subarray(0, Math.min(STEP, size - position));
      const filled = await readFully(from, piece, position);
      if (filled === 0) break;
      const bytes = piece.subarray(0, filled);
      if (!bytes.equals(ZEROS.subarray(0, filled))) await writeFully(to, [bytes], position);
      position += filled;
    }
    await truncateDescriptor(to, position);
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
