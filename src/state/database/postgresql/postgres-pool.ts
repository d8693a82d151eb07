import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely';
import pg from 'pg';
import { POSTGRESQL_ANSWER_MS, POSTGRESQL_CONNECT_MS, POSTGRESQL_CONNECTIONS } from '../../limits.ts';
import { StateUnavailable } from '../../state-store.ts';
import type { Schema, StateQueries } from '../schema.ts';
import { postgresProblem } from './postgres-problem.ts';

/** Revisions and times are below 2^53. */
const INT8 = pg.types.builtins.INT8;

/** Host, port and database of a URL, as `pg` reads it: what messages may say of it. @throws StateUnavailable */
export function placeInWords(url: string): string {
  if (/^postgres(?:ql)?:\/\//.test(url)) {
    try {
      const { host, port, database } = new pg.Client({ connectionString: url });
      return `PostgreSQL ${host}:${port}/${database ?? ''}`;
    } catch {
      // The error holds the URL, and that the password.
    }
  }
  throw new StateUnavailable('the URL of the state cannot be read: postgresql://user@host:5432/database is expected');
}

/** What every connection has. */
export function clientSettings(url: string, answerMs = POSTGRESQL_ANSWER_MS): pg.ClientConfig {
  return {
    connectionString: url,
    application_name: 'latticeport',
    connectionTimeoutMillis: POSTGRESQL_CONNECT_MS,
    keepAlive: true,
    // Here, where the server does not answer any more; and there, where this node does not.
    query_timeout: answerMs,
    statement_timeout: answerMs,
    lock_timeout: answerMs,
    idle_in_transaction_session_timeout: 2 * answerMs,
    types: {
      getTypeParser: (oid, format) => (oid === INT8 ? Number : (pg.types.getTypeParser(oid, format) as unknown)),
    },
  };
}

/** Connections of which `end` waits for those in use. */
export interface OpenPool {
  readonly queries: StateQueries;
  readonly end: () => Promise<void>;
}

/** Kysely over a pool of connections. What goes wrong comes as `postgresProblem` says it. */
export function openPool(
  url: string,
  place: string,
  { connections = POSTGRESQL_CONNECTIONS, answerMs = POSTGRESQL_ANSWER_MS } = {},
): OpenPool {
  const pool = new pg.Pool({ ...clientSettings(url, answerMs), max: connections, allowExitOnIdle: true });
  // A connection that is lost while nobody uses it is none of the pool any more. The next one who asks gets another.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => {
    // While somebody uses it, that one's query fails with the same.
    client.on('error', () => undefined);
  });
  return {
    queries: new Kysely<Schema>({ dialect: new PostgresDialect({ pool: adapt(pool, place) }) }),
    end: () => pool.end(),
  };
}

function adapt(pool: pg.Pool, place: string): PostgresPool {
  return {
    options: pool.options,
    end: () => pool.end(),
    connect: async () => {
      const client = await guarded(place, () => pool.connect());
      // A statement without an answer still runs, and everything after it would wait behind it: such a connection is ended.
      let broken: StateUnavailable | null = null;
      const query = async (sql: string, parameters: readonly unknown[]): Promise<unknown> => {
        if (broken !== null) throw broken;
        try {
          return await guarded(place, () => client.query(sql, [...parameters]));
        } catch (error) {
          if (error instanceof StateUnavailable) broken = error;
          throw error;
        }
      };
      return {
        query: query as PostgresPoolClient['query'],
        release: (destroy) => {
          client.release(destroy === true || broken !== null);
        },
      };
    },
  };
}

async function guarded<Result>(place: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw postgresProblem(error, place);
  }
}
