import type { Entry } from '../../object-store.ts';
import type { Clock } from '../../flow/clock.ts';
import type { KeyChanges } from '../api/key-changes.ts';

/** What was shown is remembered for so long. Milliseconds. */
export const SHOWN_MS = 2_000;

/** Entries of all sessions, some 400 bytes each. */
const MAX_SHOWN = 20_000;

/** The two questions that a client asks about a name before it opens it. */
export type Question = 'stat' | 'lstat';

/** The moment before a request whose answer is to be remembered. */
export interface Moment {
  readonly at: number;
  readonly change: number;
}

interface Shown {
  readonly entry: Entry;
  readonly moment: Moment;
  /** What it may still answer. */
  stat: boolean;
  lstat: boolean;
}

export interface ShownEntriesOptions {
  readonly clock: Clock;
  readonly changes: KeyChanges;
}

/**
 * The files that a session was shown in the last moments, for all sessions of the process. Each answer is given once: who
 * asks the same again wants to know what there is by now.
 */
export class ShownEntries {
  readonly #options: ShownEntriesOptions;
  /** In the order in which they were shown. */
  readonly #entries = new Map<string, Shown>();
  #sessions = 0;

  constructor(options: ShownEntriesOptions) {
    this.#options = options;
  }

  /** The name of another session. */
  newSession(): number {
    this.#sessions += 1;
    return this.#sessions;
  }

  /** To be asked before the request is sent. */
  moment(): Moment {
    return { at: this.#options.clock.now(), change: this.#options.changes.now };
  }

  keep(
    session: number,
    key: string,
    shown: { readonly entry: Entry; readonly moment: Moment },
    answers: readonly Question[],
  ): void {
    const name = nameOf(session, key);
    const there = this.#entries.get(name);
    // An answer that was asked for earlier may come later.
    if (there !== undefined && there.moment.at > shown.moment.at) return;
    this.#entries.delete(name);
    this.#entries.set(name, { ...shown, stat: answers.includes('stat'), lstat: answers.includes('lstat') });
    const expired = this.#options.clock.now() - SHOWN_MS;
    for (const [oldest, { moment }] of this.#entries) {
      if (this.#entries.size <= MAX_SHOWN && moment.at >= expired) return;
      this.#entries.delete(oldest);
    }
  }

  /** The answer, where the session was shown it in the last moments and this process has not changed the file since. */
  take(session: number, key: string, question: Question): Entry | undefined {
    const name = nameOf(session, key);
    const shown = this.#entries.get(name);
    if (shown?.[question] !== true) return undefined;
    shown[question] = false;
    const { clock, changes } = this.#options;
    if (changes.changedSince(key, shown.moment.change)) return undefined;
    // A clock that was put back must not make it last.
    const age = clock.now() - shown.moment.at;
    return age >= 0 && age <= SHOWN_MS ? shown.entry : undefined;
  }
}

function nameOf(session: number, key: string): string {
  return `${session} ${key}`;
}
