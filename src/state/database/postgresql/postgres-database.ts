import { sql } from 'kysely';
import { POSTGRESQL_MIGRATION_MS, POSTGRESQL_POLL_MS } from '../../limits.ts';
import { StateUnavailable } from '../../state-store.ts';
import { migrate } from '../migrate.ts';
import { MIGRATIONS } from '../migrations/index.ts';
import type { Migration } from '../migrations/migration.ts';
import { refuseNewer } from '../schema-version.ts';
import { readHead, type Head, type StateQueries } from '../schema.ts';
import { InTheWay, type StateDatabase } from '../state-database.ts';
import { CHANNEL, PostgresListener } from './postgres-listener.ts';
import { openPool, placeInWords, type OpenPool } from './postgres-pool.ts';

/** Any number that nobody else locks: "lattice" in hexadecimal, cut to 32 bits. */
const MIGRATION_LOCK = 0x6c617474;

/** The state in a PostgreSQL database, for any number of nodes. */
export class PostgresStateDatabase implements StateDatabase {
  readonly kind = 'postgresql';
  readonly clock = sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint`;
  readonly pollMs = POSTGRESQL_POLL_MS;
  readonly #pool: OpenPool;
  readonly #listener: PostgresListener;
  readonly #place: string;
  #closed = false;

  private constructor(url: string, place: string) {
    this.#place = place;
    this.#pool = openPool(url, place);
    this.#listener = new PostgresListener(url, place);
  }

  /** @throws StateUnavailable, StateVersionError */
  static async open(url: string, migrations: readonly Migration[] = MIGRATIONS): Promise<PostgresStateDatabase> {
    const place = placeInWords(url);
    const migration = openPool(url, place, { connections: 1, answerMs: POSTGRESQL_MIGRATION_MS });
    try {
      await migration.queries.transaction().execute(async (transaction) => {
        await sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`.execute(transaction);
        // Whatever the other nodes do begins with this table: those in the middle of it come to their end first.
        await migrate(transaction, migrations, async () => {
          await sql`lock table head in access exclusive mode`.execute(transaction);
        });
      });
    } catch (error) {
      throw unavailableForInTheWay(error);
    } finally {
      await migration.end();
    }
    return new PostgresStateDatabase(url, place);
  }

  async write<Result>(work: (db: StateQueries, head: Head) => Promise<Result>): Promise<Result> {
    this.#refuseAfterClose();
    return this.#pool.queries
      .transaction()
      .setIsolationLevel('read committed')
      .execute(async (transaction) => work(transaction, await readHead(transaction, true)));
  }

  async note<Result>(work: (db: StateQueries) => Promise<Result>): Promise<Result> {
    this.#refuseAfterClose();
    return this.#pool.queries
      .transaction()
      .setIsolationLevel('read committed')
      .execute(async (transaction) => {
        await sql`set local synchronous_commit = off`.execute(transaction);
        return work(transaction);
      });
  }

  async announce(db: StateQueries, revision: number): Promise<void> {
    await sql`select pg_notify(${CHANNEL}, ${String(revision)})`.execute(db);
  }

  async read<Result>(work: (db: StateQueries) => Promise<Result>): Promise<Result> {
    this.#refuseAfterClose();
    try {
      return await this.#pool.queries
        .transaction()
        .setIsolationLevel('repeatable read')
        .setAccessMode('read only')
        .execute(work);
    } catch (error) {
      throw unavailableForInTheWay(error);
    }
  }

  async changed(known: number): Promise<boolean> {
    const { revision, ...version } = await this.#listener.look();
    refuseNewer(version);
    return revision !== known;
  }

  onNotice(listener: () => void): void {
    this.#listener.onNotice(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    // Idle connections keep no process alive, so it could end before they have.
    const alive = setInterval(() => undefined, POSTGRESQL_POLL_MS);
    try {
      await this.#listener.close();
      await this.#pool.end();
    } finally {
      clearInterval(alive);
    }
  }

  #refuseAfterClose(): void {
    if (this.#closed) throw new StateUnavailable(`${this.#place} was closed`);
  }
}

function unavailableForInTheWay(error: unknown): unknown {
  return error instanceof InTheWay ? new StateUnavailable(error.message, { cause: error }) : error;
}
