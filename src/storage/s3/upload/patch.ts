import { randomBytes } from 'node:crypto';
import { StorageError } from '../../object-store.ts';
import { copyObject, restoreObject } from './copy.ts';
import type { S3Context } from '../s3-context.ts';
import type { HeldNames } from '../claims/name-claims.ts';
import { UPLOAD_TAG, type WriteCondition } from '../api/object-fields.ts';
import type { JournalEntry } from '../journal/upload-journal.ts';
import { assemble, type AssembleContext } from './assemble.ts';
import type { MultipartUpload, NewObject } from './multipart.ts';
import { Overlay } from './overlay.ts';
import type { PartStream } from './part-stream.ts';
import type { VersionReference } from '../api/object-info.ts';

export type PatchContext = AssembleContext & Pick<S3Context, 'keys' | 'readBase' | 'own'>;

/** The upload that was sent, before its patches are applied. */
export interface PatchedUpload {
  readonly upload: MultipartUpload;
  /** Its tag, which must not be that of `target`. */
  readonly tag: string;
  readonly stream: PartStream;
}

/** How it is ended: under the claim on its path. */
export interface PatchEnd {
  /** What must be at the key for the unpatched object to be stored. */
  readonly condition: WriteCondition;
  readonly held: HeldNames;
  readonly signal: AbortSignal;
}

/**
 * Ends an upload in which bytes were changed after their part had been sent, as programs do that write a header last.
 * S3 neither changes a stored part nor lets one be read before the upload is complete. So the unpatched object is
 * completed first, at the file's own key, and then replaced by one that takes all the other bytes from it inside the
 * store. For that moment the unpatched file can be seen; the file that was there before is kept aside and comes back if
 * anything fails, or with the sweeper after a crash. Files that are read or changed from the start never come here.
 *
 * Throws StorageError; the upload is ended in any case.
 */
export async function completePatched(
  context: PatchContext,
  { upload, tag, stream }: PatchedUpload,
  target: NewObject,
  { condition, held, signal }: PatchEnd,
): Promise<VersionReference> {
  const old = await context.objects.head(target.key);
  const copy = old === undefined ? undefined : context.keys.reservedKey('kept', randomBytes(16).toString('hex'));
  const entry = await context.journal.announce({
    kind: 'restore',
    key: target.key,
    tag,
    ...(copy === undefined ? {} : { copy }),
  });
  let stored: VersionReference;
  try {
    if (old !== undefined && copy !== undefined) await copyObject(context.own, old, copy, { exclusive: false });
    const unpatched = await upload.complete(stream.nextNumber - 1, stream.sent, condition);
    // Another writer's object: no byte of it belongs into this file.
    if (unpatched.properties.metadata[UPLOAD_TAG] !== tag) {
      throw new StorageError('changed', 'Another client has replaced the file in the meantime.');
    }
    const patches = stream.patches;
    const overlay = new Overlay(unpatched, context.readBase, undefined, {
      spool: patches?.spool,
      baseEnd: Math.min(stream.sent, patches?.cut ?? stream.sent, stream.size),
      size: stream.size,
    });
    const over = { exclusive: false, replaces: unpatched.etag };
    stored = await assemble(context, overlay, target, { commit: async (store) => store(over, held), signal });
  } catch (error) {
    // First: a completion that the store still has under way would undo what is put back.
    if (await upload.abort()) await putBack(context, { key: target.key, tag, copy }, entry);
    else entry.leave(error);
    throw error;
  }
  await discardCopy(context, copy, entry);
  return stored;
}

/** The object with the tag is the unpatched one, whether or not its completion was confirmed. */
async function putBack(
  context: PatchContext,
  object: { readonly key: string; readonly tag: string; readonly copy: string | undefined },
  entry: JournalEntry,
): Promise<void> {
  try {
    await restoreObject(context.own, object);
    entry.end();
  } catch (error) {
    entry.leave(error);
  }
}

async function discardCopy(context: PatchContext, copy: string | undefined, entry: JournalEntry): Promise<void> {
  try {
    if (copy !== undefined) await context.own.objects.delete(copy);
    entry.end();
  } catch (error) {
    entry.leave(error);
  }
}
