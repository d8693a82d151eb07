/** More requests at a time must bring so much more, or there were enough before. */
const WORTH = 1.1;

/** After so many rounds without gain it is tried again: the way to the store may have changed. */
const ROUNDS_OF_REST = 16;

/** How far the depth grows beyond where it begins. */
const MOST_TIMES = 4;

/** No transfer has more requests of its own in flight, or it would take the connections of the others. */
const MOST = 64;

/** Nor does it grow beyond so many bytes in flight: all of them are in memory. */
const MOST_BYTES = 48 * 1024 ** 2;

/**
 * How many requests of one transfer are in flight. It begins with what is configured and doubles as long as that makes the
 * transfer faster, up to four times as many and up to 48 MiB: where the store is far away, one connection moves little at a
 * time. One that is configured stays one.
 *
 * A round is as many requests as the depth. What was sent before a change does not count for it. Nothing is concluded from a round in
 * which nobody waited for the store.
 */
export class AdaptiveDepth {
  readonly #least: number;
  readonly #most: number;
  readonly #now: () => number;
  #depth: number;
  /** The depth before, and what it brought: bytes a millisecond. */
  #before: { readonly depth: number; readonly rate: number };
  /** Requests that still end as they were sent before the last change. */
  #older = 0;
  #rest = 0;
  #waited = false;
  #round: { bytes: number; count: number; readonly since: number };

  /** `now` in milliseconds. */
  constructor(start: number, now: () => number = () => performance.now()) {
    this.#least = start;
    this.#most = start === 1 ? 1 : Math.max(start, Math.min(start * MOST_TIMES, MOST));
    this.#now = now;
    this.#depth = start;
    this.#before = { depth: start, rate: 0 };
    this.#round = { bytes: 0, count: 0, since: now() };
  }

  get depth(): number {
    return this.#depth;
  }

  /** The depth was what somebody had to wait for. */
  waited(): void {
    this.#waited = true;
  }

  /** A request of so many bytes has ended. */
  done(bytes: number): void {
    if (this.#older > 0) {
      this.#older -= 1;
      if (this.#older === 0) this.#beginRound();
      return;
    }
    this.#round.bytes += bytes;
    this.#round.count += 1;
    if (this.#round.count < this.#depth) return;
    const { bytes: moved, count, since } = this.#round;
    const rate = moved / Math.max(this.#now() - since, 0.001);
    const most = Math.max(this.#least, Math.min(this.#most, Math.floor((MOST_BYTES * count) / Math.max(moved, 1))));
    const waited = this.#waited;
    this.#beginRound();
    if (this.#depth > most) {
      // Requests have become larger since.
      this.#older = this.#depth;
      this.#depth = most;
      this.#before = { depth: most, rate: 0 };
    } else if (waited) this.#conclude(rate, most);
  }

  /** `most`: requests of the present size that one transfer may have in flight. */
  #conclude(rate: number, most: number): void {
    if (this.#rest > 0) {
      this.#rest -= 1;
      // The next try has to be better than the present, not than what once was.
      if (this.#rest === 0) this.#before = { depth: this.#depth, rate: 0 };
      return;
    }
    if (rate < this.#before.rate * WORTH) {
      this.#older = this.#depth;
      this.#depth = this.#before.depth;
      this.#rest = ROUNDS_OF_REST;
      return;
    }
    if (this.#depth >= most) return;
    this.#before = { depth: this.#depth, rate };
    this.#older = this.#depth;
    this.#depth = Math.min(this.#depth * 2, most);
  }

  #beginRound(): void {
    this.#waited = false;
    this.#round = { bytes: 0, count: 0, since: this.#now() };
  }
}
