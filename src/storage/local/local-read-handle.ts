import type { Stats } from 'node:fs';
import { StorageError } from '../object-store.ts';
import type { Entry, ReadHandle } from '../object-store.ts';
import { closeDescriptor, readFully } from './descriptor.ts';
import { asStorageError } from './errno.ts';
import { entryOf } from './local-entry.ts';
import { ReadAhead } from './read-ahead.ts';

/**
 * What is asked for at and past the known end, in bytes: clients send many reads past the end, and none of them
 * shall cost a big buffer. More than nothing, since another process may have made the file longer.
 */
const PROBE = 4096;

export interface LocalReadHandleOptions {
  /** The file system answers fstat(2) from memory: small reads are answered from a larger one (`ReadAhead`). */
  readonly near: boolean;
}

/** Reads one version of a file: whoever replaces it makes a new one, and this descriptor keeps the old. */
export class LocalReadHandle implements ReadHandle {
  readonly #fd: number;
  readonly #stats: Stats;
  readonly #readAhead: ReadAhead | undefined;
  #open = true;
  #reading = 0;
  #idle: (() => void) | undefined;

  /** Owns the descriptor. */
  constructor(fd: number, stats: Stats, options: LocalReadHandleOptions) {
    this.#fd = fd;
    this.#stats = stats;
    this.#readAhead = options.near ? new ReadAhead(fd) : undefined;
  }

  stat(): Promise<Entry> {
    return Promise.resolve(entryOf(this.#stats));
  }

  async read(offset: number, length: number): Promise<Buffer> {
    if (!this.#open) throw new StorageError('failure', 'The file is closed');
    const bytes = readLength(this.#stats.size, offset, length);
    if (bytes === 0 || this.#endsAt(offset)) return Buffer.alloc(0);
    const ahead = this.#readAhead?.read(offset, bytes);
    if (Buffer.isBuffer(ahead)) return ahead;
    this.#reading += 1;
    try {
      if (ahead !== undefined) {
        await ahead;
        const found = this.#readAhead?.readAgain(offset, bytes);
        if (found !== undefined) return found;
      }
      const buffer = Buffer.allocUnsafeSlow(bytes);
      return await asStorageError(async () => buffer.subarray(0, await readFully(this.#fd, buffer, offset)));
    } finally {
      this.#reading -= 1;
      if (this.#reading === 0) this.#idle?.();
    }
  }

  async close(): Promise<void> {
    if (!this.#open) throw new StorageError('failure', 'The file is closed');
    this.#open = false;
    // A closed descriptor's number is given to the next file at once: a read in flight would read that.
    if (this.#reading > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    await asStorageError(() => closeDescriptor(this.#fd));
  }

  /** Most downloads end with a read at the end of the file. */
  #endsAt(offset: number): boolean {
    return offset >= this.#stats.size && this.#readAhead?.endsAt(offset) === true;
  }
}

function readLength(size: number, offset: number, length: number): number {
  if (!Number.isSafeInteger(offset + length) || offset < 0 || length < 0) return 0;
  return Math.min(length, offset < size ? size - offset : PROBE);
}
