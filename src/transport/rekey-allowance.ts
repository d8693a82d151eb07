/**
 * How often a peer may begin a key exchange: each costs us a signature and more. A minute's worth may come at once; what
 * comes faster waits its turn, so that a client with a low limit of its own gets on, and no faster.
 */
export class RekeyAllowance {
  readonly #perMinute: number;
  readonly #now: () => number;
  /** Exchanges that may begin at once; negative where one waits. */
  #left: number;
  #at: number;

  /** `now` in seconds. */
  constructor(perMinute: number, now: () => number = () => performance.now() / 1000) {
    this.#perMinute = perMinute;
    this.#now = now;
    this.#left = perMinute;
    this.#at = now();
  }

  /** Takes one; answers the seconds until it may begin. */
  take(): number {
    const now = this.#now();
    this.#left = Math.min(this.#perMinute, this.#left + ((now - this.#at) * this.#perMinute) / 60) - 1;
    this.#at = now;
    return this.#left >= 0 ? 0 : (-this.#left * 60) / this.#perMinute;
  }
}
