import { chmodSync, closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import { SQLITE_OPEN_DEADLINE_MS, SQLITE_READ_BUSY_MS } from '../../limits.ts';
import { StateUnavailable } from '../../state-store.ts';
import { migrate } from '../migrate.ts';
import type { Schema, StateQueries } from '../schema.ts';
import { InTheWay } from '../state-database.ts';
import { NodeSqliteDialect, type BeginStatement } from './node-sqlite-dialect.ts';
import { sqliteProblem } from './sqlite-problem.ts';

/** Between two attempts to open a file that another process is opening, too. */
const OPEN_RETRY_MS = 20;

/** The connections of one process: what the others commit, the reader sees in its `data_version`. */
export interface SqliteFile {
  readonly writer: StateQueries;
  /** Writes without waiting for the disk. */
  readonly notes: StateQueries;
  readonly reader: StateQueries;
  /** Another number after any commit of anybody but the reader. */
  dataVersion(): number;
  /** Whether `file` is still what was opened: somebody may have removed or replaced it. */
  isInPlace(): boolean;
  close(): void;
}

/**
 * Makes the file, for its owner only, and its directory where there is none. Where its journal is there, it is not made: the journal
 * holds changes of a file that somebody has moved away, and would be written into the new one. @throws StateUnavailable
 */
export function makeSqliteFile(file: string): void {
  if (!existsSync(file) && existsSync(`${file}-wal`)) {
    throw new StateUnavailable(
      `${file} is not there, but its journal ${file}-wal is: put the file back, or remove both`,
    );
  }
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    // SQLite gives the files beside it (-wal, -shm) the mode of this one.
    closeSync(openSync(file, 'a', 0o600));
    chmodSync(file, 0o600);
  } catch (error) {
    throw new StateUnavailable(`${file} cannot be made: ${(error as Error).message}`, { cause: error });
  }
}

/** Opens a file that exists and brings its schema up to date. @throws StateUnavailable, StateVersionError */
export async function openSqliteFile(file: string): Promise<SqliteFile> {
  const identity = identityOf(file);
  if (identity === null) throw new StateUnavailable(`${file} is not there`);
  const problemOf = (error: unknown): unknown => sqliteProblem(error, file);
  const opened: DatabaseSync[] = [];
  // Loaded here: Node says that it is experimental, which is of no interest where the state is elsewhere.
  const { DatabaseSync } = await import('node:sqlite');
  const close = (): void => {
    for (const database of opened.splice(0)) database.close();
  };
  const connect = (begin: BeginStatement): { database: DatabaseSync; queries: StateQueries } => {
    const database = new DatabaseSync(file);
    opened.push(database);
    database.exec(`PRAGMA busy_timeout = ${SQLITE_READ_BUSY_MS}`);
    database.exec('PRAGMA journal_mode = WAL');
    // In WAL mode only FULL makes each commit durable.
    database.exec('PRAGMA synchronous = FULL');
    database.exec('PRAGMA foreign_keys = ON');
    return { database, queries: new Kysely<Schema>({ dialect: new NodeSqliteDialect(database, begin, problemOf) }) };
  };
  try {
    return await whileOthersOpen(file, async () => {
      close();
      try {
        const writer = connect('begin immediate');
        await writer.queries.transaction().execute((transaction) => migrate(transaction));
        const reader = connect('begin');
        const notes = connect('begin immediate');
        // The journal keeps its order: a change that is synced later takes these with it.
        notes.database.exec('PRAGMA synchronous = NORMAL');
        // Who waits here would stop the whole process. Attempts are repeated instead.
        for (const { database } of [writer, notes]) database.exec('PRAGMA busy_timeout = 0');
        const version = reader.database.prepare('PRAGMA data_version');
        return {
          writer: writer.queries,
          notes: notes.queries,
          reader: reader.queries,
          dataVersion: () => readDataVersion(version, problemOf),
          isInPlace: () => identityOf(file) === identity,
          close,
        };
      } catch (error) {
        throw problemOf(error);
      }
    });
  } catch (error) {
    close();
    throw error;
  }
}

async function whileOthersOpen<Result>(file: string, open: () => Promise<Result>): Promise<Result> {
  const deadline = performance.now() + SQLITE_OPEN_DEADLINE_MS;
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof InTheWay)) throw error;
      if (performance.now() > deadline) {
        throw new StateUnavailable(`${file} is locked by another process`, { cause: error });
      }
    }
    await delay(OPEN_RETRY_MS);
  }
}

function readDataVersion(statement: StatementSync, problemOf: (error: unknown) => unknown): number {
  try {
    return Number(statement.get()?.['data_version']);
  } catch (error) {
    throw problemOf(error);
  }
}

/** Null: it is not there, or cannot be looked at. */
function identityOf(file: string): string | null {
  const stats = statSync(file, { throwIfNoEntry: false, bigint: true });
  return stats === undefined ? null : `${stats.dev}:${stats.ino}`;
}
