/** Requests of the same shared kind may run together; 'alone' runs with none. */
export type TurnKind = 'read' | 'write' | 'alone';

interface Waiting {
  readonly kind: TurnKind;
  readonly start: () => void;
}

/**
 * Lets requests through in the order of their coming. Neighbours that read, or that write, go through together; a
 * change from reading to writing waits, as does everything that wants to be alone. This keeps the promise of
 * draft-ietf-secsh-filexfer-02 §6: requests for one file have the results that they would have one by one.
 */
export class Turnstile {
  readonly #waiting: Waiting[] = [];
  #kind: TurnKind = 'alone';
  #running = 0;

  /** Calls `start` now or when its turn has come; each start is matched by one `leave`. */
  enter(kind: TurnKind, start: () => void): void {
    if (this.#waiting.length === 0 && this.#mayStart(kind)) {
      this.#kind = kind;
      this.#running += 1;
      start();
      return;
    }
    this.#waiting.push({ kind, start });
  }

  leave(): void {
    this.#running -= 1;
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined || !this.#mayStart(next.kind)) return;
      this.#waiting.shift();
      this.#kind = next.kind;
      this.#running += 1;
      next.start();
    }
  }

  #mayStart(kind: TurnKind): boolean {
    return this.#running === 0 || (kind !== 'alone' && kind === this.#kind);
  }
}

export interface Turn {
  readonly turnstile: Turnstile;
  readonly kind: TurnKind;
}

/** Calls `start` when every turnstile has let the request through. All must be entered in the order of requests. */
export function enterAll(turns: readonly Turn[], start: () => void): void {
  let missing = turns.length;
  const granted = (): void => {
    missing -= 1;
    if (missing === 0) start();
  };
  for (const { turnstile, kind } of turns) turnstile.enter(kind, granted);
}
