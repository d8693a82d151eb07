import { addAbortSignal, finished } from 'node:stream';
import type { Readable } from 'node:stream';
import { StorageError } from '../../object-store.ts';
import { classify, isMissing, isPreconditionFailure, statusOf, toStorageError } from '../api/errors.ts';
import type { ObjectApi } from '../api/object-api.ts';
import type { VersionRange } from '../api/object-info.ts';
import { withRetry, type RetryContext } from '../api/retry.ts';
import { abortReason } from '../../flow/clock.ts';

/** Where bytes come from, and how often that is tried. */
export interface RangeSource {
  readonly objects: Pick<ObjectApi, 'getRangeOnce'>;
  readonly retry: RetryContext;
}

/**
 * Reads the bytes of the range and hands them on in order as they come. No other version of the object is ever read. Where the connection breaks, the next
 * try goes on behind the last byte that came. Throws 'changed' if the object is not that version any more,
 * otherwise what the store's failure means, or the signal's reason. `begun`: the bytes of the range that are on their way already.
 */
export async function fetchRange(
  { objects, retry }: RangeSource,
  range: VersionRange,
  onBytes: (chunk: Buffer) => void,
  signal: AbortSignal,
  begun?: Readable,
): Promise<void> {
  const { to } = range;
  let position = range.from;
  const take = async (body: Readable): Promise<void> => {
    try {
      await eachChunk(body, (chunk) => {
        const isMore = position + chunk.length > to;
        const wanted = isMore ? chunk.subarray(0, to - position) : chunk;
        position += wanted.length;
        if (wanted.length > 0) onBytes(wanted);
        // A store may send more than was asked for.
        return !isMore;
      });
    } catch (error) {
      // With all bytes here a broken connection does no harm; that they are wrong is still to be said.
      if (position < to || classify(error).remedy !== 'retry') throw error;
    }
    if (position < to) throw Object.assign(new Error('the body ended early'), { code: 'ERR_STREAM_PREMATURE_CLOSE' });
  };
  try {
    if (begun !== undefined && (await isTaken(take(addAbortSignal(signal, begun)), signal))) return;
    await withRetry(
      'GetObject',
      retry,
      async () => take(await objects.getRangeOnce({ ...range, from: position }, signal)),
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

/** Whether the bytes came that were on their way already; false where another request may bring the rest. */
async function isTaken(taken: Promise<void>, signal: AbortSignal): Promise<boolean> {
  try {
    await taken;
    return true;
  } catch (error) {
    if (signal.aborted) throw abortReason(signal);
    if (classify(error).remedy === 'fail') throw error;
    return false;
  }
}

/** The same from `object.from` on, into a buffer that is exactly as long as the range. */
export async function fetchInto(
  source: RangeSource,
  object: Omit<VersionRange, 'to'>,
  into: Buffer,
  signal: AbortSignal,
): Promise<void> {
  // A range of no bytes cannot be asked for: an empty object has none.
  if (into.length === 0) return;
  const { key, etag, from } = object;
  let filled = 0;
  await fetchRange(
    source,
    { key, etag, from, to: from + into.length },
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
