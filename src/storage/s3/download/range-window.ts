import type { MemoryLease } from '../memory-budget.ts';
import { ExtentSet } from '../../extents.ts';

/** Reads a range and hands its bytes on in order as they come. */
export type RangeReader = (
  from: number,
  to: number,
  onBytes: (chunk: Buffer) => void,
  signal: AbortSignal,
) => Promise<void>;

interface Waiter {
  readonly end: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Bytes `from` to `to` of a file, on their way into memory. A read is answered as soon as its own bytes are there, with
 * a piece of the window itself and without a copy. That piece is the reader's to change, so each byte is given away once.
 */
export class RangeWindow {
  readonly from: number;
  readonly to: number;
  readonly #bytes: Buffer;
  readonly #lease: MemoryLease;
  readonly #abort = new AbortController();
  readonly #given = new ExtentSet();
  #waiters: Waiter[] = [];
  #arrived: number;
  #retired = false;
  #failure: Error | undefined;

  constructor(range: { readonly from: number; readonly to: number }, lease: MemoryLease, read: RangeReader) {
    this.from = range.from;
    this.to = range.to;
    this.#lease = lease;
    this.#arrived = range.from;
    this.#bytes = Buffer.allocUnsafeSlow(range.to - range.from);
    const onBytes = (chunk: Buffer): void => {
      chunk.copy(this.#bytes, this.#arrived - this.from);
      this.#arrived += chunk.length;
      this.#wake();
    };
    read(range.from, range.to, onBytes, this.#abort.signal).catch((error: unknown) => {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      this.#wake();
    });
  }

  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** Whether all these bytes are in the window and were not given away yet. */
  has(from: number, to: number): boolean {
    return from >= this.from && to <= this.to && this.#given.within(from, to).length === 0;
  }

  /** Gives bytes away that the window has; waits until they are there. Throws what reading them threw. */
  async take(from: number, to: number): Promise<Buffer> {
    this.#given.add(from, to);
    if (this.#arrived < to) {
      await new Promise<void>((resolve, reject) => {
        if (this.#failure === undefined) this.#waiters.push({ end: to, resolve, reject });
        else reject(this.#failure);
      });
    }
    return this.#bytes.subarray(from - this.from, to - this.from);
  }

  /** No read will come any more: ends when those that wait are answered. */
  retire(): void {
    this.#retired = true;
    if (this.#waiters.length === 0) this.#end(new Error('nobody reads this any more'));
  }

  /** Ends the request if it still runs, and gives the memory back. Reads that wait fail. */
  drop(reason: Error): void {
    this.#retired = true;
    this.#end(reason);
  }

  #end(reason: Error): void {
    if (this.#arrived < this.to) this.#abort.abort(reason);
    this.#lease.release();
  }

  #wake(): void {
    const waiting: Waiter[] = [];
    for (const waiter of this.#waiters) {
      if (waiter.end <= this.#arrived) waiter.resolve();
      else if (this.#failure !== undefined) waiter.reject(this.#failure);
      else waiting.push(waiter);
    }
    this.#waiters = waiting;
    if (this.#retired && waiting.length === 0) this.#end(new Error('nobody reads this any more'));
  }
}
