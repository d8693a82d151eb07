import type { MemoryBudget } from '../../flow/memory-budget.ts';

/** Memory for a window of read-ahead. Its bytes are what the last user left. */
export interface WindowBuffer {
  readonly buffer: Buffer;
  release(): void;
}

/** Buffers that nobody has needed for so many milliseconds are given back to the system. */
const KEEP_IDLE_MS = 2_000;

/**
 * The memory that downloads read ahead into. Full windows are used again: a window lives too long for the quick
 * collections of the young, and a download of hundreds of MiB a second would leave dozens of them waiting for the next
 * collection of the whole heap.
 */
export class WindowBuffers {
  readonly #budget: MemoryBudget;
  readonly #fullBytes: number;
  #idle: Buffer[] = [];
  /** The fewest that were idle since the last look: nobody needed these. */
  #unneeded = 0;
  #trim: NodeJS.Timeout | undefined;

  /** Windows of `fullBytes` are those that are kept. */
  constructor(budget: MemoryBudget, fullBytes: number) {
    this.#budget = budget;
    this.#fullBytes = fullBytes;
  }

  /** Bytes kept for use. */
  get idleBytes(): number {
    return this.#idle.length * this.#fullBytes;
  }

  /** Whether more than half of the budget is in use: what is left is for those who have less. */
  get isScarce(): boolean {
    return this.#budget.used > this.#budget.capacity / 2;
  }

  /** `bytes` bytes, at once or not at all. */
  tryAcquire(bytes: number): WindowBuffer | undefined {
    const lease = this.#budget.tryAcquire(bytes);
    if (lease === undefined) return undefined;
    const full = bytes === this.#fullBytes;
    const kept = full ? this.#idle.pop() : undefined;
    while (this.#idle.length > 0 && this.#budget.used + this.idleBytes > this.#budget.capacity) this.#idle.pop();
    this.#unneeded = Math.min(this.#unneeded, this.#idle.length);
    const buffer = kept ?? Buffer.allocUnsafeSlow(bytes);
    let held = true;
    return {
      buffer,
      release: () => {
        if (!held) return;
        held = false;
        lease.release();
        // What is kept and what is in use stay within the budget together.
        if (!full || this.#budget.used + this.idleBytes + bytes > this.#budget.capacity) return;
        this.#idle.push(buffer);
        this.#trimLater();
      },
    };
  }

  #trimLater(): void {
    if (this.#trim !== undefined) return;
    this.#unneeded = this.#idle.length;
    this.#trim = setTimeout(() => {
      this.#trim = undefined;
      this.#idle.splice(0, this.#unneeded);
      if (this.#idle.length > 0) this.#trimLater();
    }, KEEP_IDLE_MS);
    this.#trim.unref();
  }
}
