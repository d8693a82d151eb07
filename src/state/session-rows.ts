import { sql, type RawBuilder } from 'kysely';
import type { StateQueries } from './database/schema.ts';
import { NODE_EXPIRY_MS, SESSION_END_KEPT_MS } from './limits.ts';
import type { OpenSession, SessionOnNode, SessionQuery } from './open-sessions.ts';

/** The database's clock: see `StateDatabase`. */
type Clock = RawBuilder<number>;

/** A statement takes so many rows: few sizes, because each is a statement that the database has to parse. */
const ROWS_OF_STATEMENTS = [64, 8, 1] as const;

/** The heartbeat. False: the node was not there, or others have removed it, and its sessions with it. */
export async function touchNode(db: StateQueries, clock: Clock, node: string, name: string): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('nodes')
    .set({ seen_at: clock })
    .where('node', '=', node)
    .executeTakeFirstOrThrow();
  if (numUpdatedRows > 0n) return true;
  await db.insertInto('nodes').values({ node, name, seen_at: clock }).execute();
  return false;
}

export async function writeSessions(db: StateQueries, node: string, sessions: readonly OpenSession[]): Promise<void> {
  for (const some of portions(sessions)) {
    await db
      .insertInto('node_sessions')
      .values(
        some.map((session) => ({
          node,
          session: session.sessionId,
          server: session.serverId,
          user_name: session.userName,
          connected_at: session.connectedAt,
          body: JSON.stringify(session),
        })),
      )
      .onConflict((conflict) =>
        conflict.columns(['node', 'session']).doUpdateSet((eb) => ({ body: eb.ref('excluded.body') })),
      )
      .execute();
  }
}

export async function removeSessions(db: StateQueries, node: string, sessions: readonly string[]): Promise<void> {
  for (const some of portions(sessions)) {
    await db.deleteFrom('node_sessions').where('node', '=', node).where('session', 'in', some).execute();
  }
}

export async function removeAllSessions(db: StateQueries, node: string): Promise<void> {
  await db.deleteFrom('node_sessions').where('node', '=', node).execute();
}

/** With its sessions. */
export async function removeNode(db: StateQueries, node: string): Promise<void> {
  await removeAllSessions(db, node);
  await db.deleteFrom('nodes').where('node', '=', node).execute();
}

/** Removes nodes whose heartbeat is old, their sessions, and ends that nobody has taken. */
export async function removeDead(db: StateQueries, clock: Clock): Promise<void> {
  const dead = await db
    .deleteFrom('nodes')
    .where('seen_at', '<=', sql<number>`${clock} - ${NODE_EXPIRY_MS}`)
    .returning('node')
    .execute();
  for (const { node } of dead) await removeAllSessions(db, node);
  await db
    .deleteFrom('session_ends')
    .where('asked_at', '<=', sql<number>`${clock} - ${SESSION_END_KEPT_MS}`)
    .execute();
}

/** Those that are wanted, of nodes whose heartbeat is young. */
export async function readSessions(
  db: StateQueries,
  clock: Clock,
  { servers, userName, after, limit }: SessionQuery,
): Promise<readonly SessionOnNode[]> {
  if (servers?.length === 0) return [];
  let wanted = living(db, clock).orderBy('connected_at').orderBy('session').limit(limit);
  if (servers !== null) wanted = wanted.where('server', 'in', servers);
  if (userName !== null) wanted = wanted.where('user_name', '=', userName);
  if (after !== null) {
    const { connectedAt, sessionId } = after;
    wanted = wanted.where((eb) =>
      eb.or([
        eb('connected_at', '>', connectedAt),
        eb.and([eb('connected_at', '=', connectedAt), eb('session', '>', sessionId)]),
      ]),
    );
  }
  return (await wanted.execute()).map(onNode);
}

/** null: no node that lives has it. */
export async function readSession(db: StateQueries, clock: Clock, sessionId: string): Promise<SessionOnNode | null> {
  const row = await living(db, clock).where('session', '=', sessionId).executeTakeFirst();
  return row === undefined ? null : onNode(row);
}

export async function askEnd(db: StateQueries, clock: Clock, node: string, session: string): Promise<void> {
  await db
    .insertInto('session_ends')
    .values({ node, session, asked_at: clock })
    .onConflict((conflict) => conflict.columns(['node', 'session']).doNothing())
    .execute();
}

export async function readEnds(db: StateQueries, node: string): Promise<readonly string[]> {
  const rows = await db.selectFrom('session_ends').select('session').where('node', '=', node).execute();
  return rows.map(({ session }) => session);
}

export async function removeEnds(db: StateQueries, node: string, sessions: readonly string[]): Promise<void> {
  for (const some of portions(sessions)) {
    await db.deleteFrom('session_ends').where('node', '=', node).where('session', 'in', some).execute();
  }
}

function living(db: StateQueries, clock: Clock) {
  return db
    .selectFrom('node_sessions')
    .innerJoin('nodes', 'nodes.node', 'node_sessions.node')
    .select(['nodes.node', 'nodes.name', 'node_sessions.body'])
    .where('nodes.seen_at', '>', sql<number>`${clock} - ${NODE_EXPIRY_MS}`);
}

function onNode({ node, name, body }: { node: string; name: string; body: string }): SessionOnNode {
  return { ...(JSON.parse(body) as OpenSession), node, nodeName: name };
}

function* portions<Item>(items: readonly Item[]): Generator<Item[]> {
  let done = 0;
  for (const size of ROWS_OF_STATEMENTS) {
    for (; items.length - done >= size; done += size) yield items.slice(done, done + size);
  }
}
