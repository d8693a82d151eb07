import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { StateQueries } from './database/schema.ts';
import { InTheWay, type StateDatabase } from './database/state-database.ts';
import { QUIET_REPORT_MS, REPORT_DEADLINE_MS, RETRY_DELAY_MS } from './limits.ts';
import type { NodeSessions, OpenSession, OpenSessions, SessionOnNode, SessionQuery } from './open-sessions.ts';
import {
  readEnds,
  readSessions,
  removeAllSessions,
  removeDead,
  removeEnds,
  removeNode,
  removeSessions,
  sessionRow,
  touchNode,
  writeSessions,
} from './session-rows.ts';
import { StateUnavailable } from './state-store.ts';

/** The list of open sessions over a database of any kind. */
export class SessionBoard implements OpenSessions {
  readonly #database: StateDatabase;

  constructor(database: StateDatabase) {
    this.#database = database;
  }

  asNode(name: string): NodeSessions {
    return new NodeBoard(this.#database, name);
  }

  list(query: SessionQuery): Promise<readonly SessionOnNode[]> {
    const { clock } = this.#database;
    return this.#database.read((db) => readSessions(db, clock, query));
  }
}

/** One node's part of it: remembers what it has written, to write what differs. */
class NodeBoard implements NodeSessions {
  readonly #database: StateDatabase;
  readonly #node = randomUUID();
  readonly #name: string;
  /** The bodies that stand in the database, by session; null: it is not known. */
  #written: ReadonlyMap<string, string> | null = null;
  #writtenAt = -Infinity;

  constructor(database: StateDatabase, name: string) {
    this.#database = database;
    this.#name = name;
  }

  async report(sessions: readonly OpenSession[]): Promise<void> {
    const before = this.#written;
    const isQuiet = sessions.length === 0 && before?.size === 0;
    if (isQuiet && performance.now() - this.#writtenAt < QUIET_REPORT_MS) return;
    const rows = sessions.map(sessionRow);
    // Where the end of the transaction is not heard of, everything is written the next time.
    this.#written = null;
    await this.#note(async (db) => {
      const { clock } = this.#database;
      const wasThere = await touchNode(db, clock, this.#node, this.#name);
      if (wasThere && before !== null) {
        const open = new Set(rows.map(({ session }) => session));
        const gone = [...before.keys()].filter((session) => !open.has(session));
        await removeSessions(db, this.#node, gone);
        await writeSessions(
          db,
          this.#node,
          rows.filter(({ session, body }) => before.get(session) !== body),
        );
      } else {
        await removeAllSessions(db, this.#node);
        await writeSessions(db, this.#node, rows);
      }
      await removeDead(db, clock);
    });
    this.#written = new Map(rows.map(({ session, body }) => [session, body]));
    this.#writtenAt = performance.now();
  }

  async takeEnds(): Promise<readonly string[]> {
    const asked = await this.#database.read((db) => readEnds(db, this.#node));
    if (asked.length === 0) return asked;
    try {
      await this.#note((db) => removeEnds(db, this.#node, asked));
    } catch (error) {
      // They are told again, which ends nothing else.
      if (!(error instanceof StateUnavailable)) throw error;
    }
    return asked;
  }

  async leave(): Promise<void> {
    this.#written = null;
    await this.#note((db) => removeNode(db, this.#node));
  }

  async #note<Result>(work: (db: StateQueries) => Promise<Result>): Promise<Result> {
    const deadline = performance.now() + REPORT_DEADLINE_MS;
    for (;;) {
      try {
        return await this.#database.note(work);
      } catch (error) {
        if (!(error instanceof InTheWay)) throw error;
        if (performance.now() >= deadline) throw new StateUnavailable(error.message, { cause: error });
      }
      await delay(RETRY_DELAY_MS.most * (0.5 + Math.random()));
    }
  }
}
