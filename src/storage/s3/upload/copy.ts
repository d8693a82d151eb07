import { createHash, randomBytes } from 'node:crypto';
import { bareEtag } from '../api/etag.ts';
import { UPLOAD_TAG } from '../api/object-fields.ts';
import type { CopyRequest } from '../api/copy-in-one.ts';
import { checkUnchanged } from './assemble.ts';
import { MultipartUpload, type MultipartContext } from './multipart.ts';
import type { S3Context } from '../s3-context.ts';
import { planParts } from './part-plan.ts';
import type { VersionReference, ObjectInfo } from '../api/object-info.ts';

/** CopyObject takes no more (Amazon S3 API Reference, CopyObject): larger objects are copied in parts. Bytes. */
export const MAX_SINGLE_COPY_BYTES = 5 * 1024 ** 3;

export type CopyContext = MultipartContext & Pick<S3Context, 'objects' | 'plan'>;

/**
 * Copies an object inside the store. The source is pinned: 'changed' if it is not the given version any more. Where the
 * target is not what `request` wants: 'exists' or 'changed', as far as the store checks that. Answers the copy.
 */
export async function copyObject(
  context: CopyContext,
  source: ObjectInfo,
  target: string,
  request: CopyRequest,
): Promise<VersionReference> {
  if (source.size <= MAX_SINGLE_COPY_BYTES) return context.objects.copy(source, target, request);
  if (source.key !== target) return copyInParts(context, source, target, request);
  // Onto itself: other properties for this version, and not this version over a later one.
  const { sameBytes } = context.objects;
  return sameBytes.during(target, async () => {
    const copied = await copyInParts(context, source, target, { ...request, replaces: source.etag });
    sameBytes.note(source, copied);
    return copied;
  });
}

async function copyInParts(
  context: CopyContext,
  source: ObjectInfo,
  target: string,
  { replace, ...condition }: CopyRequest,
): Promise<VersionReference> {
  const tag = replace === undefined ? copyTag(source) : randomBytes(16).toString('hex');
  const kept = replace ?? source.properties;
  const properties = { ...kept, metadata: { ...kept.metadata, [UPLOAD_TAG]: tag } };
  const upload = new MultipartUpload(context, { key: target, properties, tag });
  try {
    const parts = planParts(source.size, [{ from: 0, to: source.size }], context.plan);
    for (const { number, from, to } of parts) await upload.copy(number, source, from, to);
    await upload.drain();
    await checkUnchanged(context.objects, source);
    return await upload.complete(parts.length, source.size, condition);
  } catch (error) {
    await upload.abort();
    throw error;
  }
}

/** The tag of a copy in parts: the same for each copy of a version, so that one that was made before is known again. */
export function copyTag({ key, etag }: VersionReference): string {
  return createHash('sha256')
    .update(JSON.stringify([key, bareEtag(etag)]))
    .digest('hex')
    .slice(0, 32);
}

/**
 * Takes away the object with the tag, if it stands at the key, in favour of the one that was kept at `copy`, if any, and
 * then discards that. True if something was put back or removed. Throws StorageError; it can be repeated.
 */
export async function restoreObject(
  context: CopyContext,
  { key, tag, copy }: { readonly key: string; readonly tag: string; readonly copy: string | undefined },
): Promise<boolean> {
  const now = await context.objects.head(key);
  const before = copy === undefined ? undefined : await context.objects.head(copy);
  const stands = now?.properties.metadata[UPLOAD_TAG] === tag;
  if (now !== undefined && stands) {
    if (before !== undefined) await copyObject(context, before, key, { exclusive: false });
    else await context.objects.deleteVersion(key, now.etag);
  }
  if (before !== undefined) await context.objects.delete(before.key);
  return stands;
}
