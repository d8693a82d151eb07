import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import {
  CompiledQuery,
  SqliteDialect,
  SqliteDriver,
  type DatabaseConnection,
  type SqliteDatabase,
  type SqliteStatement,
} from 'kysely';

/** More different statements than the store has. */
const MAX_STATEMENTS = 64;

/** How transactions of a connection begin: IMMEDIATE takes the lock that only one writer has. */
export type BeginStatement = 'begin' | 'begin immediate';

/**
 * Kysely over one connection of `node:sqlite`. Statements are synchronous: none waits for anything but the disk.
 * @param problemOf what an error of SQLite is to the caller
 */
export class NodeSqliteDialect extends SqliteDialect {
  readonly #database: SqliteDatabase;
  readonly #begin: BeginStatement;

  constructor(database: DatabaseSync, begin: BeginStatement, problemOf: (error: unknown) => unknown) {
    const adapted = adapt(database, problemOf);
    super({ database: adapted });
    this.#database = adapted;
    this.#begin = begin;
  }

  override createDriver(): NodeSqliteDriver {
    return new NodeSqliteDriver(this.#database, this.#begin);
  }
}

class NodeSqliteDriver extends SqliteDriver {
  readonly #begin: BeginStatement;

  constructor(database: SqliteDatabase, begin: BeginStatement) {
    super({ database });
    this.#begin = begin;
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(this.#begin));
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await super.rollbackTransaction(connection);
    } catch (error) {
      // SQLite itself rolls back where the disk fails. That failure is what the caller is to hear of.
      if (!String(error).includes('no transaction is active')) throw error;
    }
  }
}

function adapt(database: DatabaseSync, problemOf: (error: unknown) => unknown): SqliteDatabase {
  const guarded = <Result>(work: () => Result): Result => {
    try {
      return work();
    } catch (error) {
      throw problemOf(error);
    }
  };
  const statements = new Map<string, SqliteStatement>();
  return {
    close: () => {
      database.close();
    },
    prepare: (sql) => {
      const known = statements.get(sql);
      if (known !== undefined) return known;
      const statement = guarded(() => database.prepare(sql));
      const adapted: SqliteStatement = {
        reader: answersRows(sql),
        all: (parameters) => guarded(() => statement.all(...(parameters as SQLInputValue[]))),
        run: (parameters) => guarded(() => statement.run(...(parameters as SQLInputValue[]))),
        iterate: (parameters) => rows(statement, parameters as SQLInputValue[]),
      };
      if (statements.size >= MAX_STATEMENTS) statements.clear();
      statements.set(sql, adapted);
      return adapted;
    },
  };
}

function* rows(statement: StatementSync, parameters: SQLInputValue[]): IterableIterator<unknown> {
  yield* statement.iterate(...parameters);
}

/** Node 22 has nothing that says whether a statement answers rows. Kysely's builder writes these words in this way. */
function answersRows(sql: string): boolean {
  return /^\s*(?:select|with|pragma)\b/i.test(sql) || /\breturning\b/i.test(sql);
}
