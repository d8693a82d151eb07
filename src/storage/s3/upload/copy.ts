import { createHash, randomBytes } from 'node:crypto';
import { bareEtag } from '../api/etag.ts';
import type { ObjectApi } from '../api/object-api.ts';
import { UPLOAD_TAG } from '../api/object-fields.ts';
import type { CopyRequest } from '../api/copy-in-one.ts';
import { checkUnchanged } from './assemble.ts';
import { MultipartUpload, type MultipartTools } from './multipart.ts';
import { planParts, type PartPlan } from './part-plan.ts';
import type { VersionReference, ObjectInfo } from '../api/object-info.ts';

/** CopyObject takes no more (Amazon S3 API Reference, CopyObject). Bytes. */
const MAX_SINGLE_COPY_BYTES = 5 * 1024 ** 3;

export interface CopyTools extends MultipartTools {
  readonly objects: ObjectApi;
  readonly plan: PartPlan;
  /** Objects larger than this are copied in parts; at most 5 GiB. */
  readonly singleCopyBytes: number;
}

export const DEFAULT_SINGLE_COPY_BYTES = MAX_SINGLE_COPY_BYTES;

/**
 * Copies an object inside the store. The source is pinned: 'changed' if it is not the given version any more. Where the
 * target is not what `request` wants: 'exists' or 'changed', as far as the store checks that. Answers the copy.
 */
export async function copyObject(
  tools: CopyTools,
  source: ObjectInfo,
  target: string,
  request: CopyRequest,
): Promise<VersionReference> {
  if (source.size <= tools.singleCopyBytes) return tools.objects.copy(source, target, request);
  if (source.key !== target) return copyInParts(tools, source, target, request);
  // Onto itself: other properties for this version, and not this version over a later one.
  const { sameBytes } = tools.objects;
  return sameBytes.during(target, async () => {
    const copied = await copyInParts(tools, source, target, { ...request, replaces: source.etag });
    sameBytes.note(source, copied);
    return copied;
  });
}

async function copyInParts(
  tools: CopyTools,
  source: ObjectInfo,
  target: string,
  { replace, ...condition }: CopyRequest,
): Promise<VersionReference> {
  const tag = replace === undefined ? copyTag(source) : randomBytes(16).toString('hex');
  const kept = replace ?? source.properties;
  const properties = { ...kept, metadata: { ...kept.metadata, [UPLOAD_TAG]: tag } };
  const upload = await MultipartUpload.begin(tools, target, properties, tag, () => undefined);
  try {
    const parts = planParts(source.size, [{ from: 0, to: source.size }], tools.plan);
    for (const { number, from, to } of parts) await upload.copy(number, source, from, to);
    await upload.drain();
    await checkUnchanged(tools.objects, source);
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
  tools: CopyTools,
  { key, tag, copy }: { readonly key: string; readonly tag: string; readonly copy: string | undefined },
): Promise<boolean> {
  const now = await tools.objects.head(key);
  const before = copy === undefined ? undefined : await tools.objects.head(copy);
  const stands = now?.properties.metadata[UPLOAD_TAG] === tag;
  if (now !== undefined && stands) {
    if (before !== undefined) await copyObject(tools, before, key, { exclusive: false });
    else await tools.objects.deleteVersion(key, now.etag);
  }
  if (before !== undefined) await tools.objects.delete(before.key);
  return stands;
}
