/** Requests that hold it as readers may run together, and so may writers; 'exclusive' runs with none. */
export type LockMode = 'read' | 'write' | 'exclusive';

interface Waiting {
  readonly mode: LockMode;
  readonly granted: () => void;
}

/**
 * A fair group lock: a read-write lock of which writers share with each other too. It is granted in the order of the calls;
 * neighbours of one group hold it together, and a change of group waits, as does everything exclusive. This keeps the
 * promise of draft-ietf-secsh-filexfer-02 §6: requests for one file have the results that they would have one by one.
 */
export class GroupLock {
  readonly #waiting: Waiting[] = [];
  #mode: LockMode = 'exclusive';
  #holders = 0;

  /** Calls `granted` now or when the lock is free for it; each grant is matched by one `release`. */
  acquire(mode: LockMode, granted: () => void): void {
    if (this.#waiting.length === 0 && this.#isFreeFor(mode)) {
      this.#mode = mode;
      this.#holders += 1;
      granted();
      return;
    }
    this.#waiting.push({ mode, granted });
  }

  release(): void {
    this.#holders -= 1;
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined || !this.#isFreeFor(next.mode)) return;
      this.#waiting.shift();
      this.#mode = next.mode;
      this.#holders += 1;
      next.granted();
    }
  }

  #isFreeFor(mode: LockMode): boolean {
    return this.#holders === 0 || (mode !== 'exclusive' && mode === this.#mode);
  }
}

export interface LockRequest {
  readonly lock: GroupLock;
  readonly mode: LockMode;
}

/** Calls `granted` when every lock is held. All must be asked for in the order of requests: so no two wait for each other. */
export function acquireAll(requests: readonly LockRequest[], granted: () => void): void {
  let missing = requests.length;
  const grantedOne = (): void => {
    missing -= 1;
    if (missing === 0) granted();
  };
  for (const { lock, mode } of requests) lock.acquire(mode, grantedOne);
}
