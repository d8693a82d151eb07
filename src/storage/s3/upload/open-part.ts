import { ExtentSet } from '../../flow/extents.ts';
import type { PartBody } from '../api/send-body.ts';
import type { PartBuffer } from './part-buffers.ts';
import type { SpoolFile } from './spool.ts';

/** Bytes that are moved at a time between spool files. */
const STEP_BYTES = 1024 ** 2;

type PartStorage =
  | { readonly kind: 'memory'; memory: PartBuffer }
  /** A part that is too large for memory has a file of its own, so that its room on the disk is free once it is sent. */
  | { readonly kind: 'file'; readonly file: SpoolFile };

/** A part that is being filled: bytes `start` to `end` of the file. Positions are offsets in the file. */
export class OpenPart {
  readonly number: number;
  readonly start: number;
  readonly end: number;
  readonly #storage: PartStorage;
  readonly #filled = new ExtentSet();

  constructor(place: { readonly number: number; readonly start: number; readonly size: number }, storage: PartStorage) {
    this.number = place.number;
    this.start = place.start;
    this.end = place.start + place.size;
    this.#storage = storage;
  }

  get memoryBytes(): number {
    return this.#storage.kind === 'memory' ? this.#storage.memory.buffer.length : 0;
  }

  get isInMemory(): boolean {
    return this.#storage.kind === 'memory';
  }

  get isFull(): boolean {
    return this.endOfRun(this.start) >= this.end;
  }

  /** Where the last byte ends that was written; `start` if none was. */
  get reach(): number {
    return this.#filled.within(this.start, this.end).at(-1)?.to ?? this.start;
  }

  /** Bytes that were written. */
  get filledBytes(): number {
    return this.#filled.within(this.start, this.end).reduce((sum, { from, to }) => sum + to - from, 0);
  }

  /** Whether the part has its whole memory, not a starter's. */
  get isWhole(): boolean {
    return this.#storage.kind === 'memory' && this.#storage.memory.buffer.length >= this.end - this.start;
  }

  /** Whether bytes up to `position` have room now. */
  hasRoom(position: number): boolean {
    return this.#storage.kind === 'file' || position - this.start <= this.#storage.memory.buffer.length;
  }

  /** Goes on in larger memory. */
  move(larger: PartBuffer): void {
    if (this.#storage.kind !== 'memory') return;
    this.#storage.memory.buffer.copy(larger.buffer);
    this.#storage.memory.release();
    this.#storage.memory = larger;
  }

  async put(position: number, piece: Buffer): Promise<void> {
    if (this.#storage.kind === 'memory') {
      piece.copy(this.#storage.memory.buffer, position - this.start);
      this.#filled.add(position, position + piece.length);
      return;
    }
    await this.#storage.file.write(position - this.start, piece);
    this.#filled.add(position, position + piece.length);
  }

  /** Copies what was written from `offset` on to the same places of `into`; leaves the rest of it as it is. */
  async read(offset: number, into: Buffer): Promise<void> {
    for (const { from, to } of this.#filled.within(offset, offset + into.length)) {
      const piece = into.subarray(from - offset, to - offset);
      if (this.#storage.kind === 'file') await this.#storage.file.read(from - this.start, piece);
      else this.#storage.memory.buffer.copy(piece, 0, from - this.start, to - this.start);
    }
  }

  /** Takes bytes over that waited in the spool. */
  async load(spool: SpoolFile, from: number, to: number): Promise<void> {
    if (this.#storage.kind === 'memory') {
      await spool.read(from, this.#storage.memory.buffer.subarray(from - this.start, to - this.start));
      this.#filled.add(from, to);
      return;
    }
    for (let at = from; at < to; at += STEP_BYTES) {
      const step = Buffer.allocUnsafe(Math.min(STEP_BYTES, to - at));
      await spool.read(at, step);
      await this.put(at, step);
    }
  }

  /** Gives its bytes to the spool. Only in memory. Throws 'no-space'; then no byte is in two places. */
  async unload(spool: SpoolFile): Promise<void> {
    if (this.#storage.kind !== 'memory') return;
    try {
      for (const { from, to } of this.#filled.within(this.start, this.end)) {
        await spool.write(from, this.#storage.memory.buffer.subarray(from - this.start, to - this.start));
      }
    } catch (error) {
      // The older one could be taken for the newer one later.
      await spool.discard(this.start, this.end);
      throw error;
    }
  }

  /** Bytes at and after `position` are cut off. */
  cut(position: number): void {
    this.#filled.remove(position, Number.MAX_SAFE_INTEGER);
  }

  endOfRun(from: number): number {
    return this.#filled.endOfRun(from);
  }

  /** The bytes up to `end`, with zeros where nothing was written: a buffer holds what its last user left. */
  async body(end: number): Promise<PartBody> {
    const gaps = this.#filled.gaps(this.start, end);
    const length = end - this.start;
    if (this.#storage.kind === 'memory') {
      const { buffer } = this.#storage.memory;
      for (const gap of gaps) buffer.fill(0, gap.from - this.start, gap.to - this.start);
      return buffer.subarray(0, length);
    }
    const { file } = this.#storage;
    // What was cut off is still in the file; holes read as zeros by themselves.
    for (const gap of gaps) await file.zero(gap.from - this.start, gap.to - this.start);
    return { length, open: () => file.stream(length) };
  }

  /** Stores what a file part has on the disk. */
  async sync(): Promise<void> {
    if (this.#storage.kind === 'file') await this.#storage.file.sync();
  }

  /** Gives memory or disk space back. A file that cannot be closed is the system's to clean up. */
  async release(): Promise<void> {
    if (this.#storage.kind === 'memory') this.#storage.memory.release();
    else await this.#storage.file.close().catch(() => undefined);
  }
}
