import type { StateQueries } from './database/schema.ts';
import type { AuditRecord, Author } from './records.ts';

export type AuditEntry = Pick<AuditRecord, 'operation' | 'resource' | 'before' | 'after'>;

export async function writeAudit(
  db: StateQueries,
  author: Author,
  revision: number,
  entries: readonly AuditEntry[],
): Promise<void> {
  const at = Date.now();
  for (const [position, { operation, resource, before, after }] of entries.entries()) {
    await db
      .insertInto('audit')
      .values({
        revision,
        position,
        at,
        access_key_id: author.accessKeyId,
        remote_address: author.remoteAddress,
        operation,
        resource,
        before: toJson(before),
        after: toJson(after),
      })
      .execute();
  }
}

/** What is not there is null in JSON. */
function toJson(value: unknown): string {
  return JSON.stringify(value ?? null);
}

/**
 * Newest first, of revisions below `before`, at most `limit`. The entries of one revision stay together, so that `before` can go on
 * where the last answer ended; one revision alone is cut where it has more than `limit`.
 */
export async function readAudit(
  db: StateQueries,
  before: number | undefined,
  limit: number,
): Promise<readonly AuditRecord[]> {
  const newest = db.selectFrom('audit').selectAll().orderBy('revision', 'desc').orderBy('position', 'desc');
  const rows = await (before === undefined ? newest : newest.where('revision', '<', before)).limit(limit + 1).execute();
  const over = rows[limit];
  let kept = rows.slice(0, limit);
  if (over !== undefined) {
    const wholeRevisions = kept.filter(({ revision }) => revision !== over.revision);
    if (wholeRevisions.length > 0) kept = wholeRevisions;
  }
  return kept.map((row) => ({
    revision: row.revision,
    at: row.at,
    accessKeyId: row.access_key_id,
    remoteAddress: row.remote_address,
    operation: row.operation,
    resource: row.resource,
    before: JSON.parse(row.before) as unknown,
    after: JSON.parse(row.after) as unknown,
  }));
}
