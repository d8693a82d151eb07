import { StorageError } from '../../object-store.ts';
import { abortReason } from '../../flow/clock.ts';
import { sameEtag } from '../api/etag.ts';
import { changed, type ObjectApi } from '../api/object-api.ts';
import type { Commit, StoreVersion } from './commit.ts';
import { MultipartUpload, type MultipartContext, type NewObject } from './multipart.ts';
import type { Overlay } from './overlay.ts';
import type { S3Context } from '../s3-context.ts';
import { planParts } from './part-plan.ts';
import type { VersionReference } from '../api/object-info.ts';

export type AssembleContext = MultipartContext & Pick<S3Context, 'objects' | 'buffers' | 'plan'>;

/**
 * Stores an overlay as an object: in one request if it fits into one part, otherwise as parts, of which those that the
 * base has already are copied inside the store. The base must still be what it was ('changed'): the parts copied are
 * pinned to it, and since not every store heeds the pin it is looked at once more at the end: by `commit`, where the
 * overlay is to replace it. Throws StorageError.
 */
export async function assemble(
  context: AssembleContext,
  overlay: Overlay,
  target: NewObject,
  { commit, signal }: { readonly commit: Commit; readonly signal: AbortSignal },
): Promise<VersionReference> {
  const { size } = overlay;
  if (size <= context.plan.sizeOf(1)) {
    const memory = size === 0 ? undefined : await context.buffers.acquire(context.plan.sizeOf(1), signal);
    try {
      const body = memory === undefined ? Buffer.alloc(0) : memory.buffer.subarray(0, size);
      await overlay.read(0, body);
      const put: StoreVersion = async (condition) =>
        context.objects.put(target.key, body, target.properties, { ...condition, signal });
      return await commit(put, { looksFirst: false });
    } finally {
      memory?.release();
    }
  }
  const { sameBytes } = context.objects;
  // What is put together here goes through memory, so its parts are no larger than what there is.
  const plan = { sizeOf: (number: number) => Math.min(context.plan.sizeOf(number), context.buffers.largest) };
  const parts = planParts(size, overlay.cleanRuns(), plan);
  const upload = new MultipartUpload(context, target);
  try {
    for (const { number, from, to, copy } of parts) {
      if (signal.aborted) throw abortReason(signal);
      if (copy && overlay.base !== undefined) {
        await upload.copy(number, sameBytes.latest(overlay.base), from, to);
        continue;
      }
      const memory = await context.buffers.acquire(plan.sizeOf(number), signal);
      const body = memory.buffer.subarray(0, to - from);
      try {
        await overlay.read(from, body);
      } catch (error) {
        memory.release();
        throw error;
      }
      await upload.send(number, body, memory.release);
    }
    await upload.drain();
    const { base } = overlay;
    if (base !== undefined && base.key !== target.key && overlay.cleanRuns().length > 0) {
      await checkUnchanged(context.objects, base);
    }
    return await commit(async (condition) => upload.complete(parts.length, size, condition), { looksFirst: true });
  } catch (error) {
    await upload.abort();
    throw error;
  }
}

/**
 * Zeros are cheap for a client to ask for and have to be sent to the store one by one. Throws 'too-large' where `holes`
 * bytes that nobody has written are more than `most`.
 */
export function checkSparse(holes: number, most: number): void {
  if (holes <= most) return;
  throw new StorageError('too-large', `The file has more empty space than this server stores (${most} bytes).`, {
    detail: `${holes} bytes were never written`,
  });
}

/** Throws 'changed' if the object at the base's key is another one, and nothing is known of where it went. */
export async function checkUnchanged(objects: ObjectApi, base: VersionReference): Promise<void> {
  const { key, etag } = objects.sameBytes.latest(base);
  const now = await objects.head(key);
  if (now === undefined || !sameEtag(now.etag, etag)) throw changed();
}
