import { StorageError } from '../object-store.ts';
import { ExtentSet } from '../flow/extents.ts';

/** How far a file that is being written reaches, as the calls so far leave it, in flight or not. Bytes. */
export class UploadExtent {
  readonly #maxSparseBytes: number;
  #size: number;
  /** Bytes that were left out, and holes that the old file has as far as it was copied. */
  #holes = 0;
  /** What the file kept or a write has reached: for where it ends if the client does not close it. */
  readonly #reached = new ExtentSet();

  /** `kept`: of the file that was there. `maxSparseBytes`: what the file may have of holes. */
  constructor(kept: number, maxSparseBytes: number) {
    this.#size = kept;
    this.#maxSparseBytes = maxSparseBytes;
    this.#reached.add(0, kept);
  }

  get size(): number {
    return this.#size;
  }

  /** Where the first gap begins. What lies behind it would make the file look longer to a client that resumes. */
  get firstGap(): number {
    return this.#reached.endOfRun(0);
  }

  /** Throws StorageError 'too-large', and then nothing has changed. */
  write(start: number, end: number): void {
    checkSize(end);
    this.#leaveOut(start - this.#size);
    this.#size = Math.max(this.#size, end);
    this.#reach(start, end);
  }

  /** Throws StorageError 'too-large', and then nothing has changed. */
  truncate(size: number): void {
    checkSize(size);
    this.#leaveOut(size - this.#size);
    this.#size = size;
    this.#reached.remove(size, Number.MAX_SAFE_INTEGER);
  }

  /** The file is a copy of so many bytes. */
  copied(size: number): void {
    this.#size = size;
  }

  /** Holes that were copied. Throws StorageError 'too-large' where there are too many now. */
  addHoles(bytes: number): void {
    this.#holes += bytes;
    if (this.#holes > this.#maxSparseBytes) throw tooSparse();
  }

  /** Everybody sees all of it. */
  reachedAll(): void {
    this.#reach(0, this.#size);
  }

  /** The file grows by so many bytes that nobody writes. */
  #leaveOut(bytes: number): void {
    if (bytes <= 0) return;
    if (this.#holes + bytes > this.#maxSparseBytes) throw tooSparse();
    this.#holes += bytes;
  }

  #reach(from: number, to: number): void {
    try {
      this.#reached.add(from, to);
    } catch {
      // In too many pieces to remember: taken for a gap, which only matters if the client never closes the file.
    }
  }
}

function checkSize(size: number): void {
  if (!Number.isSafeInteger(size) || size < 0) throw new StorageError('too-large', 'The file would be too large');
}

function tooSparse(): StorageError {
  return new StorageError('too-large', 'The file would have larger holes than are allowed');
}
