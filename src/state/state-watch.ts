import type { StateDatabase } from './database/state-database.ts';
import { StateVersionError } from './state-store.ts';

interface Watched {
  readonly revision: () => number;
  readonly refresh: () => Promise<void>;
}

/** Asks the database again and again whether somebody has changed something, and knows whether it can be reached. */
export class StateWatch {
  readonly #database: StateDatabase;
  readonly #watched: Watched;
  readonly #listeners = new Set<(reachable: boolean, problem: string | null) => void>();
  #timer: NodeJS.Timeout | null = null;
  #asking: Promise<void> | null = null;
  #again = false;
  /** A refresh has failed after `changed` had answered yes: it is due whatever `changed` answers next. */
  #due = false;
  #ended = false;
  #problem: Error | null = null;

  constructor(database: StateDatabase, watched: Watched) {
    this.#database = database;
    this.#watched = watched;
  }

  get reachable(): boolean {
    return this.#problem === null;
  }

  get outdated(): boolean {
    return this.#problem instanceof StateVersionError;
  }

  onReachable(listener: (reachable: boolean, problem: string | null) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  begin(): void {
    this.#database.onNotice(() => {
      this.ask();
    });
    this.#timer = setInterval(() => {
      this.ask();
    }, this.#database.pollMs);
    // The state alone is no reason for a process to go on.
    this.#timer.unref();
    this.ask();
  }

  /** Asks now, or once more where it is asking: what has come meanwhile may not be in the answer. */
  ask(): void {
    if (this.#ended) return;
    if (this.#asking !== null) {
      this.#again = true;
      return;
    }
    this.#asking = this.#ask().finally(() => {
      this.#asking = null;
      if (!this.#again) return;
      this.#again = false;
      this.ask();
    });
  }

  /** Asks, and resolves when that is answered, whatever it is: what is being asked already may have been answered too early. */
  async asked(): Promise<void> {
    const running = this.#asking;
    this.ask();
    await running;
    // Either that of above, or the one after `running`.
    await this.#asking;
  }

  async end(): Promise<void> {
    this.#ended = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#listeners.clear();
    await this.#asking;
  }

  async #ask(): Promise<void> {
    try {
      if ((await this.#database.changed(this.#watched.revision())) || this.#due) {
        this.#due = true;
        await this.#watched.refresh();
        this.#due = false;
      }
      this.#tell(null);
    } catch (error) {
      this.#tell(error as Error);
    }
  }

  #tell(problem: Error | null): void {
    const { reachable, outdated } = this;
    this.#problem = problem;
    if ((reachable === this.reachable && outdated === this.outdated) || this.#ended) return;
    for (const listener of [...this.#listeners]) {
      try {
        listener(this.reachable, problem?.message ?? null);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
