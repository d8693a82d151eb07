import { CopyObjectCommand } from '@aws-sdk/client-s3';
import { StorageError } from '../../object-store.ts';
import { codeOf, isPreconditionFailure, toStorageError } from './errors.ts';
import { sameEtag } from './etag.ts';
import {
  conditionFields,
  copySource,
  propertyFields,
  type ObjectProperties,
  type StorageFields,
  type WriteCondition,
} from './object-fields.ts';
import type { ObjectInfo, VersionReference } from './object-info.ts';
import type { Requester } from './requester.ts';

/** What must be at the target, and what the copy gets beside the bytes. */
export interface CopyRequest extends WriteCondition {
  /** Without it the copy has the properties of its source. */
  readonly replace?: ObjectProperties | undefined;
}

/** The bucket, and how to look at an object in it. */
export interface CopyPlace {
  readonly requester: Requester;
  readonly stored: StorageFields;
  readonly head: (key: string) => Promise<ObjectInfo | undefined>;
}

/**
 * Copies an object of at most 5 GiB by one CopyObject, and answers the copy. Throws StorageError: 'changed' if the source is
 * another one by now, or the target is not the version that `request` names; 'exists' if it must not be there and is. Not
 * every store heeds these conditions.
 */
export async function copyInOne(
  place: CopyPlace,
  source: VersionReference,
  target: string,
  request: CopyRequest,
): Promise<VersionReference> {
  const { requester, stored, head } = place;
  const { replace, exclusive, replaces } = request;
  const isConditional = exclusive || replaces !== undefined;
  try {
    const answer = await requester.runRaw('CopyObject', async ({ client, options }) =>
      client.send(
        new CopyObjectCommand({
          Bucket: requester.bucket,
          Key: target,
          CopySource: copySource(requester.bucket, source.key),
          CopySourceIfMatch: source.etag,
          MetadataDirective: replace === undefined ? 'COPY' : 'REPLACE',
          ...(replace === undefined ? {} : propertyFields(replace)),
          ...stored,
          ...conditionFields(request),
        }),
        options,
      ),
    );
    const etag = answer.CopyObjectResult?.ETag;
    if (etag === undefined) throw new SyntaxError('CopyObject without a result');
    return { key: target, etag };
  } catch (error) {
    if (isConditional && codeOf(error) === 'NotImplemented') {
      return copyInOne(place, source, target, { replace, exclusive: false });
    }
    if (!isConditional || !isPreconditionFailure(error)) throw toStorageError(error, 'CopyObject');
    // One of two conditions did not hold: the source is another one, or what is at the target.
    const [now, there] = [await head(source.key), await head(target)];
    // Our own copy, whose answer was lost. Not every store gives a copy the ETag of its source: then both stay.
    if (there !== undefined && isCopyOf(there, source, replace)) return { key: target, etag: there.etag };
    if (!exclusive || there === undefined || now === undefined || !sameEtag(now.etag, source.etag)) {
      throw toStorageError(error, 'CopyObject');
    }
    throw new StorageError('exists', 'The target exists already.', { cause: error });
  }
}

/** Whether an object that stands where a copy was to be made is that copy. */
function isCopyOf(there: ObjectInfo, source: VersionReference, replace: ObjectProperties | undefined): boolean {
  if (there.key !== source.key) return sameEtag(there.etag, source.etag);
  return Object.entries(replace?.metadata ?? {}).every(([name, value]) => there.properties.metadata[name] === value);
}
