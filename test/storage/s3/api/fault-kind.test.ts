// What metrics are told of requests: each try, how it ended, and why in one of a few words.
import { describe, expect, test } from '@jest/globals';
import { classify } from '../../../../src/storage/s3/api/errors.ts';
import { faultKind, type FaultKind } from '../../../../src/storage/s3/api/fault-kind.ts';
import { DEFAULT_RETRY, withRetry, type RequestTry, type RetryContext } from '../../../../src/storage/s3/api/retry.ts';

/** An error as the SDK throws it. */
function answer(status: number, code?: string): Error {
  return Object.assign(new Error('no'), { $metadata: { httpStatusCode: status }, ...(code && { Code: code }) });
}

const broken = (code: string): Error => Object.assign(new Error('broken'), { code });

test.each<[FaultKind, Error]>([
  ['slow-down', answer(503, 'SlowDown')],
  ['slow-down', answer(503)],
  ['slow-down', answer(429)],
  ['reset', broken('ECONNRESET')],
  ['reset', broken('EPIPE')],
  ['reset', broken('ERR_STREAM_PREMATURE_CLOSE')],
  ['reset', new Error('socket hang up')],
  ['timeout', Object.assign(new Error('late'), { name: 'TimeoutError' })],
  ['timeout', broken('ETIMEDOUT')],
  ['timeout', answer(400, 'RequestTimeout')],
  ['unreachable', broken('ECONNREFUSED')],
  ['unreachable', broken('ENOTFOUND')],
  ['server-error', answer(500, 'InternalError')],
  ['server-error', answer(502)],
  ['bad-answer', new SyntaxError('no XML')],
  ['bad-answer', answer(200)],
  ['credentials', answer(400, 'ExpiredToken')],
  ['unexplained', answer(403)],
  ['credentials', answer(403, 'SignatureDoesNotMatch')],
  ['clock-skew', answer(403, 'RequestTimeTooSkewed')],
  ['corrupted', answer(400, 'BadDigest')],
  ['corrupted', answer(400, 'InvalidPart')],
  ['conflict', answer(409, 'OperationAborted')],
  ['access-denied', answer(403, 'AccessDenied')],
  ['not-found', answer(404, 'NoSuchKey')],
  ['not-found', answer(404, 'NoSuchUpload')],
  ['precondition-failed', answer(412, 'PreconditionFailed')],
  ['no-space', answer(507)],
  ['no-space', answer(400, 'QuotaExceeded')],
  ['other-region', answer(301, 'PermanentRedirect')],
  ['other', answer(400, 'WhateverAStoreSays')],
])('%s: %o', (kind, error) => {
  expect(faultKind(error, classify(error))).toBe(kind);
});

describe('every try is told', () => {
  async function triesOf(outcomes: readonly (Error | 'ok')[], signal?: AbortSignal): Promise<RequestTry[]> {
    const tries: RequestTry[] = [];
    const context: RetryContext = {
      ...DEFAULT_RETRY,
      attempts: 3,
      clock: { now: () => 0, monotonic: () => 0, delay: () => Promise.resolve() },
      random: () => 0.5,
      events: () => undefined,
      renewCredentials: () => undefined,
      onTry: (ended) => tries.push(ended),
    };
    const left = [...outcomes];
    const request = (): Promise<string> => {
      const next = left.shift() ?? 'ok';
      return next === 'ok' ? Promise.resolve(next) : Promise.reject(next);
    };
    await withRetry('PutObject', context, request, signal).catch(() => undefined);
    for (const { milliseconds } of tries) expect(milliseconds).toBeGreaterThanOrEqual(0);
    return tries;
  }
  const told = (outcome: RequestTry['outcome'], reason?: FaultKind): unknown =>
    expect.objectContaining({ operation: 'PutObject', outcome, ...(reason === undefined ? {} : { reason }) });

  test('success after trouble', async () => {
    expect(await triesOf([answer(503), broken('ECONNRESET'), 'ok'])).toEqual([
      told('retried', 'slow-down'),
      told('retried', 'reset'),
      told('ok'),
    ]);
  });

  test('trouble without end', async () => {
    expect(await triesOf([answer(500), answer(500), answer(500), 'ok'])).toEqual([
      told('retried', 'server-error'),
      told('retried', 'server-error'),
      told('failed', 'server-error'),
    ]);
  });

  test('a refusal, and a request that nobody wants any more', async () => {
    expect(await triesOf([answer(403, 'AccessDenied')])).toEqual([told('failed', 'access-denied')]);
    expect(await triesOf([new Error('aborted')], AbortSignal.abort())).toEqual([told('aborted')]);
  });
});
