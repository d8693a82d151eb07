import { PASSWORD_CHECKS_RUNNING, PASSWORD_CHECKS_WAITING, PASSWORD_CHECKS_WAITING_PER_SOURCE } from './limits.ts';

type Outcome = 'run' | 'unwanted' | 'busy';

interface Waiting {
  readonly isWanted: () => boolean;
  readonly answer: (outcome: Outcome) => void;
}

/**
 * The semaphore of password checks, which serves the sources one after the other, so that one that guesses delays itself the most. The
 * waiting places are limited, and no source can take them from the others: when all are taken, the last to come of the
 * source that has most of them goes.
 */
export class PasswordSemaphore {
  /** In the order of their turns. */
  readonly #sources = new Map<string, Waiting[]>();
  #waiting = 0;
  #running = 0;

  /**
   * Runs `check` when its turn comes. `source` is what counts as one client. Resolves to 'unwanted' where `isWanted` said
   * no by then (the client has gone), to 'busy' where it lost its place to others, or found none.
   */
  async run(
    source: string,
    isWanted: () => boolean,
    check: () => Promise<boolean>,
  ): Promise<boolean | 'unwanted' | 'busy'> {
    if (this.#running >= PASSWORD_CHECKS_RUNNING) {
      const outcome = await this.#turn(source, isWanted);
      if (outcome !== 'run') return outcome;
    } else {
      this.#running += 1;
    }
    try {
      return await check();
    } finally {
      // The place goes to the next in line without becoming free in between.
      const next = this.#next();
      if (next === null) this.#running -= 1;
      else next.answer('run');
    }
  }

  #turn(source: string, isWanted: () => boolean): Promise<Outcome> {
    if (!this.#hasRoom(source)) return Promise.resolve('busy');
    return new Promise((answer) => {
      const waiting = { isWanted, answer };
      const queue = this.#sources.get(source);
      if (queue === undefined) this.#sources.set(source, [waiting]);
      else queue.push(waiting);
      this.#waiting += 1;
    });
  }

  /** Whether there is a place for one more of `source`, if need be by taking one from a source that has more. */
  #hasRoom(source: string): boolean {
    const own = this.#sources.get(source)?.length ?? 0;
    if (own < PASSWORD_CHECKS_WAITING_PER_SOURCE && this.#waiting < PASSWORD_CHECKS_WAITING) return true;
    this.#dropUnwanted();
    const left = this.#sources.get(source)?.length ?? 0;
    if (left >= PASSWORD_CHECKS_WAITING_PER_SOURCE) return false;
    if (this.#waiting < PASSWORD_CHECKS_WAITING) return true;
    const [busiest, queue] = this.#busiest();
    if (queue.length <= left + 1) return false;
    this.#take(busiest, queue, queue.length - 1)?.answer('busy');
    return true;
  }

  #busiest(): [string, Waiting[]] {
    let most: [string, Waiting[]] = ['', []];
    for (const entry of this.#sources) if (entry[1].length > most[1].length) most = entry;
    return most;
  }

  /** Clients that have gone take no places from those that are there. */
  #dropUnwanted(): void {
    for (const [source, queue] of [...this.#sources]) {
      for (let i = queue.length - 1; i >= 0; i -= 1) {
        if (queue[i]?.isWanted() === false) this.#take(source, queue, i)?.answer('unwanted');
      }
    }
  }

  #take(source: string, queue: Waiting[], index: number): Waiting | undefined {
    const [taken] = queue.splice(index, 1);
    if (taken !== undefined) this.#waiting -= 1;
    if (queue.length === 0) this.#sources.delete(source);
    return taken;
  }

  /** The first that is still wanted; those before it are told. */
  #next(): Waiting | null {
    for (;;) {
      const [first] = this.#sources;
      if (first === undefined) return null;
      const [source, queue] = first;
      const waiting = this.#take(source, queue, 0);
      // To the end of the round.
      if (this.#sources.delete(source)) this.#sources.set(source, queue);
      if (waiting === undefined) continue;
      if (waiting.isWanted()) return waiting;
      waiting.answer('unwanted');
    }
  }
}
