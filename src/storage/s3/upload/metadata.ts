import { StorageError, type AttributeChange } from '../../object-store.ts';
import { applyChange, isNoChange } from '../mapping/attributes.ts';
import { copyObject, type CopyContext } from './copy.ts';
import { sameEtag } from '../api/etag.ts';
import { changed } from '../api/object-api.ts';
import { UPLOAD_TAG } from '../api/object-fields.ts';
import type { ObjectInfo } from '../api/object-info.ts';

/**
 * Gives a stored file other attributes, by a copy onto itself, and answers what it is then. With `etag` only that version:
 * 'changed' otherwise. To be called under the claim on its path. Throws StorageError, 'not-found' among others.
 */
export async function rewriteMetadata(
  context: CopyContext,
  { key, etag }: { readonly key: string; readonly etag?: string },
  change: AttributeChange,
): Promise<ObjectInfo> {
  const file = await context.objects.head(key);
  if (etag !== undefined && (file === undefined || !sameEtag(file.etag, etag))) throw changed();
  if (file === undefined) throw new StorageError('not-found', 'No such file.');
  return rewriteFound(context, file, change);
}

/** The same, of a file that was found under the claim. */
export async function rewriteFound(
  context: CopyContext,
  file: ObjectInfo,
  change: AttributeChange,
): Promise<ObjectInfo> {
  if (isNoChange('file', file.properties.metadata, change)) return file;
  const { [UPLOAD_TAG]: _, ...metadata } = applyChange('file', file.properties.metadata, change);
  const properties = { ...file.properties, metadata };
  const copied = await copyObject(context, file, file.key, {
    exclusive: false,
    replaces: file.etag,
    replace: properties,
  });
  return { ...file, etag: copied.etag, properties };
}
