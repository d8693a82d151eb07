import type { WindowBuffer } from './window-buffers.ts';

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
 * Bytes `from` to `to` of a file, on their way into memory. A read is answered as soon as its own bytes are there, with a
 * copy: the window's memory is used again by others as soon as it has ended.
 */
export class RangeWindow {
  readonly from: number;
  readonly to: number;
  readonly #memory: WindowBuffer;
  readonly #abort = new AbortController();
  #waiters: Waiter[] = [];
  #arrived: number;
  #retired = false;
  #ended = false;
  #failure: Error | undefined;

  constructor(range: { readonly from: number; readonly to: number }, memory: WindowBuffer, read: RangeReader) {
    this.from = range.from;
    this.to = range.to;
    this.#memory = memory;
    this.#arrived = range.from;
    const onBytes = (chunk: Buffer): void => {
      // The memory may be another window's already.
      if (this.#ended) return;
      chunk.copy(memory.buffer, this.#arrived - this.from);
      this.#arrived += chunk.length;
      this.#wake();
    };
    read(range.from, range.to, onBytes, this.#abort.signal).catch((error: unknown) => {
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
      this.#wake();
    });
  }

  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** Whether the bytes before `to` are there. */
  hasArrived(to: number): boolean {
    return this.#arrived >= to;
  }

  /** Whether all these bytes are the window's. */
  has(from: number, to: number): boolean {
    return from >= this.from && to <= this.to;
  }

  /** The bytes, in memory of their own; undefined where some are not the window's, or not there yet. */
  copyOf(from: number, to: number): Buffer | undefined {
    if (this.#ended || this.#arrived < to || !this.has(from, to)) return undefined;
    const into = Buffer.allocUnsafe(to - from);
    this.#copyNow(from, to, into);
    return into;
  }

  /**
   * Copies bytes that the window has to the beginning of `into`; waits until they are there. Throws what reading them
   * threw, or why the window has ended.
   */
  async copy(from: number, to: number, into: Buffer): Promise<void> {
    if (this.#arrived < to && !this.#ended) {
      await new Promise<void>((resolve, reject) => {
        if (this.#failure === undefined) {
          // Copied as it is woken: with its last reader gone the window may end in the same turn.
          const copied = (): void => {
            this.#copyNow(from, to, into);
            resolve();
          };
          this.#waiters.push({ end: to, resolve: copied, reject });
        } else reject(this.#failure);
      });
      return;
    }
    if (this.#ended) throw this.#failure ?? ended();
    this.#copyNow(from, to, into);
  }

  /** No read will come any more: ends when those that wait are answered. */
  retire(): void {
    this.#retired = true;
    if (this.#waiters.length === 0) this.#end(ended());
  }

  /** Ends the request if it still runs, and gives the memory back. Reads that wait fail. */
  drop(reason: Error): void {
    this.#retired = true;
    this.#end(reason);
  }

  #copyNow(from: number, to: number, into: Buffer): void {
    this.#memory.buffer.copy(into, 0, from - this.from, to - this.from);
  }

  #end(reason: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#arrived < this.to) this.#abort.abort(reason);
    for (const waiter of this.#waiters.splice(0)) waiter.reject(reason);
    this.#memory.release();
  }

  #wake(): void {
    const waiting: Waiter[] = [];
    for (const waiter of this.#waiters) {
      if (waiter.end <= this.#arrived) waiter.resolve();
      else if (this.#failure !== undefined) waiter.reject(this.#failure);
      else waiting.push(waiter);
    }
    this.#waiters = waiting;
    if (this.#retired && waiting.length === 0) this.#end(ended());
  }
}

function ended(): Error {
  return new Error('nobody reads this any more');
}
