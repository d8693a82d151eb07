import { createHash, randomBytes } from 'node:crypto';
import type { VersionReference } from './delete-in-one.ts';
import { bareEtag, UPLOAD_TAG, type ObjectApi, type ObjectInfo, type ObjectProperties } from './object-api.ts';
import { checkUnchanged } from './upload/assemble.ts';
import { MultipartUpload, type MultipartTools } from './upload/multipart.ts';
import { planParts, type PartPlan } from './upload/part-plan.ts';

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
 * Copies an object inside the store; `replace` gives the copy other properties. The source is pinned: 'changed' if it
 * is not the given version any more. With `exclusive` an existing target is 'exists' where the store checks that.
 */
export async function copyObject(
  tools: CopyTools,
  source: ObjectInfo,
  target: string,
  replace: ObjectProperties | undefined,
  condition: { readonly exclusive: boolean },
): Promise<void> {
  if (source.size <= tools.singleCopyBytes) {
    await tools.objects.copy(source, target, replace, condition);
    return;
  }
  const tag = replace === undefined ? copyTag(source) : randomBytes(16).toString('hex');
  const kept = replace ?? source.properties;
  const properties = { ...kept, metadata: { ...kept.metadata, [UPLOAD_TAG]: tag } };
  const upload = await MultipartUpload.begin(tools, target, properties, tag, () => undefined);
  try {
    const parts = planParts(source.size, [{ from: 0, to: source.size }], tools.plan);
    for (const { number, from, to } of parts) await upload.copy(number, source, from, to);
    await upload.drain();
    await checkUnchanged(tools.objects, source);
    // Onto itself: other properties for this version, and not this version over a later one.
    const replaces = source.key === target ? source.etag : undefined;
    await upload.complete(parts.length, source.size, { ...condition, replaces });
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
    if (before !== undefined) await copyObject(tools, before, key, undefined, { exclusive: false });
    else await tools.objects.deleteVersion(key, now.etag);
  }
  if (before !== undefined) await tools.objects.delete(before.key);
  return stands;
}
