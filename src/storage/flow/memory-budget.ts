import { abortReason } from './clock.ts';

/** Bytes held from a budget. Released once, by whoever holds it last. */
export interface MemoryLease {
  readonly bytes: number;
  release(): void;
}

/** Holders of idle bytes are not asked for them more often. Milliseconds. */
const ASK_AGAIN_MS = 100;

interface Waiter {
  readonly bytes: number;
  readonly grant: (lease: MemoryLease) => void;
}

/**
 * A semaphore counted in bytes, first come first served: no waiter is overtaken, not even by a smaller request, so a
 * transfer that needs a large buffer is not starved by many that need small ones. A transfer waits for one buffer at
 * a time, which makes the order between transfers round-robin.
 */
export class MemoryBudget {
  readonly capacity: number;
  #used = 0;
  readonly #waiters = new Set<Waiter>();
  readonly #reclaimers = new Set<(stuckMs: number) => void>();
  /** When bytes last came free, or somebody last began to wait where nobody did. */
  #progress = performance.now();
  #lastAsked = Number.NEGATIVE_INFINITY;
  #asking: NodeJS.Timeout | undefined;

  constructor(capacity: number) {
    if (!Number.isSafeInteger(capacity) || capacity <= 0)
      throw new RangeError('a budget is a positive number of bytes');
    this.capacity = capacity;
  }

  /** Bytes held now. */
  get used(): number {
    return this.#used;
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** At once or not at all; never ahead of a waiter. */
  tryAcquire(bytes: number): MemoryLease | undefined {
    if (this.#waiters.size === 0 && this.#used + bytes <= this.capacity) return this.#grant(bytes);
    this.#askBack();
    if (this.#waiters.size > 0 || this.#used + bytes > this.capacity) return undefined;
    return this.#grant(bytes);
  }

  /** Waits its turn; a signal that has fired ends only waits, and the reason is thrown. Throws RangeError for more than the capacity. */
  async acquire(bytes: number, signal?: AbortSignal): Promise<MemoryLease> {
    if (bytes > this.capacity) throw new RangeError('more than the whole budget');
    const now = this.tryAcquire(bytes);
    if (now !== undefined) return now;
    if (signal?.aborted === true) throw abortReason(signal);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiters.delete(waiter);
        if (signal !== undefined) reject(abortReason(signal));
        this.#serve();
      };
      const waiter: Waiter = {
        bytes,
        grant: (lease) => {
          signal?.removeEventListener('abort', onAbort);
          resolve(lease);
        },
      };
      if (this.#waiters.size === 0) this.#progress = performance.now();
      this.#waiters.add(waiter);
      this.#askAgainLater();
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /**
   * Asks `reclaim` to give idle bytes back whenever there are too few, and tells it for how many milliseconds somebody
   * has waited while no byte came free. Returns the end of that.
   */
  onShortage(reclaim: (stuckMs: number) => void): () => void {
    this.#reclaimers.add(reclaim);
    return () => {
      this.#reclaimers.delete(reclaim);
    };
  }

  #askBack(): void {
    const now = performance.now();
    if (now - this.#lastAsked < ASK_AGAIN_MS) return;
    this.#lastAsked = now;
    const stuckMs = this.#waiters.size === 0 ? 0 : now - this.#progress;
    for (const reclaim of this.#reclaimers) reclaim(stuckMs);
  }

  /** What is not idle now may be idle soon: asked as long as somebody waits. */
  #askAgainLater(): void {
    if (this.#asking !== undefined || this.#waiters.size === 0 || this.#reclaimers.size === 0) return;
    this.#asking = setTimeout(() => {
      this.#asking = undefined;
      this.#askBack();
      this.#askAgainLater();
    }, ASK_AGAIN_MS * 2);
    this.#asking.unref();
  }

  #grant(bytes: number): MemoryLease {
    this.#used += bytes;
    let held = true;
    return {
      bytes,
      release: () => {
        if (!held) return;
        held = false;
        this.#used -= bytes;
        this.#progress = performance.now();
        this.#serve();
      },
    };
  }

  #serve(): void {
    for (const waiter of this.#waiters) {
      if (this.#used + waiter.bytes > this.capacity) return;
      this.#waiters.delete(waiter);
      waiter.grant(this.#grant(waiter.bytes));
    }
  }
}
