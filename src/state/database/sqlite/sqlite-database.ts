import { sql } from 'kysely';
import { SQLITE_POLL_MS } from '../../limits.ts';
import { StateUnavailable } from '../../state-store.ts';
import { readHead, type Head, type StateQueries } from '../schema.ts';
import { InTheWay, type StateDatabase } from '../state-database.ts';
import { makeSqliteFile, openSqliteFile, type SqliteFile } from './sqlite-file.ts';

/** The state in one file, for the processes of one machine. */
export class SqliteStateDatabase implements StateDatabase {
  readonly kind = 'sqlite';
  readonly clock = sql<number>`cast(unixepoch('subsec') * 1000 as integer)`;
  readonly pollMs = SQLITE_POLL_MS;
  readonly #file: string;
  #opened: SqliteFile | null;
  #opening: Promise<SqliteFile> | null = null;
  /** The `data_version` that `changed` has seen; null: another file since. */
  #seen: number | null = null;
  #closed = false;

  private constructor(file: string, opened: SqliteFile) {
    this.#file = file;
    this.#opened = opened;
  }

  /** Makes the file where there is none. @throws StateUnavailable, StateVersionError */
  static async open(file: string): Promise<SqliteStateDatabase> {
    makeSqliteFile(file);
    return new SqliteStateDatabase(file, await openSqliteFile(file));
  }

  async write<Result>(work: (db: StateQueries, head: Head) => Promise<Result>): Promise<Result> {
    const { writer } = await this.#current();
    return writer.transaction().execute(async (transaction) => work(transaction, await readHead(transaction)));
  }

  async note<Result>(work: (db: StateQueries) => Promise<Result>): Promise<Result> {
    const { notes } = await this.#current();
    return notes.transaction().execute(work);
  }

  /** Others see the commit in their `data_version`. */
  announce(): Promise<void> {
    return Promise.resolve();
  }

  async read<Result>(work: (db: StateQueries) => Promise<Result>): Promise<Result> {
    const { reader } = await this.#current();
    try {
      return await reader.transaction().execute(work);
    } catch (error) {
      if (error instanceof InTheWay) throw new StateUnavailable(error.message, { cause: error });
      throw error;
    }
  }

  async changed(): Promise<boolean> {
    const version = (await this.#current()).dataVersion();
    if (version === this.#seen) return false;
    this.#seen = version;
    return true;
  }

  /** Nobody tells: it is asked often enough. */
  onNotice(): void {
    return;
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#opened?.close();
    this.#opened = null;
    return Promise.resolve();
  }

  /**
   * The connections to the file that has the name now. What is written to one that somebody has removed or replaced would be
   * lost, so those connections are closed.
   */
  async #current(): Promise<SqliteFile> {
    if (this.#closed) throw new StateUnavailable(`${this.#file} was closed`);
    if (this.#opened?.isInPlace() === true) return this.#opened;
    this.#opened?.close();
    this.#opened = null;
    this.#opening ??= openSqliteFile(this.#file).finally(() => {
      this.#opening = null;
    });
    const opened = await this.#opening;
    // close() may have come meanwhile, for which this is too late.
    if (this.#isClosed()) {
      opened.close();
      throw new StateUnavailable(`${this.#file} was closed`);
    }
    this.#seen = null;
    this.#opened = opened;
    return opened;
  }

  #isClosed(): boolean {
    return this.#closed;
  }
}
