import type { MemoryBudget, MemoryLease } from '../../flow/memory-budget.ts';

/** Bytes of a block: random reads of a mounted file system are near each other. */
const BLOCK_BYTES = 256 * 1024;
/** Blocks of one open file. */
const MAX_BLOCKS = 8;

interface Block {
  readonly bytes: Promise<Buffer>;
  readonly lease: MemoryLease;
}

/** The blocks that random reads of a file have touched last. */
export class BlockCache {
  readonly #size: number;
  readonly #budget: MemoryBudget;
  readonly #fetch: (from: number, into: Buffer) => Promise<void>;
  readonly #blocks = new Map<number, Block>();

  constructor(size: number, budget: MemoryBudget, fetch: (from: number, into: Buffer) => Promise<void>) {
    this.#size = size;
    this.#budget = budget;
    this.#fetch = fetch;
  }

  /** Bytes of their own, never a part of a block. Long reads go past the cache. */
  async read(from: number, to: number): Promise<Buffer> {
    const into = Buffer.allocUnsafe(to - from);
    if (to - from >= BLOCK_BYTES) {
      await this.#fetch(from, into);
      return into;
    }
    const first = Math.floor(from / BLOCK_BYTES);
    const last = Math.floor((to - 1) / BLOCK_BYTES);
    for (let index = first; index <= last; index += 1) {
      const start = index * BLOCK_BYTES;
      const low = Math.max(from, start);
      const high = Math.min(to, start + BLOCK_BYTES);
      const block = this.#block(index);
      if (block === undefined) await this.#fetch(low, into.subarray(low - from, high - from));
      else (await block.bytes).copy(into, low - from, low - start, high - start);
    }
    return into;
  }

  clear(): void {
    for (const { lease } of this.#blocks.values()) lease.release();
    this.#blocks.clear();
  }

  #block(index: number): Block | undefined {
    const known = this.#blocks.get(index);
    if (known !== undefined) {
      this.#blocks.delete(index);
      this.#blocks.set(index, known);
      return known;
    }
    const start = index * BLOCK_BYTES;
    const length = Math.min(BLOCK_BYTES, this.#size - start);
    for (const [oldest, { lease }] of this.#blocks) {
      if (this.#blocks.size < MAX_BLOCKS) break;
      lease.release();
      this.#blocks.delete(oldest);
    }
    const lease = this.#budget.tryAcquire(length);
    if (lease === undefined) return undefined;
    const buffer = Buffer.allocUnsafe(length);
    const bytes = this.#fetch(start, buffer).then(() => buffer);
    const block: Block = { bytes, lease };
    this.#blocks.set(index, block);
    bytes.catch(() => {
      // A failure is told to those who wait; the next read tries again.
      if (this.#blocks.get(index) !== block) return;
      this.#blocks.delete(index);
      lease.release();
    });
    return block;
  }
}
