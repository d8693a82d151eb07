import { MemoryBudget } from '../../flow/memory-budget.ts';

/** Memory for one part. Its bytes are what the last user left: whoever sends it fills what it did not write. */
export interface PartBuffer {
  readonly buffer: Buffer;
  readonly release: () => void;
}

/** A file that is this small never takes a whole part's memory. */
export const STARTER_BYTES = 128 * 1024;

/** Uploads that have waited for so long, while no memory came free, may wait for ever. Milliseconds. */
export const STUCK_MS = 30_000;

/** Somebody who holds part memory and may be asked for it. */
export interface PartHolder {
  /** Milliseconds without a call; undefined for one that is at work or holds no memory of at least a part, or a starter. */
  idleMs(kind: 'starter' | 'part'): number | undefined;
  /** Puts idle memory elsewhere where that can be done. */
  reclaim(): void;
  /** Gives its memory back at the price of what it was held for. */
  giveUp(): void;
}

/** Buffers that nobody has needed for so many milliseconds are given back to the system. */
const KEEP_IDLE_MS = 2_000;

/**
 * The memory of all uploads of the process.
 *
 * An eighth is for starters, the small buffers that an upload begins with. The rest is for parts. So many small files,
 * or many files that were opened and left, cannot use up what uploads of whole parts need.
 *
 * An upload that fills a part needs no more memory to send it. So memory comes free as long as clients send. When memory
 * is short, each upload whose client does not send is asked to put its part on the disk, or to send it short. Where
 * neither can be done and nobody gets on for half a minute, the upload that has been idle for longest is given up.
 * Without that, a client that writes to many files in turn could wait for itself for ever.
 *
 * Buffers are used again. At hundreds of MiB a second, hundreds of fresh ones would wait for the garbage collector.
 */
export class PartBuffers {
  readonly #starters: MemoryBudget;
  readonly #parts: MemoryBudget;
  /** Buffers that nobody uses, by their size, and the fewest of them since the last look: nobody needed these. */
  readonly #idle = new Map<number, { buffers: Buffer[]; unneeded: number }>();
  #trim: NodeJS.Timeout | undefined;
  readonly #holders = new Set<PartHolder>();
  readonly #stuckMs: number;

  /**
   * `budgetBytes` must hold at least two parts of `largestPartBytes` and the starters; throws RangeError. `stuckMs`:
   * how long nobody gets on before a holder is given up.
   */
  constructor(budgetBytes: number, stuckMs = STUCK_MS) {
    this.#stuckMs = stuckMs;
    const starters = Math.max(STARTER_BYTES, Math.floor(budgetBytes / 8));
    this.#starters = new MemoryBudget(starters);
    this.#parts = new MemoryBudget(budgetBytes - starters);
    this.#starters.onShortage((stuckMs) => {
      this.#relieve('starter', stuckMs);
    });
    this.#parts.onShortage((stuckMs) => {
      this.#relieve('part', stuckMs);
    });
  }

  /** The most bytes that one buffer can have. */
  get largest(): number {
    return this.#parts.capacity;
  }

  /** Whether parts have more than half of their memory, or somebody waits: what is left is for those who have less. */
  get isScarce(): boolean {
    return this.#parts.waiting > 0 || this.#parts.used > this.#parts.capacity / 2;
  }

  /** Bytes in use. */
  get used(): number {
    return this.#starters.used + this.#parts.used;
  }

  /** Bytes in use and kept for use. */
  get heldBytes(): number {
    return [...this.#idle].reduce((sum, [size, { buffers }]) => sum + size * buffers.length, this.used);
  }

  get waiting(): number {
    return this.#starters.waiting + this.#parts.waiting;
  }

  /** Waits its turn; rejects with the signal's reason. */
  async acquire(bytes: number, signal: AbortSignal): Promise<PartBuffer> {
    const lease = await this.#budgetOf(bytes).acquire(bytes, signal);
    return this.#make(bytes, lease);
  }

  tryAcquire(bytes: number): PartBuffer | undefined {
    const lease = this.#budgetOf(bytes).tryAcquire(bytes);
    return lease === undefined ? undefined : this.#make(bytes, lease);
  }

  /** The holder is asked for what it does not use whenever an upload waits for memory. Returns the end of that. */
  register(holder: PartHolder): () => void {
    this.#holders.add(holder);
    return () => {
      this.#holders.delete(holder);
    };
  }

  #relieve(kind: 'starter' | 'part', stuckMs: number): void {
    for (const holder of this.#holders) holder.reclaim();
    if (stuckMs < this.#stuckMs) return;
    let longest: { readonly holder: PartHolder; readonly idleMs: number } | undefined;
    for (const holder of this.#holders) {
      const idleMs = holder.idleMs(kind);
      if (idleMs !== undefined && idleMs >= this.#stuckMs && idleMs > (longest?.idleMs ?? 0)) {
        longest = { holder, idleMs };
      }
    }
    longest?.holder.giveUp();
  }

  #budgetOf(bytes: number): MemoryBudget {
    return bytes <= STARTER_BYTES ? this.#starters : this.#parts;
  }

  #make(bytes: number, lease: { release(): void }): PartBuffer {
    const idle = this.#idle.get(bytes) ?? { buffers: [], unneeded: 0 };
    this.#idle.set(bytes, idle);
    const buffer = idle.buffers.pop() ?? this.#allocate(bytes);
    idle.unneeded = Math.min(idle.unneeded, idle.buffers.length);
    let held = true;
    return {
      buffer,
      release: () => {
        if (!held) return;
        held = false;
        idle.buffers.push(buffer);
        this.#trimLater();
        lease.release();
      },
    };
  }

  /** Idle buffers of other sizes go where there would otherwise be more memory than the budget. */
  #allocate(bytes: number): Buffer {
    if (this.heldBytes > this.#starters.capacity + this.#parts.capacity) {
      for (const [size, idle] of this.#idle) if (size !== bytes) idle.buffers = [];
    }
    return Buffer.allocUnsafeSlow(bytes);
  }

  #trimLater(): void {
    if (this.#trim !== undefined) return;
    for (const idle of this.#idle.values()) idle.unneeded = idle.buffers.length;
    this.#trim = setTimeout(() => {
      this.#trim = undefined;
      for (const idle of this.#idle.values()) idle.buffers.splice(0, idle.unneeded);
      if ([...this.#idle.values()].some(({ buffers }) => buffers.length > 0)) this.#trimLater();
    }, KEEP_IDLE_MS);
    this.#trim.unref();
  }
}
