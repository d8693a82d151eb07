import type { StorePath } from '../../object-store.ts';
import { changed } from '../api/object-api.ts';
import type { ObjectInfo, VersionReference } from '../api/object-info.ts';
import { isNoChange } from '../mapping/attributes.ts';
import type { S3Context } from '../s3-context.ts';
import { assemble, checkUnchanged } from './assemble.ts';
import type { Commit, StoreVersion } from './commit.ts';
import { copyObject, type CopyContext } from './copy.ts';
import { rewriteMetadata } from './metadata.ts';
import type { NewObject } from './multipart.ts';
import type { Overlay } from './overlay.ts';
import type { PartStream } from './part-stream.ts';
import type { UploadAttributes } from './upload-attributes.ts';

/** Gives a file other attributes whose bytes stay as they are in `base`; 'changed' where those are not at its key. */
export async function storeAttributes(
  context: CopyContext & Pick<S3Context, 'claims'>,
  base: ObjectInfo,
  { path, key }: { readonly path: StorePath; readonly key: string },
  { change }: UploadAttributes,
): Promise<ObjectInfo> {
  if (isNoChange('file', base.properties.metadata, change)) return base;
  return context.claims.hold([path], async () => {
    const latest = context.objects.sameBytes.latest(base);
    if (latest.key !== key) throw changed();
    return rewriteMetadata(context, { key, etag: latest.etag }, change);
  });
}

/** Stores changes over an object: over `source`, where nothing was changed yet, as a copy inside the store. */
export async function storeOverlay(
  context: CopyContext & Pick<S3Context, 'buffers'>,
  { overlay, source }: { readonly overlay: Overlay; readonly source: ObjectInfo | undefined },
  target: NewObject,
  end: { readonly commit: Commit; readonly signal: AbortSignal },
): Promise<VersionReference> {
  if (source === undefined || !overlay.unchanged) return assemble(context, overlay, target, end);
  // Not every store heeds the pin of a copy.
  await checkUnchanged(context.objects, source);
  const version = { ...source, ...context.objects.sameBytes.latest(source) };
  const copy: StoreVersion = async (condition) =>
    copyObject(context, version, target.key, { ...condition, replace: target.properties });
  return end.commit(copy, { looksFirst: true });
}

/** Stores a file in one request, where none of it was sent before and it fits into one part: undefined otherwise. */
export async function storeWhole(
  { objects }: Pick<S3Context, 'objects'>,
  stream: PartStream,
  { key, properties }: NewObject,
  commit: Commit,
): Promise<VersionReference | undefined> {
  const whole = await stream.takeWhole();
  if (whole === undefined) return undefined;
  const put: StoreVersion = async (condition) => objects.put(key, whole.body, properties, condition);
  try {
    return await commit(put, { looksFirst: false });
  } finally {
    whole.done();
  }
}
