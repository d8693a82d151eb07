import { AdaptiveDepth } from '../../flow/adaptive-depth.ts';
import { RangeWindow, type RangeReader } from './range-window.ts';
import type { WindowBuffers } from './window-buffers.ts';

export interface ReadAheadOptions {
  /** Bytes of a request once a download is under way. */
  readonly rangeBytes: number;
  /** Requests ahead of the reader, to begin with. */
  readonly inFlight: number;
}

/** The first request is smaller: many readers look at a file's beginning only. It doubles from there. */
const FIRST_RANGE_BYTES = 1024 ** 2;

/** Bytes of a window once a download is under way, where its requests are to have `rangeBytes`. */
export function windowBytes(rangeBytes: number): number {
  return Math.max(FIRST_RANGE_BYTES, rangeBytes);
}

/** Reads in flight may overtake each other by so much without finding their window gone. */
const KEEP_BEHIND_BYTES = 2 * 1024 ** 2;

/**
 * A few large requests ahead of a reader that goes through a file in order, more where that makes it faster and memory is
 * plenty. Windows lie one behind the other; those that the reader has passed are dropped. Where there is no memory for the next one, it stops, and reads go on by themselves.
 */
export class ReadAhead {
  readonly #options: ReadAheadOptions;
  readonly #size: number;
  readonly #buffers: WindowBuffers;
  readonly #read: RangeReader;
  readonly #depth: AdaptiveDepth;
  #windows: RangeWindow[] = [];
  /** Behind the last byte that was asked for. */
  #frontier = 0;
  /** Windows that the reader has come to since the beginning. */
  #entered = 0;
  #nextBytes = FIRST_RANGE_BYTES;

  constructor(options: ReadAheadOptions, size: number, buffers: WindowBuffers, read: RangeReader) {
    this.#options = options;
    this.#size = size;
    this.#buffers = buffers;
    this.#depth = new AdaptiveDepth(options.inFlight);
    this.#read = async (from, to, onBytes, signal) => {
      await read(from, to, onBytes, signal);
      // The small ones of the beginning say nothing about so many large ones.
      if (to - from === windowBytes(options.rangeBytes)) this.#depth.done(to - from);
    };
  }

  get active(): boolean {
    return this.#windows.length > 0;
  }

  /** There are windows, and no read has come to one. */
  get untouched(): boolean {
    return this.active && this.#entered === 0;
  }

  /** Takes over the file's first bytes, which are on their way already. False where there is no memory for them. */
  begin(to: number, read: RangeReader): boolean {
    const memory = this.#buffers.tryAcquire(to);
    if (memory === undefined) return false;
    this.#windows.push(new RangeWindow({ from: 0, to }, memory, read));
    return true;
  }

  /** Begins at `from`, wherever the reader was before. */
  restart(from: number): void {
    this.retire();
    this.#frontier = from;
    this.#entered = 0;
    this.#nextBytes = FIRST_RANGE_BYTES;
    this.#openNext(from);
  }

  /** The bytes, in memory of their own, if they are in windows; undefined if not. */
  take(from: number, to: number): Buffer | Promise<Buffer> | undefined {
    this.#dropFailed();
    for (const window of this.#windows) {
      const there = window.copyOf(from, to);
      if (there === undefined) continue;
      this.#advance(to);
      return there;
    }
    const pieces: { readonly window: RangeWindow; readonly from: number; readonly to: number }[] = [];
    let position = from;
    for (
      let i = this.#windows.findIndex((window) => position >= window.from && position < window.to);
      position < to;
      i += 1
    ) {
      const window = this.#windows[i] ?? (i > 0 ? this.#openNext(position) : undefined);
      const end = Math.min(to, window?.to ?? 0);
      if (window?.has(position, end) !== true) return undefined;
      pieces.push({ window, from: position, to: end });
      position = end;
    }
    if (pieces.some((piece) => !piece.window.hasArrived(piece.to))) this.#depth.waited();
    const into = Buffer.allocUnsafe(to - from);
    // Before windows are let go: each copies or waits at once.
    const copies = pieces.map(async (piece) =>
      piece.window.copy(piece.from, piece.to, into.subarray(piece.from - from)),
    );
    this.#advance(to);
    return Promise.all(copies).then(() => into);
  }

  #dropFailed(): void {
    if (!this.#windows.some((window) => window.failed)) return;
    for (const window of this.#windows) if (window.failed) window.retire();
    this.#windows = this.#windows.filter((window) => !window.failed);
  }

  /** Gives up what is ahead; reads that wait are still answered. */
  retire(): void {
    for (const window of this.#windows) window.retire();
    this.#windows = [];
  }

  /** Reads that wait fail with the reason. */
  drop(reason: Error): void {
    for (const window of this.#windows) window.drop(reason);
    this.#windows = [];
  }

  #advance(to: number): void {
    for (const window of this.#windows) if (window.from >= this.#frontier && window.from < to) this.#entered += 1;
    this.#frontier = Math.max(this.#frontier, to);
    while ((this.#windows[0]?.to ?? Number.POSITIVE_INFINITY) + KEEP_BEHIND_BYTES <= this.#frontier) {
      this.#windows.shift()?.retire();
    }
    const most = this.#buffers.isScarce ? this.#options.inFlight : this.#depth.depth;
    // Doubled with each window that the reader comes to.
    const depth = this.#entered > 6 ? most : Math.min(most, 2 ** (this.#entered - 1));
    for (let ahead = this.#ahead(); ahead < depth; ahead += 1) {
      const last = this.#windows.at(-1);
      if (last === undefined || last.to >= this.#size || this.#openNext(last.to) === undefined) return;
    }
  }

  #ahead(): number {
    let count = 0;
    for (const window of this.#windows) if (window.from >= this.#frontier) count += 1;
    return count;
  }

  #openNext(from: number): RangeWindow | undefined {
    const bytes = Math.min(this.#nextBytes, this.#size - from);
    if (bytes <= 0) return undefined;
    const memory = this.#buffers.tryAcquire(bytes);
    if (memory === undefined) return undefined;
    this.#nextBytes = Math.min(this.#nextBytes * 2, windowBytes(this.#options.rangeBytes));
    const window = new RangeWindow({ from, to: from + bytes }, memory, this.#read);
    this.#windows.push(window);
    return window;
  }
}
