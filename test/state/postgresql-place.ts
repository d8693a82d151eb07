// A PostgreSQL server of the tests: Debian's package, with its data in a directory of its own, on a Unix socket there and on no
// port. It refuses to run as root, so there it runs as the user that the package has made.
import { spawnSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { userInfo, tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { StateSettings } from '../../src/state/open-state.ts';
import { findPeer } from '../peers/peers.ts';
import { mustRun, ServerProcess } from '../peers/process.ts';
import type { StatePlace } from './contract.ts';

/** The superuser of the databases. */
const USER = 'latticeport';

export interface PostgresPlace extends StatePlace {
  create(): Promise<StateSettings & { readonly type: 'postgresql' }>;
  /** The rows that a statement answers, in a database of `create` or beside them all. */
  query(sql: string, url?: string): Promise<unknown[]>;
  /** Everything that is connected to the database, but for who asks. */
  disconnect(settings: StateSettings): Promise<void>;
}

export function postgresPlace(): PostgresPlace {
  let directory = '';
  let server: ServerProcess | null = null;
  let count = 0;
  const command = (program: string): string[] => {
    const found = findPeer('postgresql')?.program(program);
    if (found === null || found === undefined) throw new Error(`there is no ${program}`);
    return [...asPostgres(), ...found];
  };
  const url = (schema: string): string =>
    `postgresql://${USER}@/postgres?host=${encodeURIComponent(directory)}&options=-c%20search_path=${schema}`;
  const start = async (): Promise<void> => {
    // fsync is for machines that lose power.
    const settings = ['listen_addresses=', `unix_socket_directories=${directory}`, 'fsync=off', 'max_connections=60'];
    server = new ServerProcess([
      ...command('postgres'),
      ...['-D', join(directory, 'data')],
      ...settings.flatMap((setting) => ['-c', setting]),
    ]);
    await server.said('ready to accept connections');
  };
  return {
    begin: async () => {
      directory = mkdtempSync(join(tmpdir(), 'lp-pg-'));
      const owner = postgresUser();
      if (owner !== null) chownSync(directory, owner.uid, owner.gid);
      await mustRun(
        [
          ...command('initdb'),
          ...['--pgdata', join(directory, 'data'), '--username', USER, '--auth', 'trust', '--no-sync'],
          ...['--encoding', 'UTF8', '--locale', 'C.UTF-8'],
        ],
        { cwd: directory },
      );
      await start();
    },
    end: async () => {
      await server?.stop('SIGINT');
      rmSync(directory, { recursive: true });
    },
    create: async () => {
      count += 1;
      // Much faster than a database.
      await query(url('public'), `create schema state_${count}`);
      return { type: 'postgresql', url: url(`state_${count}`) };
    },
    // SIGINT: connections are ended, and not waited for.
    takeAway: async () => {
      await server?.stop('SIGINT');
    },
    giveBack: start,
    bytes: async (settings) => {
      const rows: unknown[] = [];
      for (const table of ['head', 'records', 'audit', 'nodes', 'node_sessions', 'session_ends'])
        rows.push(...(await query(urlOf(settings), `select * from ${table}`)));
      return Buffer.from(JSON.stringify(rows));
    },
    run: async (settings, sql) => {
      await query(urlOf(settings), sql);
    },
    query: (text, at = url('public')) => query(at, text),
    disconnect: async (settings) => {
      await query(
        urlOf(settings),
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'latticeport'",
      );
    },
  };
}

export function urlOf(settings: StateSettings): string {
  if (settings.type !== 'postgresql') throw new Error('no PostgreSQL');
  return settings.url;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Null where this is not root. */
function postgresUser(): { uid: number; gid: number } | null {
  if (userInfo().uid !== 0) return null;
  const [uid = 0, gid = 0] = ['-u', '-g'].map((flag) =>
    Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout),
  );
  if (uid === 0) throw new Error('there is no user postgres to run PostgreSQL as');
  return { uid, gid };
}

function asPostgres(): string[] {
  const user = postgresUser();
  return user === null ? [] : ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', '--'];
}
