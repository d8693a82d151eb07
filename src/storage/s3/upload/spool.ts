import { constants } from 'node:fs';
import { open, unlink, type FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { StorageError } from '../../object-store.ts';
import { ExtentSet, type Extent } from '../../flow/extents.ts';
import { newSpoolPath, prepareSpoolDirectory } from './spool-directory.ts';

const READ_BYTES = 256 * 1024;
const ZEROS = Buffer.alloc(1024 ** 2);

export interface SpoolOptions {
  /** A directory of our own user's, no symbolic link: made if missing; its mode becomes 0700. */
  readonly directory: string;
  /** Bytes that all spool files of the store may hold together. */
  readonly maxBytes: number;
}

/** The local disk space for what can be neither sent yet nor held in memory. */
export class SpoolSpace {
  readonly #options: SpoolOptions;
  #used = 0;
  #open = 0;

  private constructor(options: SpoolOptions) {
    this.#options = options;
  }

  /** Throws StorageError where the directory cannot be used. */
  static async open(options: SpoolOptions): Promise<SpoolSpace> {
    await prepareSpoolDirectory(options.directory);
    return new SpoolSpace(options);
  }

  /** Bytes held by all files. */
  get used(): number {
    return this.#used;
  }

  /** Files that are open. */
  get openFiles(): number {
    return this.#open;
  }

  /** Throws 'no-space'. */
  reserve(bytes: number): void {
    if (this.#used + bytes > this.#options.maxBytes) {
      throw new StorageError('no-space', 'The server has no room left for files that are not written in order.', {
        detail: `spool: ${this.#used} of ${this.#options.maxBytes} bytes used`,
      });
    }
    this.#used += bytes;
  }

  release(bytes: number): void {
    this.#used -= bytes;
  }

  /**
   * A new sparse file. Its name is removed at once: whatever way this process ends, the system frees the space.
   */
  async create(): Promise<SpoolFile> {
    const path = newSpoolPath(this.#options.directory);
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    await unlink(path).catch(() => undefined);
    this.#open += 1;
    return new SpoolFile(handle, this, () => {
      this.#open -= 1;
    });
  }
}

/** A sparse file: bytes at the offsets that they have in the file being written. */
export class SpoolFile {
  readonly #handle: FileHandle;
  readonly #space: SpoolSpace;
  readonly #onClose: () => void;
  /** What is in the file and wanted. */
  readonly #extents = new ExtentSet();
  /** What takes room on the disk: a file system frees no single stretch for Node, only the whole. */
  #allocated = new ExtentSet();
  #bytes = 0;
  #closed = false;

  constructor(handle: FileHandle, space: SpoolSpace, onClose: () => void) {
    this.#handle = handle;
    this.#space = space;
    this.#onClose = onClose;
  }

  get empty(): boolean {
    return this.#extents.empty;
  }

  /** Throws 'no-space'. */
  async write(offset: number, chunk: Buffer): Promise<void> {
    const end = offset + chunk.length;
    const fresh = this.#allocated.gaps(offset, end).reduce((sum, gap) => sum + gap.to - gap.from, 0);
    this.#space.reserve(fresh);
    this.#bytes += fresh;
    this.#allocated.add(offset, end);
    let done = 0;
    while (done < chunk.length) {
      const { bytesWritten } = await this.#handle.write(chunk, done, chunk.length - done, offset + done);
      done += bytesWritten;
    }
    this.#extents.add(offset, end);
  }

  /** Fills `into` with the bytes from `offset`, all of which must have been written. */
  async read(offset: number, into: Buffer): Promise<void> {
    let done = 0;
    while (done < into.length) {
      const { bytesRead } = await this.#handle.read(into, done, into.length - done, offset + done);
      if (bytesRead === 0) {
        throw new StorageError('failure', 'The file could not be put together.', { detail: 'spool: short read' });
      }
      done += bytesRead;
    }
  }

  /** Writes zeros over bytes that may have been written. */
  async zero(from: number, to: number): Promise<void> {
    for (const run of this.#allocated.within(from, to)) {
      for (let at = run.from; at < run.to; at += ZEROS.length) {
        await this.write(at, ZEROS.subarray(0, Math.min(ZEROS.length, run.to - at)));
      }
    }
  }

  /** The first `length` bytes, with zeros where nothing was written; the stream leaves the file open. */
  stream(length: number): Readable {
    const from = async function* (handle: FileHandle): AsyncGenerator<Buffer> {
      for (let at = 0; at < length;) {
        const step = Buffer.alloc(Math.min(READ_BYTES, length - at));
        const { bytesRead } = await handle.read(step, 0, step.length, at);
        // Behind the last byte that was written come the zeros that the buffer has.
        const taken = bytesRead === 0 ? step.length : bytesRead;
        at += taken;
        yield step.subarray(0, taken);
      }
    };
    return Readable.from(from(this.#handle), { objectMode: false, highWaterMark: READ_BYTES });
  }

  /** Forgets bytes, since they are elsewhere now or no longer wanted. */
  async discard(from: number, to: number): Promise<void> {
    if (this.#extents.remove(from, to) === 0 || !this.#extents.empty) return;
    await this.#handle.truncate(0);
    this.#space.release(this.#bytes);
    this.#bytes = 0;
    this.#allocated = new ExtentSet();
  }

  within(from: number, to: number): Extent[] {
    return this.#extents.within(from, to);
  }

  endOfRun(from: number): number {
    return this.#extents.endOfRun(from);
  }

  async sync(): Promise<void> {
    await this.#handle.datasync();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#space.release(this.#bytes);
    this.#bytes = 0;
    this.#onClose();
    await this.#handle.close();
  }
}
