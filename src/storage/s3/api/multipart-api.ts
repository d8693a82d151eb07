import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { StorageError } from '../../object-store.ts';
import { classify, codeOf, isMissing, isPreconditionFailure, toStorageError } from './errors.ts';
import { changed, type ObjectApi } from './object-api.ts';
import {
  conditionFields,
  copySource,
  propertyFields,
  storedAs,
  UPLOAD_TAG,
  type ObjectProperties,
  type StorageClassOptions,
  type StorageFields,
  type WriteCondition,
} from './object-fields.ts';
import type { Requester } from './requester.ts';
import { fileDigest, sendBody, signDigest, type PartBody } from './send-body.ts';
import { decodeListedKey } from './listed-key.ts';
import type { ObjectInfo, VersionRange } from './object-info.ts';

/** A multipart upload under way. */
export interface UploadReference {
  readonly key: string;
  readonly uploadId: string;
}

export interface ListedUpload extends UploadReference {
  /** Milliseconds since the epoch, by the store's clock. */
  readonly initiated: number;
  /** Which account began it, where the store tells. */
  readonly initiator: string | undefined;
}

export interface StoredPart {
  readonly number: number;
  readonly etag: string;
}

/** Requests on multipart uploads. Every method throws StorageError. */
export class MultipartApi {
  readonly #requester: Requester;
  readonly #objects: ObjectApi;
  readonly #stored: StorageFields;

  constructor(requester: Requester, objects: ObjectApi, stored: StorageClassOptions) {
    this.#requester = requester;
    this.#objects = objects;
    this.#stored = storedAs(stored);
  }

  /**
   * `onLostAnswer` is told how many tries may have begun an upload whose id nobody knows, whether the last one
   * succeeds or not.
   */
  async create(
    key: string,
    properties: ObjectProperties,
    onLostAnswer: (tries: number) => void,
  ): Promise<UploadReference> {
    let lost = 0;
    try {
      const answer = await this.#requester.run('CreateMultipartUpload', async ({ client, options }) => {
        try {
          return await client.send(
            new CreateMultipartUploadCommand({
              Bucket: this.#requester.bucket,
              Key: key,
              ...propertyFields(properties),
              ...this.#stored,
            }),
            options,
          );
        } catch (error) {
          if (classify(error).ambiguous) lost += 1;
          throw error;
        }
      });
      if (answer.UploadId === undefined) {
        lost += 1;
        throw toStorageError(new SyntaxError('no upload id'), 'CreateMultipartUpload');
      }
      return { key, uploadId: answer.UploadId };
    } finally {
      if (lost > 0) onLostAnswer(lost);
    }
  }

  /** A body that is no buffer is opened once for its digest, which the store checks, and anew for every try. */
  async uploadPart(upload: UploadReference, number: number, body: PartBody, signal?: AbortSignal): Promise<StoredPart> {
    let digest: string | undefined;
    try {
      digest = await fileDigest(body, signal);
    } catch (error) {
      throw toStorageError(error, 'UploadPart');
    }
    const answer = await this.#requester.run(
      'UploadPart',
      async ({ client }) =>
        sendBody(body, signal, async (content, options) => {
          const command = new UploadPartCommand({
            Bucket: this.#requester.bucket,
            Key: upload.key,
            UploadId: upload.uploadId,
            PartNumber: number,
            Body: content,
            ContentLength: body.length,
          });
          if (digest !== undefined) signDigest(command, digest);
          return client.send(command, options);
        }),
      signal,
    );
    return { number, etag: answer.ETag ?? '' };
  }

  /** Bytes of a stored object become a part, inside the store. */
  async copyPart(
    upload: UploadReference,
    number: number,
    source: VersionRange,
    signal?: AbortSignal,
  ): Promise<StoredPart> {
    const answer = await this.#requester.run(
      'UploadPartCopy',
      async ({ client, options }) =>
        client.send(
          new UploadPartCopyCommand({
            Bucket: this.#requester.bucket,
            Key: upload.key,
            UploadId: upload.uploadId,
            PartNumber: number,
            CopySource: copySource(this.#requester.bucket, source.key),
            CopySourceRange: `bytes=${source.from}-${source.to - 1}`,
            CopySourceIfMatch: source.etag,
          }),
          options,
        ),
      signal,
    );
    const etag = answer.CopyPartResult?.ETag;
    if (etag === undefined) throw toStorageError(new SyntaxError('no part result'), 'UploadPartCopy');
    return { number, etag };
  }

  /**
   * Makes the parts an object and confirms it: the store must afterwards show an object of exactly `size` bytes that
   * carries `tag`. A 404 for the upload is looked into the same way, since an earlier try may have succeeded and lost
   * its answer. 'exists' if `exclusive` and another object is there, 'changed' if another one than that which it
   * `replaces`, as far as the store heeds the conditions.
   */
  async complete(
    upload: UploadReference,
    parts: readonly StoredPart[],
    expected: WriteCondition & { readonly size: number; readonly tag: string },
  ): Promise<ObjectInfo> {
    try {
      await this.#objects.changes.during(
        [upload.key],
        async () =>
          await this.#requester.runRaw('CompleteMultipartUpload', async ({ client, options }) =>
            client.send(
              new CompleteMultipartUploadCommand({
                Bucket: this.#requester.bucket,
                Key: upload.key,
                UploadId: upload.uploadId,
                MultipartUpload: { Parts: parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag })) },
                ...conditionFields(expected),
              }),
              options,
            ),
          ),
      );
    } catch (error) {
      if (expected.replaces !== undefined && codeOf(error) === 'NotImplemented') {
        return this.complete(upload, parts, { ...expected, replaces: undefined });
      }
      if (!isMissing(error) && !isPreconditionFailure(error)) throw toStorageError(error, 'CompleteMultipartUpload');
      const there = await this.#objects.head(upload.key);
      if (there?.properties.metadata[UPLOAD_TAG] === expected.tag) return confirm(there, expected.size);
      if (isPreconditionFailure(error) && expected.exclusive) {
        throw new StorageError('exists', 'The file exists already.', { cause: error });
      }
      if (isPreconditionFailure(error) && expected.replaces !== undefined) throw changed(error);
      throw toStorageError(
        Object.assign(error instanceof Error ? error : new Error(), { Code: 'NoSuchUpload' }),
        'CompleteMultipartUpload',
      );
    }
    const there = await this.#objects.head(upload.key);
    // Another writer may have replaced it since: then ours was whole, and the last to close wins.
    if (there !== undefined && there.properties.metadata[UPLOAD_TAG] !== expected.tag) return there;
    if (there === undefined) {
      throw new StorageError('failure', 'The storage did not confirm the file; please send it again.', {
        detail: 'CompleteMultipartUpload: no object afterwards',
      });
    }
    return confirm(there, expected.size);
  }

  /** No error if the upload is not there (any more). */
  async abort(upload: UploadReference): Promise<void> {
    try {
      await this.#requester.runRaw('AbortMultipartUpload', async ({ client, options }) =>
        client.send(
          new AbortMultipartUploadCommand({
            Bucket: this.#requester.bucket,
            Key: upload.key,
            UploadId: upload.uploadId,
          }),
          options,
        ),
      );
    } catch (error) {
      if (!isMissing(error) && codeOf(error) !== 'NoSuchUpload') throw toStorageError(error, 'AbortMultipartUpload');
    }
  }

  /** Whether any part was sent; false too if the upload is not there (any more). */
  async hasParts(upload: UploadReference): Promise<boolean> {
    try {
      const answer = await this.#requester.runRaw('ListParts', async ({ client, options }) =>
        client.send(
          new ListPartsCommand({
            Bucket: this.#requester.bucket,
            Key: upload.key,
            UploadId: upload.uploadId,
            MaxParts: 1,
          }),
          options,
        ),
      );
      return (answer.Parts ?? []).length > 0;
    } catch (error) {
      if (isMissing(error) || codeOf(error) === 'NoSuchUpload') return false;
      throw toStorageError(error, 'ListParts');
    }
  }

  /** The uploads under way whose key begins with `prefix`, page by page. */
  async *list(prefix: string): AsyncIterable<readonly ListedUpload[]> {
    let keyMarker: string | undefined;
    let uploadIdMarker: string | undefined;
    for (;;) {
      const answer = await this.#requester.run('ListMultipartUploads', async ({ client, options }) =>
        client.send(
          new ListMultipartUploadsCommand({
            Bucket: this.#requester.bucket,
            Prefix: prefix,
            EncodingType: 'url',
            ...(keyMarker === undefined ? {} : { KeyMarker: keyMarker }),
            ...(uploadIdMarker === undefined ? {} : { UploadIdMarker: uploadIdMarker }),
          }),
          options,
        ),
      );
      const page: ListedUpload[] = [];
      for (const item of answer.Uploads ?? []) {
        const key = decodeListedKey(item.Key ?? '');
        if (key === undefined || item.UploadId === undefined) continue;
        const initiator = item.Initiator?.ID;
        page.push({ key, uploadId: item.UploadId, initiated: item.Initiated?.getTime() ?? 0, initiator });
      }
      yield page;
      if (answer.IsTruncated !== true || answer.NextKeyMarker === undefined) return;
      keyMarker = decodeListedKey(answer.NextKeyMarker);
      uploadIdMarker = answer.NextUploadIdMarker;
      if (keyMarker === undefined) return;
    }
  }
}

function confirm(there: ObjectInfo, size: number): ObjectInfo {
  if (there.size === size) return there;
  throw new StorageError('failure', 'The storage did not confirm the file; please send it again.', {
    detail: `CompleteMultipartUpload: ${there.size} bytes stored of ${size}`,
  });
}
