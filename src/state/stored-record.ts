import type { StateQueries } from './database/schema.ts';
import { RECORD_KINDS, type RecordKey, type RecordKind, type RecordKinds } from './record-kinds.ts';
import type { SecretBox } from './secret-box.ts';
import type { Draft } from './state-store.ts';

/** A row of `records` that is not deleted. */
interface StoredRow extends RecordKey {
  readonly revision: number;
  readonly body: string;
  readonly secret: string | null;
}

/** What a row takes of a record, encrypted where it is secret. */
export function encodeRecord<Kind extends RecordKind>(
  kind: Kind,
  record: Draft<RecordKinds[Kind]>,
  secrets: SecretBox,
): RecordKey & { readonly body: string; readonly secret: string | null } {
  const { keyOf, secret: member } = RECORD_KINDS[kind];
  const at = keyOf(record);
  // A draft may be a record with its old revision: that member is the row's.
  const members = Object.entries(record).filter(([name]) => name !== 'revision' && name !== member);
  const body = JSON.stringify(Object.fromEntries(members));
  if (member === null) return { ...at, body, secret: null };
  const plain = (record as Partial<Record<string, unknown>>)[member];
  if (typeof plain !== 'string') throw new TypeError(`${kind}: ${member} is no text`);
  return { ...at, body, secret: secrets.seal(plain, placeOf(kind, at)) };
}

/** @throws SecretUnreadable */
export function decodeRecord<Kind extends RecordKind>(
  kind: Kind,
  row: StoredRow,
  secrets: SecretBox,
): RecordKinds[Kind] {
  const { secret: member } = RECORD_KINDS[kind];
  // The body is what `encodeRecord` has made of such a record.
  const members = JSON.parse(row.body) as Record<string, unknown>;
  members['revision'] = row.revision;
  if (member !== null) members[member] = secrets.open(row.secret ?? '', placeOf(kind, row));
  return members as unknown as RecordKinds[Kind];
}

function placeOf(kind: RecordKind, { parent, key }: RecordKey): readonly string[] {
  return [kind, parent, key];
}

/** The rows of one kind that are not deleted, of one server where `parent` is not null. */
export async function readRecords<Kind extends RecordKind>(
  db: StateQueries,
  secrets: SecretBox,
  kind: Kind,
  parent = '',
): Promise<RecordKinds[Kind][]> {
  const rows = await db
    .selectFrom('records')
    .select(['parent', 'key', 'revision', 'body', 'secret'])
    .where('kind', '=', kind)
    .where('parent', '=', parent)
    .where('body', 'is not', null)
    .orderBy('key')
    .execute();
  return rows.flatMap(({ body, ...row }) => (body === null ? [] : [decodeRecord(kind, { ...row, body }, secrets)]));
}
