import type { ListedUpload } from '../api/multipart-api.ts';
import type { S3Context } from '../s3-context.ts';

/** Of an upload about which only a journal's clock is known. Clocks differ, and a creation is tried for a minute. */
const WINDOW_MS = 120_000;

/** Listed times are whole seconds on some stores. */
const RESOLUTION_MS = 1_000;

/** Uploads that may have begun although nobody got their ids, since the answer was lost or the process died. */
export interface LostUploads {
  readonly key: string;
  /** When the first of them was asked for, in milliseconds. */
  readonly at: number;
  /** There are no more than this. */
  readonly tries: number;
  /** The upload that the same creation ended with, and how many milliseconds after `at`. */
  readonly sibling?: { readonly uploadId: string; readonly afterMs: number };
}

/**
 * Aborts lost uploads. S3 shows neither metadata nor content of an upload under way, so that it is ours follows from
 * everything else: its key and time, that no journal has it, that no part was sent to it, that the same account began
 * it, and that there are no more of the kind than tries. Where that does not hold it may be another program's: it
 * stays, and is logged with its id (`UPLOAD_UNKNOWN`).
 *
 * False if it cannot be known yet: another process, none of the journals `dead`, is beginning an upload of the key.
 * Throws StorageError.
 */
export async function abortOrphans(
  { multipart, journal, events }: Pick<S3Context, 'multipart' | 'journal' | 'events'>,
  lost: LostUploads,
  dead: ReadonlySet<string>,
): Promise<boolean> {
  // Before the claims: an upload is announced before it begins, so what is listed and ours is claimed by now.
  const listed: ListedUpload[] = [];
  for await (const page of multipart.list(lost.key)) listed.push(...page.filter(({ key }) => key === lost.key));
  const claims = await journal.claims(dead);
  if (claims === undefined) return true;
  const sibling = listed.find(({ uploadId }) => uploadId === lost.sibling?.uploadId);
  const unclaimed = listed.filter(
    (upload) => upload !== sibling && !claims.ids.has(upload.uploadId) && isFrom(upload, lost, sibling),
  );
  if (unclaimed.length === 0) return true;
  if (claims.pending.has(lost.key)) return false;
  const idle: ListedUpload[] = [];
  const unknown: ListedUpload[] = [];
  for (const upload of unclaimed) ((await multipart.hasParts(upload)) ? unknown : idle).push(upload);
  if (idle.length > lost.tries) unknown.push(...idle.splice(0));
  for (const upload of idle) await multipart.abort(upload);
  for (const { key, uploadId, initiated } of unknown) events('UPLOAD_UNKNOWN', { key, uploadId, initiated });
  return true;
}

/** Whether it began while the lost ones were asked for, and by the same account as far as the store tells. */
function isFrom(upload: ListedUpload, lost: LostUploads, sibling: ListedUpload | undefined): boolean {
  if (sibling === undefined || lost.sibling === undefined) return Math.abs(upload.initiated - lost.at) <= WINDOW_MS;
  const before = sibling.initiated - upload.initiated;
  return (
    before >= -RESOLUTION_MS &&
    before <= lost.sibling.afterMs + 2 * RESOLUTION_MS &&
    upload.initiator === sibling.initiator
  );
}
