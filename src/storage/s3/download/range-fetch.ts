import { finished } from 'node:stream';
import type { Readable } from 'node:stream';
import { StorageError } from '../../object-store.ts';
import { classify, isMissing, isPreconditionFailure, statusOf, toStorageError } from '../api/errors.ts';
import type { ObjectApi } from '../api/object-api.ts';
import { withRetry, type RetryContext } from '../api/retry.ts';

/** An object as it was when it was opened: no other version of it is ever read. */
export interface PinnedObject {
  readonly key: string;
  readonly etag: string;
}

/**
 * Reads bytes `from` to `to` (exclusive) and hands them on in order as they come. Where the connection breaks, the next
 * try goes on behind the last byte that came. Throws 'changed' if the object is not the pinned one any more,
 * otherwise what the store's failure means, or the signal's reason.
 */
export async function fetchRange(
  objects: Pick<ObjectApi, 'getRangeOnce'>,
  context: RetryContext,
  object: PinnedObject,
  from: number,
  to: number,
  onBytes: (chunk: Buffer) => void,
  signal: AbortSignal,
): Promise<void> {
  let position = from;
  try {
    await withRetry(
      'GetObject',
      context,
      async () => {
        const body = await objects.getRangeOnce(object.key, object.etag, position, to, signal);
        try {
          await eachChunk(body, (chunk) => {
            if (position + chunk.length > to) return false;
            position += chunk.length;
            onBytes(chunk);
            return true;
          });
        } catch (error) {
          // With all bytes here a broken connection does no harm; that they are wrong is still to be said.
          if (position < to || classify(error).remedy !== 'retry') throw error;
        }
        if (position < to)
          throw Object.assign(new Error('the body ended early'), { code: 'ERR_STREAM_PREMATURE_CLOSE' });
      },
      signal,
    );
  } catch (error) {
    if (signal.aborted) throw error;
    // Gone, shorter, or another: in each case the rest of the pinned bytes cannot be had.
    if (isMissing(error) || isPreconditionFailure(error) || statusOf(error) === 416) {
      throw new StorageError('changed', 'The file has changed in the meantime.', { cause: error });
    }
    throw toStorageError(error, 'GetObject');
  }
}

/** The same, into a buffer that is exactly as long as the range. */
export async function fetchInto(
  objects: Pick<ObjectApi, 'getRangeOnce'>,
  context: RetryContext,
  object: PinnedObject,
  from: number,
  into: Buffer,
  signal: AbortSignal,
): Promise<void> {
  // A range of no bytes cannot be asked for: an empty object has none.
  if (into.length === 0) return;
  let filled = 0;
  await fetchRange(
    objects,
    context,
    object,
    from,
    from + into.length,
    (chunk) => {
      chunk.copy(into, filled);
      filled += chunk.length;
    },
    signal,
  );
}

/**
 * Hands on what the body holds until it has ended, or until `take` answers false: then the body is destroyed. Rejects with
 * the body's error or what `take` threw. An iterator would cost several promises a chunk, of which a GiB has 16,000.
 */
function eachChunk(body: Readable, take: (chunk: Buffer) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let refused = false;
    let settled = false;
    finished(body, (error) => {
      settled = true;
      if (error === null || error === undefined || refused) resolve();
      else reject(error);
    });
    body.on('data', (chunk: Buffer) => {
      if (refused || settled) return;
      try {
        refused = !take(chunk);
        if (refused) body.destroy();
      } catch (error) {
        body.destroy(error as Error);
      }
    });
  });
}
