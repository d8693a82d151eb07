import { describe, expect, test } from '@jest/globals';
import { StorageError } from '../../../../src/storage/object-store.ts';
import { classify, toStorageError } from '../../../../src/storage/s3/api/errors.ts';
import { withRetry, type RetryContext } from '../../../../src/storage/s3/api/retry.ts';

/** As the SDK throws what a store answers. */
function answer(code: string, status: number, message = 'no object secret-bucket/secret-key'): Error {
  return Object.assign(new Error(message), { name: code, $metadata: { httpStatusCode: status } });
}

function network(code: string): Error {
  return Object.assign(new Error(`connect ${code} 10.0.0.1:443`), { code });
}

describe('what a failed request means', () => {
  test.each([
    [answer('SlowDown', 503), 'slow-down', 'unavailable'],
    [answer('UnknownError', 503), 'slow-down', 'unavailable'],
    [answer('TooManyRequests', 429), 'slow-down', 'unavailable'],
    [answer('InternalError', 500), 'retry', 'unavailable'],
    [answer('UnknownError', 502), 'retry', 'unavailable'],
    [answer('RequestTimeout', 400), 'retry', 'unavailable'],
    [answer('BadDigest', 400), 'retry', 'unavailable'],
    [network('ECONNRESET'), 'retry', 'unavailable'],
    [network('ECONNREFUSED'), 'retry', 'unavailable'],
    [network('EAI_AGAIN'), 'retry', 'unavailable'],
    [Object.assign(new Error('timed out'), { name: 'TimeoutError' }), 'retry', 'unavailable'],
    [new SyntaxError('not XML'), 'retry', 'unavailable'],
    [answer('ExpiredToken', 400), 'renew-credentials', 'unavailable'],
    [answer('RequestTimeTooSkewed', 403), 'clock-skew', 'unavailable'],
    [answer('UnknownError', 403), 'unexplained', 'permission-denied'],
    [answer('AccessDenied', 403), 'fail', 'permission-denied'],
    [answer('InvalidAccessKeyId', 403), 'fail', 'unavailable'],
    [answer('SignatureDoesNotMatch', 403), 'fail', 'unavailable'],
    [answer('PermanentRedirect', 301), 'fail', 'unavailable'],
    [answer('NoSuchBucket', 404), 'fail', 'unavailable'],
    [answer('NoSuchKey', 404), 'fail', 'not-found'],
    [answer('NotFound', 404), 'fail', 'not-found'],
    [answer('NoSuchUpload', 404), 'fail', 'failure'],
    [answer('InvalidPart', 400), 'fail', 'failure'],
    [answer('PreconditionFailed', 412), 'fail', 'changed'],
    [answer('InvalidRange', 416), 'fail', 'changed'],
    [answer('EntityTooLarge', 400), 'fail', 'too-large'],
    [answer('KeyTooLongError', 400), 'fail', 'invalid-name'],
    [answer('QuotaExceeded', 403), 'fail', 'no-space'],
    [answer('InsufficientStorage', 507), 'fail', 'no-space'],
    [answer('NotImplemented', 501), 'fail', 'unsupported'],
    [new Error('a bug'), 'fail', 'failure'],
    ['a string', 'fail', 'failure'],
    [undefined, 'fail', 'failure'],
  ])('%p: %s, told as %s', (error, remedy, code) => {
    expect(classify(error).remedy).toBe(remedy);
    const told = toStorageError(error, 'GetObject');
    expect(told.code).toBe(code);
    // The client learns what happened, and no name of a bucket, key or machine.
    expect(told.message).not.toMatch(/secret|10\.0\.0\.1|GetObject/);
    expect(told.detail).toMatch(/^GetObject: /);
  });

  test('a lost answer is ambiguous, a refusal and a connection that never was are not', () => {
    expect(classify(network('ECONNRESET')).ambiguous).toBe(true);
    expect(classify(answer('InternalError', 500)).ambiguous).toBe(true);
    expect(classify(network('ECONNREFUSED')).ambiguous).toBe(false);
    expect(classify(answer('SlowDown', 503)).ambiguous).toBe(false);
  });

  test('a full disk of the server is no fault of the store', () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    expect(classify(full).remedy).toBe('fail');
    expect(toStorageError(full, 'upload')).toMatchObject({
      code: 'no-space',
      message: 'The server has no room left on its disk.',
    });
  });

  test('a StorageError stays what it is', () => {
    const error = new StorageError('no-space', 'full');
    expect(toStorageError(error, 'PutObject')).toBe(error);
  });
});

describe('retries', () => {
  const setup = (random = 0.5) => {
    const pauses: number[] = [];
    const events: string[] = [];
    let now = 0;
    let renewed = 0;
    const context: RetryContext = {
      attempts: 6,
      deadlineMs: 10_000,
      baseDelayMs: 100,
      maxDelayMs: 1_000,
      clock: {
        now: () => now,
        monotonic: () => now,
        delay: async (milliseconds) => {
          pauses.push(milliseconds);
          now += milliseconds;
          return Promise.resolve();
        },
      },
      random: () => random,
      events: (event) => events.push(event),
      renewCredentials: () => {
        renewed += 1;
      },
    };
    return { context, pauses, events, renewed: () => renewed, advance: (by: number) => (now += by) };
  };
  const failing = (...errors: Error[]) => {
    let call = 0;
    const attempts: boolean[] = [];
    const request = async ({ ambiguous }: { ambiguous: boolean }): Promise<string> => {
      attempts.push(ambiguous);
      const error = errors[call];
      call += 1;
      return error === undefined ? Promise.resolve('done') : Promise.reject(error);
    };
    return { request, attempts };
  };

  test('pause longer each time, up to a bound, and longer still when the store asks for it', async () => {
    const { context, pauses, events } = setup();
    const reset = network('ECONNRESET');
    const { request } = failing(reset, reset, reset, reset, reset);
    await expect(withRetry('PutObject', context, request)).resolves.toBe('done');
    expect(pauses).toEqual([50, 100, 200, 400, 500]);
    expect(events).toEqual(Array(5).fill('S3_RETRY'));
    const slow = setup();
    await withRetry('PutObject', slow.context, failing(answer('SlowDown', 503)).request);
    expect(slow.pauses).toEqual([200]);
  });

  test('are spread by chance between nothing and the bound', async () => {
    for (const [random, pause] of [
      [0, []],
      [0.999, [100]],
    ] as const) {
      const { context, pauses } = setup(random);
      await withRetry('PutObject', context, failing(network('ECONNRESET')).request);
      expect(pauses).toEqual(pause);
    }
  });

  test('end after the attempts, and throw the last error', async () => {
    const { context, events } = setup();
    const last = network('EPIPE');
    const { request } = failing(...Array.from({ length: 5 }, () => network('ECONNRESET')), last);
    await expect(withRetry('PutObject', context, request)).rejects.toBe(last);
    expect(events.at(-1)).toBe('S3_GIVE_UP');
  });

  test('end with the client’s patience', async () => {
    const { context, advance } = setup();
    const error = network('ETIMEDOUT');
    let calls = 0;
    const slow = withRetry('PutObject', context, async () => {
      calls += 1;
      advance(4_000);
      return Promise.reject(error);
    });
    await expect(slow).rejects.toBe(error);
    expect(calls).toBe(3);
  });

  test('do not repeat what will not change', async () => {
    const { context, pauses, events } = setup();
    const error = answer('AccessDenied', 403);
    await expect(withRetry('PutObject', context, failing(error).request)).rejects.toBe(error);
    expect({ pauses, events }).toEqual({ pauses: [], events: [] });
  });

  test('fetch new credentials once, and put the clock right once', async () => {
    const expired = answer('ExpiredToken', 400);
    const first = setup();
    await withRetry('PutObject', first.context, failing(expired, answer('RequestTimeTooSkewed', 403)).request);
    expect(first.renewed()).toBe(1);
    const second = setup();
    await expect(withRetry('PutObject', second.context, failing(expired, expired).request)).rejects.toBe(expired);
  });

  test('tell a try whether an earlier one may have been carried out', async () => {
    const { context } = setup();
    const { request, attempts } = failing(answer('SlowDown', 503), network('ECONNRESET'), answer('SlowDown', 503));
    await withRetry('PutObject', context, request);
    expect(attempts).toEqual([false, false, true, true]);
  });
});
