import { randomBytes } from 'node:crypto';
import { StorageError } from '../../object-store.ts';
import type { Clock } from '../../flow/clock.ts';
import { copyObject, restoreObject, type CopyTools } from './copy.ts';
import type { KeySpace } from '../mapping/keys.ts';
import type { HeldNames } from '../claims/name-claims.ts';
import { UPLOAD_TAG, type WriteCondition } from '../api/object-fields.ts';
import type { JournalEntry } from '../journal/upload-journal.ts';
import { assemble, type AssembleTarget, type AssembleTools } from './assemble.ts';
import type { MultipartUpload } from './multipart.ts';
import { Overlay, type BaseReader } from './overlay.ts';
import type { PartStream } from './part-stream.ts';
import type { VersionReference } from '../api/object-info.ts';

export interface PatchTools extends AssembleTools {
  readonly copy: CopyTools;
  readonly keys: KeySpace;
  readonly readBase: BaseReader;
  readonly clock: Clock;
}

/** The upload that was sent, before its patches are applied. */
export interface PatchedUpload {
  readonly upload: MultipartUpload;
  /** Its tag, which must not be that of `target`. */
  readonly tag: string;
  readonly stream: PartStream;
}

/**
 * Ends an upload in which bytes were changed after their part had been sent, as programs do that write a header last.
 * S3 neither changes a stored part nor lets one be read before the upload is complete. So the unpatched object is
 * completed first, at the file's own key, and then replaced by one that takes all the other bytes from it inside the
 * store. For that moment the unpatched file can be seen; the file that was there before is kept aside and comes back if
 * anything fails, or with the sweeper after a crash. Files that are read or changed from the start never come here.
 *
 * Under the claim on the path; the unpatched object is stored under `condition`. Throws StorageError; the upload is ended in
 * any case.
 */
export async function completePatched(
  tools: PatchTools,
  { upload, tag, stream }: PatchedUpload,
  target: AssembleTarget,
  { condition, held }: { readonly condition: WriteCondition; readonly held: HeldNames },
  signal: AbortSignal,
): Promise<VersionReference> {
  const old = await tools.objects.head(target.key);
  const copy = old === undefined ? undefined : tools.keys.reservedKey('kept', randomBytes(16).toString('hex'));
  const entry = await tools.journal.announce({
    kind: 'restore',
    key: target.key,
    tag,
    ...(copy === undefined ? {} : { copy }),
  });
  let stored: VersionReference;
  try {
    if (old !== undefined && copy !== undefined) await copyObject(tools.copy, old, copy, { exclusive: false });
    const unpatched = await upload.complete(stream.nextNumber - 1, stream.sent, condition);
    // Another writer's object: no byte of it belongs into this file.
    if (unpatched.properties.metadata[UPLOAD_TAG] !== tag) {
      throw new StorageError('changed', 'Another client has replaced the file in the meantime.');
    }
    const patches = stream.patches;
    const overlay = new Overlay(unpatched, tools.readBase, undefined, {
      spool: patches?.spool,
      baseEnd: Math.min(stream.sent, patches?.cut ?? stream.sent, stream.size),
      size: stream.size,
    });
    const over = { exclusive: false, replaces: unpatched.etag };
    stored = await assemble(tools, overlay, target, async (store) => store(over, held), signal);
  } catch (error) {
    // First: a completion that the store still has under way would undo what is put back.
    if (await upload.abort()) await putBack(tools, target.key, tag, copy, entry);
    else entry.leave(error);
    throw error;
  }
  await discardCopy(tools, copy, entry);
  return stored;
}

/** The object with the tag is the unpatched one, whether or not its completion was confirmed. */
async function putBack(
  tools: PatchTools,
  key: string,
  tag: string,
  copy: string | undefined,
  entry: JournalEntry,
): Promise<void> {
  try {
    await restoreObject(tools.copy, { key, tag, copy });
    entry.end();
  } catch (error) {
    entry.leave(error);
  }
}

async function discardCopy(tools: PatchTools, copy: string | undefined, entry: JournalEntry): Promise<void> {
  try {
    if (copy !== undefined) await tools.objects.delete(copy);
    entry.end();
  } catch (error) {
    entry.leave(error);
  }
}
