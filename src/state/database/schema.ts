import type { Kysely } from 'kysely';
import { refuseNewer } from './schema-version.ts';

/** The one row that holds where the state is. Who changes the state locks it. */
interface HeadTable {
  /** Always 1. */
  id: number;
  revision: number;
  /** Marks of deletions exist for every revision above this one; see `DELETIONS_KEPT_REVISIONS`. */
  deletions_from: number;
  /** Chosen by chance when the state was made: revisions of another state say nothing about this one. */
  history: string;
}

/** Every record of every kind. A deleted one stays for a while without its body, so that other nodes learn of it. */
export interface RecordsTable {
  kind: string;
  /** The server that it belongs to, or empty. */
  parent: string;
  key: string;
  /** In which it was last changed, or deleted. */
  revision: number;
  /** JSON, without the revision and the secret. Null: deleted. */
  body: string | null;
  /** As SecretBox seals it. */
  secret: string | null;
}

interface AuditTable {
  revision: number;
  /** From 0 on, within the revision. */
  position: number;
  /** Milliseconds since the epoch. */
  at: number;
  access_key_id: string;
  remote_address: string;
  operation: string;
  resource: string;
  /** JSON. */
  before: string;
  after: string;
}

/** A process that has sessions. Its row is its heartbeat. */
interface NodesTable {
  node: string;
  /** For people: its machine. */
  name: string;
  /** Milliseconds since the epoch by `StateDatabase.clock`. */
  seen_at: number;
}

/** A session that is open now. It counts for as long as its node's heartbeat does. */
interface NodeSessionsTable {
  node: string;
  session: string;
  server: string;
  user_name: string;
  /** Milliseconds since the epoch. */
  connected_at: number;
  /** JSON of all that its node tells. */
  body: string;
}

/** A session that its node is to end. */
interface SessionEndsTable {
  node: string;
  session: string;
  /** Milliseconds since the epoch by `StateDatabase.clock`. */
  asked_at: number;
}

/** Which schema the database has. One row. Older software reads it, too: it never changes. */
interface VersionTable {
  /** Always 1. */
  id: number;
  version: number;
  compatible_from: number;
}

export interface Schema {
  schema_version: VersionTable;
  head: HeadTable;
  records: RecordsTable;
  audit: AuditTable;
  nodes: NodesTable;
  node_sessions: NodeSessionsTable;
  session_ends: SessionEndsTable;
}

/** The database itself, or a transaction of it. */
export type StateQueries = Kysely<Schema>;

/** The row of `head` without its id. */
export interface Head {
  readonly revision: number;
  readonly deletionsFrom: number;
  readonly history: string;
}

/**
 * With what every transaction begins: who changes something locks the row, and is then alone. A newer version may have changed the
 * schema since the start, so that is looked at each time. @throws StateVersionError
 */
export async function readHead(db: StateQueries, lock = false): Promise<Head> {
  const query = db.selectFrom('head').select(['revision', 'deletions_from', 'history']).where('id', '=', 1);
  const row = await (lock ? query.forUpdate() : query).executeTakeFirstOrThrow();
  const schema = db.selectFrom('schema_version').select(['version', 'compatible_from']).where('id', '=', 1);
  const { version, compatible_from: compatibleFrom } = await schema.executeTakeFirstOrThrow();
  refuseNewer({ version, compatibleFrom });
  return { revision: row.revision, deletionsFrom: row.deletions_from, history: row.history };
}
