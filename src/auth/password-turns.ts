/**
 * Password checks that run at a time. Each takes a thread of the pool that file access needs too, and up to 128 MiB: guesses
 * queue up behind each other, they do not push everything else aside.
 */
const MAX_RUNNING = 2;

/** Checks that wait, of all sources together. Past it an attempt fails at once: it would not be answered in time. */
const MAX_WAITING = 64;

interface Waiting {
  readonly isWanted: () => boolean;
  readonly answer: (outcome: 'run' | 'unwanted') => void;
}

/** Gives password checks their turn: the sources one after the other, so that one that guesses delays itself the most. */
export class PasswordTurns {
  /** In the order of their turns. */
  readonly #sources = new Map<string, Waiting[]>();
  #waiting = 0;
  #running = 0;

  /**
   * Runs `check` when its turn comes. Resolves to 'unwanted' where `isWanted` said no by then (the client has gone), to
   * 'busy' where too many wait already.
   */
  async run(
    source: string,
    isWanted: () => boolean,
    check: () => Promise<boolean>,
  ): Promise<boolean | 'unwanted' | 'busy'> {
    if (this.#running >= MAX_RUNNING) {
      if (this.#waiting >= MAX_WAITING) return 'busy';
      const outcome = await this.#turn(source, isWanted);
      if (outcome === 'unwanted') return outcome;
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

  #turn(source: string, isWanted: () => boolean): Promise<'run' | 'unwanted'> {
    return new Promise((answer) => {
      const waiting = { isWanted, answer };
      const queue = this.#sources.get(source);
      if (queue === undefined) this.#sources.set(source, [waiting]);
      else queue.push(waiting);
      this.#waiting += 1;
    });
  }

  /** The first that is still wanted; those before it are told. */
  #next(): Waiting | null {
    for (;;) {
      const [first] = this.#sources;
      if (first === undefined) return null;
      const [source, queue] = first;
      const waiting = queue.shift();
      // To the end of the round.
      this.#sources.delete(source);
      if (queue.length > 0) this.#sources.set(source, queue);
      if (waiting === undefined) continue;
      this.#waiting -= 1;
      if (waiting.isWanted()) return waiting;
      waiting.answer('unwanted');
    }
  }
}
