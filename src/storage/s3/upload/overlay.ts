import { StorageError } from '../../object-store.ts';
import { MAX_OBJECT_BYTES, MIN_PART_BYTES, type CleanRun } from './part-plan.ts';
import type { SpoolFile, SpoolSpace } from './spool.ts';
import type { BaseObject } from './base-object.ts';
import type { BaseReader } from './base-object.ts';

/**
 * A file as changes over a stored object: what was written lies in the spool, the rest is the object's, and what neither
 * has is zero.
 */
export class Overlay {
  #base: BaseObject | undefined;
  #changed = false;
  readonly #readBase: BaseReader;
  readonly #space: SpoolSpace | undefined;
  #spool: SpoolFile | undefined;
  #size: number;
  /** The base's bytes at and after this offset are cut off. */
  #baseEnd: number;

  /** `state` for changes that were collected elsewhere; the spool file stays its owner's. */
  constructor(
    base: BaseObject | undefined,
    readBase: BaseReader,
    space: SpoolSpace | undefined,
    state?: { readonly spool: SpoolFile | undefined; readonly baseEnd: number; readonly size: number },
  ) {
    this.#base = base;
    this.#readBase = readBase;
    this.#space = space;
    this.#spool = state?.spool;
    this.#baseEnd = state?.baseEnd ?? base?.size ?? 0;
    this.#size = state?.size ?? this.#baseEnd;
    this.#changed = state !== undefined;
  }

  get size(): number {
    return this.#size;
  }

  /** The stored object that bytes are still taken from. */
  get base(): BaseObject | undefined {
    return this.#base;
  }

  /** The base has another name or other metadata by now, and the same bytes. */
  rebase(base: BaseObject): void {
    if (this.#base !== undefined) this.#base = base;
  }

  /** True if nothing was written or cut off. */
  get unchanged(): boolean {
    return !this.#changed;
  }

  /** Throws 'no-space', or 'unsupported' where no spool is configured. */
  async write(offset: number, chunks: readonly Buffer[]): Promise<void> {
    let position = offset;
    for (const chunk of chunks) {
      if (chunk.length === 0) continue;
      if (position + chunk.length > MAX_OBJECT_BYTES) throw tooLarge();
      const spool = await this.#change();
      await spool.write(position, chunk);
      position += chunk.length;
      this.#size = Math.max(this.#size, position);
    }
  }

  async truncate(size: number): Promise<void> {
    if (size > MAX_OBJECT_BYTES) throw tooLarge();
    if (size === this.#size) return;
    if (size > 0 && this.#space !== undefined) await this.#change();
    this.#changed = true;
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

  /** How many bytes are zero since neither the base nor a write has them. */
  get holes(): number {
    const written = this.#spool?.within(this.#baseEnd, this.#size) ?? [];
    return written.reduce((holes, { from, to }) => holes - (to - from), this.#size - this.#baseEnd);
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

  /** Takes the bytes of a base that is about to go, where it is small and nothing was changed yet. */
  async keepBase(): Promise<void> {
    if (this.#changed || this.#base === undefined || this.#base.size >= MIN_PART_BYTES) return;
    await this.#takeBase(this.#spool ?? (await this.#space?.create()));
  }

  /** Before the first change. */
  async #change(): Promise<SpoolFile> {
    const spool = await this.#takeBase(this.#spool ?? (await this.#space?.create()));
    if (spool === undefined) {
      throw new StorageError('unsupported', 'This server takes files on this path only in order.');
    }
    this.#changed = true;
    return spool;
  }

  /**
   * A base that is too small to be copied as a part is needed whole in any case: taken before the first change, it stays
   * what it was even if another writer replaces it before this one is closed.
   */
  async #takeBase(spool: SpoolFile | undefined): Promise<SpoolFile | undefined> {
    this.#spool ??= spool;
    if (spool === undefined || this.#changed || this.#base === undefined) return spool;
    if (this.#base.size >= MIN_PART_BYTES) return spool;
    const bytes = Buffer.allocUnsafe(this.#base.size);
    await this.#readBase(this.#base, 0, bytes);
    if (bytes.length > 0) await spool.write(0, bytes);
    this.#base = undefined;
    this.#baseEnd = 0;
    return spool;
  }

  async #readBelow(offset: number, into: Buffer): Promise<void> {
    const fromBase = Math.max(0, Math.min(this.#baseEnd - offset, into.length));
    if (fromBase > 0 && this.#base !== undefined) await this.#readBase(this.#base, offset, into.subarray(0, fromBase));
    into.fill(0, fromBase);
  }
}

function tooLarge(): StorageError {
  return new StorageError('too-large', 'The file is larger than the storage accepts.');
}
