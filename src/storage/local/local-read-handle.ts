import { fstatSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { StorageError } from '../object-store.ts';
import type { AttributeChange, Entry, ReadHandle } from '../object-store.ts';
import { readFully, readInPlace } from './descriptor.ts';
import { asStorageError, toStorageError } from './errno.ts';
import { IN_THREADS, type FileCalls } from './file-calls.ts';
import { freesInPlace, movesInPlace } from './file-system-type.ts';
import { applyToDescriptor } from './local-attributes.ts';
import { entryOf } from './local-entry.ts';
import type { LocalWriters } from './local-writers.ts';
import { ReadAhead } from './read-ahead.ts';

export interface LocalReadHandleOptions {
  /** The file system answers fstat(2) from memory: small reads are answered from a larger one (`ReadAhead`). */
  readonly near: boolean;
  /** How calls on the file are made. */
  readonly calls: FileCalls;
  /** Those that hear of it when attributes are set through the handle. */
  readonly writers: LocalWriters;
}

/**
 * Reads one version of a file: whoever replaces it makes a new one, and this descriptor keeps the old. Where somebody writes
 * into it, such as a log that grows, it is read as it is at the moment.
 */
export class LocalReadHandle implements ReadHandle {
  readonly #fd: number;
  readonly #near: boolean;
  readonly #calls: FileCalls;
  readonly #writers: LocalWriters;
  /** The end of the file when it was last looked at. Bytes. */
  #size: number;
  readonly #readAhead: ReadAhead | undefined;
  #open = true;
  #reading = 0;
  #idle: (() => void) | undefined;

  /** Owns the descriptor. */
  constructor(fd: number, stats: Stats, options: LocalReadHandleOptions) {
    this.#fd = fd;
    this.#near = options.near;
    this.#calls = options.calls;
    this.#writers = options.writers;
    this.#size = stats.size;
    this.#readAhead = options.near ? new ReadAhead(fd) : undefined;
  }

  stat(): Promise<Entry> {
    return this.#use(async () => entryOf(await this.#look()));
  }

  async read(offset: number, length: number): Promise<Buffer> {
    if (!this.#open) throw new StorageError('failure', 'The file is closed');
    if (!Number.isSafeInteger(offset + length) || offset < 0 || length <= 0) return Buffer.alloc(0);
    if (this.#endsAt(offset)) return Buffer.alloc(0);
    if (this.#calls.inPlace && movesInPlace(offset, Math.min(length, this.#size - offset))) {
      return this.#readInPlace(offset, length);
    }
    const ahead = this.#readAhead?.read(offset, length);
    if (Buffer.isBuffer(ahead)) return ahead;
    return this.#use(async () => {
      if (ahead !== undefined) {
        await ahead;
        const found = this.#readAhead?.readAgain(offset, length);
        if (found !== undefined) return found;
      }
      // Clients ask past the end: none of these reads shall cost a big buffer, and all see what was added meanwhile.
      if (offset + length > this.#size) await this.#look();
      const buffer = Buffer.allocUnsafeSlow(Math.max(0, Math.min(length, this.#size - offset)));
      return buffer.subarray(0, await readFully(this.#fd, buffer, offset));
    });
  }

  setAttributes(change: AttributeChange): Promise<void> {
    return this.#use(() =>
      this.#writers.whileSetting(
        () => this.#look(),
        () => applyToDescriptor(this.#fd, change, this.#calls),
      ),
    );
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
    // It may have been the last to have the file.
    await asStorageError(async () => {
      const size = this.#calls.inPlace ? fstatSync(this.#fd).size : this.#size;
      await (freesInPlace(size) ? this.#calls : IN_THREADS).close(this.#fd);
    });
  }

  #readInPlace(offset: number, length: number): Buffer {
    try {
      if (offset + length > this.#size) this.#size = fstatSync(this.#fd).size;
      const buffer = Buffer.allocUnsafeSlow(Math.max(0, Math.min(length, this.#size - offset)));
      return buffer.subarray(0, readInPlace(this.#fd, buffer, offset));
    } catch (error) {
      throw toStorageError(error);
    }
  }

  /** Keeps the descriptor open while `action` uses it. */
  async #use<T>(action: () => Promise<T>): Promise<T> {
    if (!this.#open) throw new StorageError('failure', 'The file is closed');
    this.#reading += 1;
    try {
      return await asStorageError(action);
    } finally {
      this.#reading -= 1;
      if (this.#reading === 0) this.#idle?.();
    }
  }

  async #look(): Promise<Stats> {
    const stats = this.#near ? fstatSync(this.#fd) : await this.#calls.stat(this.#fd);
    this.#size = stats.size;
    return stats;
  }

  /** Most downloads end with a read at the end of the file. */
  #endsAt(offset: number): boolean {
    return offset >= this.#size && this.#readAhead?.endsAt(offset) === true;
  }
}
