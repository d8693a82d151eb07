import { StorageError } from '../object-store.ts';

/** A client that writes single bytes with holes between them would otherwise make us keep a record for each. */
const MAX_EXTENTS = 65_536;

/** Bytes `from` to `to`, exclusive. */
export interface Extent {
  readonly from: number;
  readonly to: number;
}

/** A set of byte offsets, kept as runs in order, none of them touching another. */
export class ExtentSet {
  #runs: { from: number; to: number }[] = [];

  /** Throws StorageError 'failure' beyond 65,536 runs. Returns how many of the bytes are new. */
  add(from: number, to: number): number {
    if (from >= to) return 0;
    const last = this.#runs.at(-1);
    if (last?.to === from) {
      last.to = to;
      return to - from;
    }
    const first = this.#firstEndingAtOrAfter(from);
    let after = first;
    let low = from;
    let high = to;
    let known = 0;
    for (let run = this.#runs[after]; run !== undefined && run.from <= to; run = this.#runs[after]) {
      known += Math.max(0, Math.min(run.to, to) - Math.max(run.from, from));
      low = Math.min(low, run.from);
      high = Math.max(high, run.to);
      after += 1;
    }
    if (after === first && this.#runs.length >= MAX_EXTENTS) {
      throw new StorageError('failure', 'The file is written in too many separate pieces.');
    }
    this.#runs.splice(first, after - first, { from: low, to: high });
    return to - from - known;
  }

  /** Returns how many bytes were taken out. */
  remove(from: number, to: number): number {
    let removed = 0;
    const kept: { from: number; to: number }[] = [];
    let first = this.#firstEndingAtOrAfter(from);
    if (this.#runs[first]?.to === from) first += 1;
    let after = first;
    for (let run = this.#runs[after]; run !== undefined && run.from < to; run = this.#runs[after]) {
      removed += Math.min(run.to, to) - Math.max(run.from, from);
      if (run.from < from) kept.push({ from: run.from, to: from });
      if (run.to > to) kept.push({ from: to, to: run.to });
      after += 1;
    }
    this.#runs.splice(first, after - first, ...kept);
    return removed;
  }

  /** The runs inside `from` to `to`, cut to it. A snapshot: the set may change meanwhile. */
  within(from: number, to: number): Extent[] {
    const found: Extent[] = [];
    for (let i = this.#firstEndingAtOrAfter(from); i < this.#runs.length; i += 1) {
      const run = this.#runs[i];
      if (run === undefined || run.from >= to) break;
      const cut = { from: Math.max(run.from, from), to: Math.min(run.to, to) };
      if (cut.from < cut.to) found.push(cut);
    }
    return found;
  }

  /** The stretches of `from` to `to` that are not in the set. */
  gaps(from: number, to: number): Extent[] {
    const found: Extent[] = [];
    let position = from;
    for (const run of this.within(from, to)) {
      if (run.from > position) found.push({ from: position, to: run.from });
      position = run.to;
    }
    if (position < to) found.push({ from: position, to });
    return found;
  }

  /** The first offset at or after `from` that is not in the set. */
  endOfRun(from: number): number {
    const run = this.#runs[this.#firstEndingAtOrAfter(from)];
    return run !== undefined && run.from <= from ? Math.max(run.to, from) : from;
  }

  get empty(): boolean {
    return this.#runs.length === 0;
  }

  #firstEndingAtOrAfter(offset: number): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#runs[middle]?.to ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
