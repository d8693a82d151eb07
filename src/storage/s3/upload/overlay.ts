import { StorageError } from '../../object-store.ts';
import { MAX_OBJECT_BYTES, type CleanRun } from './part-plan.ts';
import type { BaseObject } from './multipart.ts';
import type { SpoolFile, SpoolSpace } from './spool.ts';

/** Reads bytes of a base object, pinned to its ETag. */
export type BaseReader = (base: BaseObject, from: number, into: Buffer) => Promise<void>;

/**
 * A file as changes over a stored object: what was written lies in the spool, the rest is the object's, and what neither
 * has is zero.
 */
export class Overlay {
  readonly base: BaseObject | undefined;
  readonly #readBase: BaseReader;
  readonly #space: SpoolSpace | undefined;
  #spool: SpoolFile | undefined;
  #size: number;
  /** The base's bytes at and after this offset are cut off. */
  #baseEnd: number;

  constructor(base: BaseObject | undefined, readBase: BaseReader, space: SpoolSpace | undefined, spool?: SpoolFile) {
    this.base = base;
    this.#readBase = readBase;
    this.#space = space;
    this.#spool = spool;
    this.#baseEnd = base?.size ?? 0;
    this.#size = this.#baseEnd;
  }

  get size(): number {
    return this.#size;
  }

  /** True if nothing differs from the base. */
  get unchanged(): boolean {
    return (
      this.base !== undefined &&
      this.#size === this.base.size &&
      this.#baseEnd === this.base.size &&
      (this.#spool?.empty ?? true)
    );
  }

  /** Throws 'no-space', or 'unsupported' where no spool is configured. */
  async write(offset: number, chunks: readonly Buffer[]): Promise<void> {
    let position = offset;
    for (const chunk of chunks) {
      if (chunk.length === 0) continue;
      if (position + chunk.length > MAX_OBJECT_BYTES) throw tooLarge();
      this.#spool ??= await this.#space?.create();
      if (this.#spool === undefined) {
        throw new StorageError('unsupported', 'This server takes files on this path only in order.');
      }
      await this.#spool.write(position, chunk);
      position += chunk.length;
      this.#size = Math.max(this.#size, position);
    }
  }

  async truncate(size: number): Promise<void> {
    if (size > MAX_OBJECT_BYTES) throw tooLarge();
    this.#baseEnd = Math.min(this.#baseEnd, size);
    await this.#spool?.discard(size, Number.MAX_SAFE_INTEGER);
    this.#size = size;
  }

  /** Fills `into` from `offset`; the range must be inside the file. */
  async read(offset: number, into: Buffer): Promise<void> {
    const end = offset + into.length;
    let position = offset;
    for (const { from, to } of this.#spool?.within(offset, end) ?? []) {
      await this.#readBelow(position, into.subarray(position - offset, from - offset));
      await this.#spool?.read(from, into.subarray(from - offset, to - offset));
      position = to;
    }
    await this.#readBelow(position, into.subarray(position - offset));
  }

  /** The first offset that neither the base nor a write has reached. */
  contiguousEnd(): number {
    let end = this.#baseEnd;
    // Writes may begin inside the base and go on behind it.
    if (this.#spool !== undefined) end = Math.max(end, this.#spool.endOfRun(end));
    return Math.min(end, this.#size);
  }

  /** The stretches that are the base's. */
  cleanRuns(): CleanRun[] {
    const runs: CleanRun[] = [];
    let position = 0;
    for (const { from, to } of this.#spool?.within(0, this.#baseEnd) ?? []) {
      if (from > position) runs.push({ from: position, to: from });
      position = to;
    }
    if (position < this.#baseEnd) runs.push({ from: position, to: this.#baseEnd });
    return runs;
  }

  async sync(): Promise<void> {
    await this.#spool?.sync();
  }

  async release(): Promise<void> {
    await this.#spool?.close();
    this.#spool = undefined;
  }

  async #readBelow(offset: number, into: Buffer): Promise<void> {
    const fromBase = Math.max(0, Math.min(this.#baseEnd - offset, into.length));
    if (fromBase > 0 && this.base !== undefined) await this.#readBase(this.base, offset, into.subarray(0, fromBase));
    into.fill(0, fromBase);
  }
}

function tooLarge(): StorageError {
  return new StorageError('too-large', 'The file is larger than the storage accepts.');
}
