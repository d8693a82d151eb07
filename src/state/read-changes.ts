import { readHead, type Head, type RecordsTable, type StateQueries } from './database/schema.ts';
import { isRecordKind, type RecordKey, type RecordKind, type RecordKinds } from './record-kinds.ts';
import type { SecretBox } from './secret-box.ts';
import { decodeRecord } from './stored-record.ts';

/** A record as it is now; null: deleted. */
interface RecordChange<Stored> extends RecordKey {
  readonly record: Stored | null;
}

/** What has changed between a revision that is known and a later one. Every record is there once, as it is at the later one. */
export interface StateChanges {
  readonly revision: number;
  readonly history: string;
  /** It begins with nothing: deletions since the known revision are no longer all known, or it is not of this history. */
  readonly whole: boolean;
  readonly records: { readonly [Kind in RecordKind]: readonly RecordChange<RecordKinds[Kind]>[] };
}

/** A state that was read before. */
export type KnownState = Pick<Head, 'revision' | 'history'>;

/**
 * Reads, in the transaction `db`, what is newer than what is known. Null: nothing is.
 * @throws SecretUnreadable
 */
export async function readChanges(
  db: StateQueries,
  known: KnownState,
  secrets: SecretBox,
): Promise<StateChanges | null> {
  const { revision, deletionsFrom, history } = await readHead(db);
  const same = history === known.history;
  if (same && revision === known.revision) return null;
  // Going back in revisions is what a database from a backup does.
  const whole = !same || known.revision < deletionsFrom || known.revision > revision;
  const every = db.selectFrom('records').select(['kind', 'parent', 'key', 'revision', 'body', 'secret']);
  const rows = await (
    whole ? every.where('body', 'is not', null) : every.where('revision', '>', known.revision)
  ).execute();

  const records: { [Kind in RecordKind]: RecordChange<RecordKinds[Kind]>[] } = {
    server: [],
    user: [],
    'host-key': [],
    access: [],
    'access-key': [],
  };
  for (const row of rows) {
    // Newer software may have stored kinds that are of no use here.
    if (isRecordKind(row.kind)) add(records, row.kind, row, secrets);
  }
  return { revision, history, whole, records };
}

function add<Kind extends RecordKind>(
  records: { readonly [Each in Kind]: RecordChange<RecordKinds[Each]>[] },
  kind: Kind,
  { body, ...row }: Omit<RecordsTable, 'kind'>,
  secrets: SecretBox,
): void {
  const record = body === null ? null : decodeRecord(kind, { ...row, body }, secrets);
  records[kind].push({ parent: row.parent, key: row.key, record });
}
