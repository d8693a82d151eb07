import type { Readable } from 'node:stream';
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { objectInfo, type ObjectInfo } from './object-info.ts';

/** The first bytes of an object, on their way. Whoever has them ends or destroys the stream. */
export interface FirstBytes {
  readonly body: Readable;
  /** From 0 to here, exclusive. */
  readonly to: number;
}

/** What HEAD tells of an object, and its first bytes where it has any to give. */
export interface OpenedObject {
  readonly info: ObjectInfo;
  readonly first: FirstBytes | undefined;
}

/** Reads an answer to GetObject of the first `bytes`; undefined, and the body destroyed, where it does not tell the size. */
export function openedObject(key: string, bytes: number, answer: GetObjectCommandOutput): OpenedObject | undefined {
  const body = answer.Body as Readable | undefined;
  const range = rangeOf(answer, bytes);
  if (body === undefined || range === undefined || answer.ETag === undefined) {
    body?.destroy();
    return undefined;
  }
  const info = objectInfo(key, { ...answer, ContentLength: range.size });
  if (range.to > 0) return { info, first: { body, to: range.to } };
  body.destroy();
  return { info, first: undefined };
}

/** The object's size, and where the range ends that was sent (RFC 9110 §14.4). Bytes. */
function rangeOf(answer: GetObjectCommandOutput, bytes: number): { to: number; size: number } | undefined {
  if (answer.ContentRange === undefined) {
    const size = answer.ContentLength;
    // A store may send the whole object where a range was asked for; with "partial content" it must say which.
    return size === undefined || answer.$metadata.httpStatusCode === 206
      ? undefined
      : { to: Math.min(size, bytes), size };
  }
  const [, last, total] = /^bytes 0-(\d+)\/(\d+)$/.exec(answer.ContentRange) ?? [];
  if (last === undefined || total === undefined) return undefined;
  const [to, size] = [Number(last) + 1, Number(total)];
  return to === Math.min(size, bytes) ? { to, size } : undefined;
}
