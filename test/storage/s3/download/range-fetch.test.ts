// How the body of a ranged GET may end, and what a reader is told then.
import { describe, expect, test } from '@jest/globals';
import { Readable } from 'node:stream';
import { systemClock } from '../../../../src/storage/flow/clock.ts';
import { fetchRange } from '../../../../src/storage/s3/download/range-fetch.ts';
import type { VersionRange } from '../../../../src/storage/s3/api/object-info.ts';
import { DEFAULT_RETRY } from '../../../../src/storage/s3/api/retry.ts';
import { pattern } from '../../contract/store-driver.ts';
import { until } from '../../../transport/transport-pair.ts';

const FILE = pattern(300_000, 7);
const RESET = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });

/** How a body ends: after so many bytes, and with what. */
interface End {
  /** Of the range; more than the range is asked for is possible. */
  readonly bytes: number;
  readonly error?: Error;
}

/** Fetches all of FILE; the n-th request's body ends as `ends[n]` says, later ones as they should. */
async function fetchAll(ends: readonly End[], signal = new AbortController().signal) {
  const asked: number[] = [];
  const bodies: Readable[] = [];
  const got: Buffer[] = [];
  const objects = {
    getRangeOnce: ({ from, to }: VersionRange): Promise<Readable> => {
      const end = ends[asked.length] ?? { bytes: to - from };
      asked.push(from);
      const bytes = Buffer.concat([FILE, Buffer.alloc(200_000)]).subarray(from, from + end.bytes);
      let at = 0;
      const body = new Readable({
        read() {
          const chunk = bytes.subarray(at, at + 65_536);
          at += chunk.length;
          if (chunk.length > 0) this.push(Buffer.from(chunk));
          else if (end.error !== undefined) this.destroy(end.error);
          else this.push(null);
        },
      });
      bodies.push(body);
      return Promise.resolve(body);
    },
  };
  const context = {
    ...DEFAULT_RETRY,
    clock: systemClock,
    random: () => 0,
    events: () => undefined,
    renewCredentials: () => undefined,
  };
  const done = fetchRange(
    { objects, retry: context },
    { key: 'k', etag: 'e', from: 0, to: FILE.length },
    (chunk) => got.push(chunk),
    signal,
  );
  await done.finally(() => until(() => bodies.every(({ closed }) => closed), 'every body is closed'));
  return { asked, bytes: Buffer.concat(got) };
}

describe('the body of a range', () => {
  test.each<[string, readonly End[], readonly number[]]>([
    ['whole', [], [0]],
    [
      'that ends early is continued behind its last byte',
      [{ bytes: 100_000 }, { bytes: 65_536 }],
      [0, 100_000, 165_536],
    ],
    ['whose connection breaks is continued behind its last byte', [{ bytes: 70_000, error: RESET }], [0, 70_000]],
    ['of no bytes is asked for again', [{ bytes: 0 }, { bytes: 0, error: RESET }], [0, 0, 0]],
    ['whose connection breaks after the last byte is whole', [{ bytes: FILE.length, error: RESET }], [0]],
  ])('%s', async (_, ends, expected) => {
    const { asked, bytes } = await fetchAll(ends);
    expect(bytes.equals(FILE)).toBe(true);
    expect(asked).toEqual(expected);
  });

  test('that is longer than the range is cut there, and destroyed', async () => {
    const { asked, bytes } = await fetchAll([{ bytes: FILE.length + 200_000 }]);
    expect(bytes.equals(FILE)).toBe(true);
    expect(asked).toEqual([0]);
  });

  test('whose bytes turn out wrong at the end fails, though all of them came', async () => {
    const error = new Error(
      'Checksum mismatch: expected "a" but received "b" in response header "x-amz-checksum-crc32".',
    );
    await expect(fetchAll([{ bytes: FILE.length, error }])).rejects.toMatchObject({ name: 'StorageError' });
  });

  test('is given up with the signal', async () => {
    const abort = new AbortController();
    const reason = new Error('nobody reads this any more');
    abort.abort(reason);
    await expect(fetchAll([{ bytes: 10, error: RESET }], abort.signal)).rejects.toBe(reason);
  });
});
