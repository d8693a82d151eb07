import type { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { isChanged, StorageError } from '../../object-store.ts';
import type { AttributeMemory } from './attribute-memory.ts';
import { codeOf, isMissing, isPreconditionFailure, statusOf, toStorageError } from './errors.ts';
import { copyInOne, type CopyRequest } from './copy-in-one.ts';
import { deleteInOne } from './delete-in-one.ts';
import { sameEtag } from './etag.ts';
import { KeyChanges } from './key-changes.ts';
import { interceptListing, listPage } from './list-answer.ts';
import type { ListPage } from './list-parser.ts';
import {
  conditionFields,
  propertyFields,
  storedAs,
  UPLOAD_TAG,
  type ObjectProperties,
  type StorageClassOptions,
  type StorageFields,
  type WriteCondition,
} from './object-fields.ts';
import { objectInfo, type ObjectInfo, type VersionRange, type VersionReference } from './object-info.ts';
import { openedObject, type OpenedObject } from './open-object.ts';
import type { Requester } from './requester.ts';
import { SameBytes, type Look } from './same-bytes.ts';

export interface ListRequest {
  readonly prefix: string;
  readonly delimiter?: '/';
  readonly maxKeys?: number;
  readonly token?: string | undefined;
  /** Only keys behind this one. */
  readonly after?: string;
}

export interface ObjectIdentity {
  readonly etag: string;
  readonly tag: string | undefined;
  /** Of the whole object, each with its algorithm's name. */
  readonly checksums: readonly string[];
}

interface PutRequest extends WriteCondition {
  readonly key: string;
  readonly body: Buffer;
  readonly properties: ObjectProperties;
  readonly signal?: AbortSignal;
  /** The object that hindered the first try has gone since. */
  readonly isSecondTry: boolean;
}

/** Requests on whole objects. Every method throws StorageError. */
export class ObjectApi {
  /** Where versions are whose metadata or name this process has changed. */
  readonly sameBytes: SameBytes;
  /** What this process has changed. */
  readonly changes: KeyChanges;
  readonly #requester: Requester;
  readonly #stored: StorageFields;
  readonly #memory: AttributeMemory;

  /** `same`: another one for the same bucket. What happens through either of them both know. */
  constructor(
    requester: Requester,
    stored: StorageClassOptions,
    memory: AttributeMemory,
    same?: Pick<ObjectApi, 'sameBytes' | 'changes'>,
  ) {
    this.sameBytes = same?.sameBytes ?? new SameBytes();
    this.changes = same?.changes ?? new KeyChanges();
    this.#requester = requester;
    this.#memory = memory;
    this.#stored = storedAs(stored);
  }

  /** Undefined if there is no such object. */
  async head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    const look = this.sameBytes.look(key);
    try {
      const answer = await this.#requester.runRaw(
        'HeadObject',
        async ({ client, options }) =>
          client.send(new HeadObjectCommand({ Bucket: this.#requester.bucket, Key: key }), options),
        signal,
      );
      return this.#learn(objectInfo(key, answer), look);
    } catch (error) {
      if (isMissing(error)) {
        this.#memory.forget(key);
        return undefined;
      }
      throw toStorageError(error, 'HeadObject');
    }
  }

  /** What `head` tells, and in the same request at most `bytes` bytes from the beginning. Undefined if there is no such object. */
  async open(key: string, bytes: number): Promise<OpenedObject | undefined> {
    const look = this.sameBytes.look(key);
    try {
      const opened = await this.#requester.runRaw('GetObject', async ({ client, options }) => {
        const range = { Bucket: this.#requester.bucket, Key: key, Range: `bytes=0-${bytes - 1}` };
        return openedObject(key, bytes, await client.send(new GetObjectCommand(range), options));
      });
      if (opened !== undefined) {
        this.#learn(opened.info, look);
        return opened;
      }
    } catch (error) {
      if (isMissing(error)) {
        this.#memory.forget(key);
        return undefined;
      }
      // An empty object has no such range; one in an archive has no bytes to give. HEAD tells of both.
      if (statusOf(error) !== 416 && codeOf(error) !== 'InvalidObjectState') throw toStorageError(error, 'GetObject');
    }
    const info = await this.head(key);
    return info === undefined ? undefined : { info, first: undefined };
  }

  #learn(info: ObjectInfo, look: Look | undefined): ObjectInfo {
    this.#memory.learn(info.key, info.etag, info.lastModified, info.properties.metadata);
    this.sameBytes.seen(info, look);
    return info;
  }

  /**
   * One try of a ranged GET of the range's version, which is looked for where this process has moved it. The caller ends or destroys the stream. Throws the SDK's error: a reader that goes on where the
   * stream broke makes its own retries.
   */
  async getRangeOnce(range: VersionRange, signal: AbortSignal): Promise<Readable> {
    for (let version = this.sameBytes.latest(range); ;) {
      try {
        return await this.#getRange({ ...range, ...version }, signal);
      } catch (error) {
        if (!isMissing(error) && !isPreconditionFailure(error) && !isChanged(error)) throw error;
        // The copy may have been made in this moment, and not be noted yet.
        await this.sameBytes.settled(version.key);
        const now = this.sameBytes.latest(range);
        if (now.key === version.key && sameEtag(now.etag, version.etag)) throw error;
        version = now;
      }
    }
  }

  async #getRange({ key, etag, from, to }: VersionRange, signal: AbortSignal): Promise<Readable> {
    const answer = await this.#requester.context.client().send(
      new GetObjectCommand({
        Bucket: this.#requester.bucket,
        Key: key,
        Range: `bytes=${from}-${to - 1}`,
        IfMatch: etag,
      }),
      { abortSignal: signal },
    );
    const body = answer.Body as Readable | undefined;
    if (body === undefined) throw new SyntaxError('GetObject without a body');
    // A store that ignores If-Match or Range must not lead to a mixture of two files.
    if (!sameEtag(answer.ETag ?? '', etag) || answer.ContentLength !== to - from) {
      body.destroy();
      throw new StorageError('changed', 'The file has changed in the meantime.', {
        detail: `GetObject: asked for ${from}-${to} of ${etag}, got ${answer.ContentLength ?? '?'} bytes of ${answer.ETag ?? '?'}`,
      });
    }
    return body;
  }

  /** A small object's bytes; undefined if it is not there or has more than `maxBytes`. */
  async readSmall(key: string, maxBytes: number): Promise<Buffer | undefined> {
    try {
      return await this.#requester.runRaw('GetObject', async ({ client, options }) => {
        const answer = await client.send(new GetObjectCommand({ Bucket: this.#requester.bucket, Key: key }), options);
        const body = answer.Body as Readable | undefined;
        if (body === undefined) throw new SyntaxError('GetObject without a body');
        const chunks: Buffer[] = [];
        let length = 0;
        for await (const chunk of body as AsyncIterable<Buffer>) {
          length += chunk.length;
          if (length > maxBytes) return undefined;
          chunks.push(chunk);
        }
        return Buffer.concat(chunks);
      });
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw toStorageError(error, 'GetObject');
    }
  }

  /**
   * Stores a whole object from memory. With `exclusive` only if none is there ('exists'), with `replaces` only over the
   * object with that ETag ('changed'); the tag among the metadata then tells our own object, whose answer was lost,
   * from another's. A store that does not know the second condition is asked by HEAD instead.
   */
  async put(
    key: string,
    body: Buffer,
    properties: ObjectProperties,
    how: WriteCondition & { readonly signal?: AbortSignal },
  ): Promise<VersionReference> {
    return this.changes.during([key], async () => this.#put({ key, body, properties, ...how, isSecondTry: false }));
  }

  async #put(request: PutRequest): Promise<VersionReference> {
    const { key, body, properties, exclusive, replaces, signal, isSecondTry } = request;
    try {
      const answer = await this.#requester.runRaw(
        'PutObject',
        async ({ client, options }) =>
          client.send(
            new PutObjectCommand({
              Bucket: this.#requester.bucket,
              Key: key,
              Body: body,
              ContentLength: body.length,
              ...propertyFields(properties),
              ...this.#stored,
              ...conditionFields(request),
            }),
            options,
          ),
        signal,
      );
      this.#memory.forget(key);
      return { key, etag: answer.ETag ?? '' };
    } catch (error) {
      const isUnknown = replaces !== undefined && codeOf(error) === 'NotImplemented';
      // Some stores say 404 where there is nothing that the condition could hold for, or where it went in this moment.
      const isRefused = isPreconditionFailure(error) || isMissing(error);
      if (!isUnknown && !((exclusive || replaces !== undefined) && isRefused)) {
        throw toStorageError(error, 'PutObject');
      }
      const there = await this.head(key, signal);
      const tag = properties.metadata[UPLOAD_TAG];
      if (tag !== undefined && there?.properties.metadata[UPLOAD_TAG] === tag) return there;
      if (exclusive && there === undefined && !isSecondTry) return this.#put({ ...request, isSecondTry: true });
      if (exclusive) throw new StorageError('exists', 'The file exists already.', { cause: error });
      if (there === undefined || replaces === undefined || !sameEtag(there.etag, replaces)) throw changed(error);
      return this.#put({ ...request, replaces: undefined, isSecondTry: false });
    }
  }

  /**
   * What tells whether two objects have the same bytes although their ETags differ, as those of encrypted objects and
   * of such that came in parts do: the tag that a copy keeps, and checksums of the whole object. Undefined if there is
   * no such object.
   */
  async identity(key: string): Promise<ObjectIdentity | undefined> {
    try {
      const answer = await this.#requester.runRaw('HeadObject', async ({ client, options }) =>
        client.send(
          new HeadObjectCommand({ Bucket: this.#requester.bucket, Key: key, ChecksumMode: 'ENABLED' }),
          options,
        ),
      );
      const { ChecksumCRC64NVME, ChecksumCRC32, ChecksumCRC32C, ChecksumSHA1, ChecksumSHA256 } = answer;
      const all = { ChecksumCRC64NVME, ChecksumCRC32, ChecksumCRC32C, ChecksumSHA1, ChecksumSHA256 };
      const checksums = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : `${name} ${value}`));
      return {
        etag: answer.ETag ?? '',
        tag: answer.Metadata?.[UPLOAD_TAG],
        checksums: answer.ChecksumType === 'COMPOSITE' ? [] : checksums,
      };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw toStorageError(error, 'HeadObject');
    }
  }

  /** No error if the object is not there. */
  async delete(key: string): Promise<void> {
    try {
      await this.changes.during([key], async () =>
        this.#requester.runRaw('DeleteObject', async ({ client, options }) =>
          client.send(new DeleteObjectCommand({ Bucket: this.#requester.bucket, Key: key }), options),
        ),
      );
    } catch (error) {
      if (!isMissing(error)) throw toStorageError(error, 'DeleteObject');
    }
    this.#memory.forget(key);
  }

  /**
   * Deletes the object only if it is the version `etag`, as far as the store heeds the condition (AWS and newer
   * radosgw do): otherwise 'changed'.
   */
  async deleteVersion(key: string, etag: string): Promise<void> {
    try {
      await this.changes.during([key], async () =>
        this.#requester.runRaw('DeleteObject', async ({ client, options }) =>
          client.send(new DeleteObjectCommand({ Bucket: this.#requester.bucket, Key: key, IfMatch: etag }), options),
        ),
      );
      this.#memory.forget(key);
    } catch (error) {
      if (isMissing(error)) {
        this.#memory.forget(key);
        return;
      }
      const isRefused = isPreconditionFailure(error);
      if (!isRefused && codeOf(error) !== 'NotImplemented') throw toStorageError(error, 'DeleteObject');
      await this.#deleteIfSame({ key, etag });
    }
  }

  /**
   * Deletes these versions, at most 1,000 in one request; a key that the request could not name or that failed is tried
   * by itself. Answers the keys at which another version is by now, as far as the store heeds the condition (AWS does,
   * radosgw deletes whatever is there).
   */
  async deleteVersions(objects: readonly VersionReference[]): Promise<string[]> {
    // XML 1.0 has no way to write a control character.
    const plain = new Set(objects.filter(({ key }) => !/\p{Cc}|\uFFFE|\uFFFF/u.test(key)));
    const keys = [...plain].map(({ key }) => key);
    const failed = await this.changes.during(keys, async () => deleteInOne(this.#requester, [...plain]));
    const others: string[] = [];
    for (const object of objects) {
      const failure = failed.get(object.key);
      if (failure === undefined && plain.has(object)) {
        this.#memory.forget(object.key);
        continue;
      }
      try {
        await (failure?.isRefused === true ? this.#deleteIfSame(object) : this.deleteVersion(object.key, object.etag));
      } catch (error) {
        if (!isChanged(error)) throw error;
        others.push(object.key);
      }
    }
    return others;
  }

  /** For a condition that the store does not understand, or that does not hold: then 'changed'. */
  async #deleteIfSame({ key, etag }: VersionReference): Promise<void> {
    const now = await this.head(key);
    if (now === undefined) return;
    if (!sameEtag(now.etag, etag)) throw changed();
    await this.delete(key);
  }

  async list(request: ListRequest, signal?: AbortSignal): Promise<ListPage> {
    return this.#requester.run(
      'ListObjectsV2',
      async ({ client, options }) => {
        const command = new ListObjectsV2Command({
          Bucket: this.#requester.bucket,
          Prefix: request.prefix,
          EncodingType: 'url',
          ...(request.delimiter === undefined ? {} : { Delimiter: request.delimiter }),
          ...(request.maxKeys === undefined ? {} : { MaxKeys: request.maxKeys }),
          ...(request.token === undefined ? {} : { ContinuationToken: request.token }),
          ...(request.after === undefined ? {} : { StartAfter: request.after }),
        });
        const parsed = interceptListing(command);
        const answer = await client.send(command, options);
        return parsed() ?? listPage(answer);
      },
      signal,
    );
  }

  /**
   * One CopyObject (up to 5 GiB; larger ones are copy.ts's), as `copyInOne` has it. What is copied onto itself has other
   * properties: who has the version before it open goes on with the copy.
   */
  async copy(source: VersionReference, target: string, request: CopyRequest): Promise<VersionReference> {
    const copy = async (): Promise<VersionReference> => {
      const place = { requester: this.#requester, stored: this.#stored, head: async (key: string) => this.head(key) };
      const copied = await this.changes.during([target], async () => copyInOne(place, source, target, request));
      this.#memory.forget(target);
      return copied;
    };
    if (source.key !== target) return copy();
    return this.sameBytes.during(target, async () => {
      const copied = await copy();
      this.sameBytes.note(source, copied);
      return copied;
    });
  }
}

export function changed(cause?: unknown): StorageError {
  return new StorageError('changed', 'The file has changed in the meantime.', { cause });
}
