import { setTimeout as delay } from 'node:timers/promises';
import { applyChanges, EMPTY_SNAPSHOT } from './apply-changes.ts';
import { readAudit, writeAudit } from './audit-trail.ts';
import type { Head, StateQueries } from './database/schema.ts';
import { InTheWay, type StateDatabase } from './database/state-database.ts';
import {
  CATCH_UP_MS,
  CHANGE_DEADLINE_MS,
  DELETIONS_KEPT_REVISIONS,
  MAX_CHANGE_ATTEMPTS,
  PRUNE_EVERY_REVISIONS,
  RETRY_DELAY_MS,
} from './limits.ts';
import { readChanges, type StateChanges } from './read-changes.ts';
import type { AuditRecord, Author } from './records.ts';
import { RecordTransaction } from './record-transaction.ts';
import type { SecretBox } from './secret-box.ts';
import { SessionBoard } from './session-board.ts';
import { StateUnavailable, type StateSnapshot, type StateStore, type StateTransaction } from './state-store.ts';
import { StateWatch } from './state-watch.ts';

/** What a change comes to before it is committed. */
interface Made<Result> {
  readonly result: Result;
  /** Null: it has changed nothing. */
  readonly changes: StateChanges | null;
  /** What the changes were read against. */
  readonly base: StateSnapshot;
}

/** The store over a database of any kind. */
export class StoredState implements StateStore {
  readonly kind: StateStore['kind'];
  readonly sessions: SessionBoard;
  readonly #database: StateDatabase;
  readonly #secrets: SecretBox;
  readonly #watch: StateWatch;
  readonly #snapshotListeners = new Set<(snapshot: StateSnapshot, before: StateSnapshot) => void>();
  #snapshot = EMPTY_SNAPSHOT;
  /** Of the state that the snapshot is of. */
  #history = '';
  /** Changes of this process wait here, and not in the database, where they would take its connections. */
  #lane: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | null = null;

  private constructor(database: StateDatabase, secrets: SecretBox) {
    this.kind = database.kind;
    this.sessions = new SessionBoard(database);
    this.#database = database;
    this.#secrets = secrets;
    this.#watch = new StateWatch(database, {
      revision: () => this.#snapshot.revision,
      refresh: () => this.#refresh(),
    });
  }

  /** Reads the first snapshot, and watches for others' changes from then on. @throws StateUnavailable, SecretUnreadable */
  static async over(database: StateDatabase, secrets: SecretBox): Promise<StoredState> {
    const state = new StoredState(database, secrets);
    await state.#refresh();
    state.#watch.begin();
    return state;
  }

  get snapshot(): StateSnapshot {
    return this.#snapshot;
  }

  get reachable(): boolean {
    return this.#watch.reachable;
  }

  get outdated(): boolean {
    return this.#watch.outdated;
  }

  onSnapshot(listener: (snapshot: StateSnapshot, before: StateSnapshot) => void): () => void {
    this.#snapshotListeners.add(listener);
    return () => {
      this.#snapshotListeners.delete(listener);
    };
  }

  async caughtUp(): Promise<void> {
    if (!this.reachable) return;
    const late = new AbortController();
    try {
      await Promise.race([this.#watch.asked(), delay(CATCH_UP_MS, undefined, { signal: late.signal, ref: false })]);
    } finally {
      late.abort();
    }
  }

  onReachable(listener: (reachable: boolean, problem: string | null) => void): () => void {
    return this.#watch.onReachable(listener);
  }

  change<Result>(author: Author, work: (state: StateTransaction) => Promise<Result>): Promise<Result> {
    const deadline = performance.now() + CHANGE_DEADLINE_MS;
    const changed = this.#lane.then(() => this.#changeUntil(deadline, author, work));
    this.#lane = changed.catch(() => undefined);
    return changed;
  }

  async auditTrail({ before, limit }: { before?: number; limit: number }): Promise<readonly AuditRecord[]> {
    if (!Number.isSafeInteger(limit) || limit < 1) throw new RangeError('the limit of an audit trail is 1 or more');
    this.#refuseAfterClose();
    return this.#database.read((db) => readAudit(db, before, limit));
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#snapshotListeners.clear();
    await this.#watch.end();
    await this.#lane;
    await this.#database.close();
  }

  async #changeUntil<Result>(
    deadline: number,
    author: Author,
    work: (state: StateTransaction) => Promise<Result>,
  ): Promise<Result> {
    for (let attempt = 1; ; attempt += 1) {
      this.#refuseAfterClose();
      if (performance.now() >= deadline || attempt > MAX_CHANGE_ATTEMPTS) {
        throw new StateUnavailable(`the change was not made in ${CHANGE_DEADLINE_MS} ms: others were in the way`);
      }
      try {
        return await this.#attempt(deadline, author, work);
      } catch (error) {
        // The watch finds out whether it is more than this one change.
        if (error instanceof StateUnavailable) this.#watch.ask();
        if (!(error instanceof InTheWay)) throw error;
      }
      const longest = Math.min(RETRY_DELAY_MS.least * attempt, RETRY_DELAY_MS.most);
      await delay(longest * (1 + Math.random()));
    }
  }

  async #attempt<Result>(
    deadline: number,
    author: Author,
    work: (state: StateTransaction) => Promise<Result>,
  ): Promise<Result> {
    const refusals: { readonly error: unknown }[] = [];
    try {
      const { result, changes, base } = await this.#database.write(async (db, head) => {
        const state = new RecordTransaction(db, head.revision + 1, this.#secrets, this.#database.clock);
        const outcome = await this.#run(deadline, state, work);
        if (state.failure !== null) throw state.failure.error;
        if ('error' in outcome) {
          refusals.push(outcome);
          throw outcome.error;
        }
        return this.#conclude(db, head, author, state, outcome.result);
      });
      if (changes !== null) this.#replace(changes, base);
      return result;
    } catch (error) {
      // Where the rollback fails as well, the caller hears why it was rolled back.
      const [refusal = { error }] = refusals;
      throw refusal.error;
    }
  }

  /** Runs the caller's part, which may not hold up the other nodes for longer than the deadline. */
  async #run<Result>(
    deadline: number,
    state: RecordTransaction,
    work: (state: StateTransaction) => Promise<Result>,
  ): Promise<{ readonly result: Result } | { readonly error: unknown }> {
    const late = new AbortController();
    try {
      const tooLate = delay(Math.max(deadline - performance.now(), 0), undefined, { signal: late.signal }).then(() => {
        state.abandon();
        throw new StateUnavailable(`the change took longer than ${CHANGE_DEADLINE_MS} ms`);
      });
      tooLate.catch(() => undefined);
      const result = await Promise.race([work(state), tooLate]);
      await Promise.race([state.end(), tooLate]);
      return { result };
    } catch (error) {
      state.abandon();
      return { error };
    } finally {
      late.abort();
    }
  }

  /** The end of a change: its revision, its audit, and what the next snapshot needs of it. */
  async #conclude<Result>(
    db: StateQueries,
    head: Head,
    author: Author,
    state: RecordTransaction,
    result: Result,
  ): Promise<Made<Result>> {
    const base = this.#snapshot;
    if (!state.wrote) return { result, changes: null, base };
    const { revision } = state;
    await db.updateTable('head').set({ revision }).where('id', '=', 1).execute();
    await writeAudit(db, author, revision, state.auditEntries);
    if (revision % PRUNE_EVERY_REVISIONS === 0) await prune(db, revision - DELETIONS_KEPT_REVISIONS, head);
    // Read before the commit: after it nothing may fail any more.
    const known = { revision: base.revision, history: this.#history };
    const changes = await readChanges(db, known, this.#secrets);
    await this.#database.announce(db, revision);
    return { result, changes, base };
  }

  async #refresh(): Promise<void> {
    const base = this.#snapshot;
    const known = { revision: base.revision, history: this.#history };
    const changes = await this.#database.read((db) => readChanges(db, known, this.#secrets));
    if (changes !== null) this.#replace(changes, base);
  }

  /**
   * Changes and refreshes overlap. One that ends later and knows less counts for nothing, but where the database itself
   * went back: then the snapshot is still the one against which that was found.
   */
  #replace(changes: StateChanges, base: StateSnapshot): void {
    const before = this.#snapshot;
    if (changes.revision <= before.revision && before !== base) return;
    const snapshot = applyChanges(before, changes);
    this.#snapshot = snapshot;
    this.#history = changes.history;
    for (const listener of [...this.#snapshotListeners]) {
      try {
        listener(snapshot, before);
      } catch (error) {
        // A mistake of one listener is nothing to the others, nor to who has made the change.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  #refuseAfterClose(): void {
    if (this.#closing !== null) throw new StateUnavailable('the state was closed');
  }
}

/** Removes the marks of what was deleted up to a revision. */
async function prune(db: StateQueries, upTo: number, { deletionsFrom }: Head): Promise<void> {
  if (upTo <= deletionsFrom) return;
  await db.deleteFrom('records').where('body', 'is', null).where('revision', '<=', upTo).execute();
  await db.updateTable('head').set({ deletions_from: upTo }).where('id', '=', 1).execute();
}
