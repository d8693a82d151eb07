import { randomUUID } from 'node:crypto';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import type { StateQueries } from './database/schema.ts';
import { InTheWay, type StateDatabase } from './database/state-database.ts';
import { CHANGES_OF_REPORT, QUIET_REPORT_MS, REPORT_DEADLINE_MS, RETRY_DELAY_MS, ROWS_OF_NOTE } from './limits.ts';
import type { NodeSessions, OpenSession, OpenSessions, SessionOnNode, SessionQuery } from './open-sessions.ts';
import {
  readEnds,
  readSessions,
  removeAllSessions,
  removeDead,
  removeEnds,
  removeNode,
  removeSessions,
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
  /** What stands in the database, what was written longest ago first; null: it is not known. */
  #written: Map<string, OpenSession> | null = null;
  #reportedAt = -Infinity;

  constructor(database: StateDatabase, name: string) {
    this.#database = database;
    this.#name = name;
  }

  async report(sessions: readonly OpenSession[]): Promise<void> {
    const before = this.#written;
    const isQuiet = sessions.length === 0 && before?.size === 0;
    if (isQuiet && performance.now() - this.#reportedAt < QUIET_REPORT_MS) return;
    // Where the end of a transaction is not heard of, everything is written the next time.
    this.#written = null;
    const written = await this.#beat(before);
    const open = new Map(sessions.map((session) => [session.sessionId, session]));
    const gone = [...written.keys()].filter((sessionId) => !open.has(sessionId));
    for await (const some of slices(gone)) {
      await this.#note((db) => removeSessions(db, this.#node, some));
      for (const sessionId of some) written.delete(sessionId);
    }
    for await (const some of slices(due(open, written))) {
      await this.#note((db) => writeSessions(db, this.#node, some));
      for (const session of some) {
        written.delete(session.sessionId);
        written.set(session.sessionId, session);
      }
    }
    this.#written = written;
    this.#reportedAt = performance.now();
  }

  /** The heartbeat. Resolves to what stands in the database of this node, as far as `before` knows it. */
  #beat(before: Map<string, OpenSession> | null): Promise<Map<string, OpenSession>> {
    const { clock } = this.#database;
    return this.#note(async (db) => {
      const wasThere = await touchNode(db, clock, this.#node, this.#name);
      await removeDead(db, clock);
      if (wasThere && before !== null) return before;
      await removeAllSessions(db, this.#node);
      return new Map<string, OpenSession>();
    });
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

/** What is to be written: all that is new, and of what has changed so much as a report may, what waits longest first. */
function due(
  open: ReadonlyMap<string, OpenSession>,
  written: ReadonlyMap<string, OpenSession>,
): readonly OpenSession[] {
  const fresh = [...open.values()].filter(({ sessionId }) => !written.has(sessionId));
  const changed = [...written.values()].flatMap((before) => {
    const now = open.get(before.sessionId);
    return now === undefined || isSame(before, now) ? [] : [now];
  });
  return [...fresh, ...changed.slice(0, CHANGES_OF_REPORT)];
}

/** By what can change while a session is open. */
function isSame(one: OpenSession, other: OpenSession): boolean {
  return (
    one.bytesIn === other.bytesIn &&
    one.bytesOut === other.bytesOut &&
    one.openFiles === other.openFiles &&
    one.kex === other.kex
  );
}

/** Few at a time: SQLite stops the process while it writes, and packets must not wait for long. */
async function* slices<Item>(items: readonly Item[]): AsyncGenerator<readonly Item[]> {
  for (let done = 0; done < items.length; done += ROWS_OF_NOTE) {
    if (done > 0) await turn();
    yield items.slice(done, done + ROWS_OF_NOTE);
  }
}
