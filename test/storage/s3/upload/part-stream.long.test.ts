// Random writes through a PartStream of tiny parts, against a plain buffer.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Overlay } from '../../../../src/storage/s3/upload/overlay.ts';
import { PartBuffers } from '../../../../src/storage/s3/upload/part-buffers.ts';
import { PartStream } from '../../../../src/storage/s3/upload/part-stream.ts';
import { SpoolSpace } from '../../../../src/storage/s3/upload/spool.ts';
import type { PartBody } from '../../../../src/storage/s3/api/send-body.ts';

const PART = 64;
const plan = { sizeOf: () => PART };

type Step =
  | { readonly do: 'write'; readonly at: number; readonly bytes: number }
  | { readonly do: 'next'; readonly bytes: number }
  | { readonly do: 'truncate'; readonly size: number }
  | { readonly do: 'sync' }
  | { readonly do: 'park' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('next' as const), bytes: fc.integer({ min: 1, max: 150 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      at: fc.integer({ min: 0, max: 700 }),
      bytes: fc.integer({ min: 1, max: 150 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('truncate' as const), size: fc.integer({ min: 0, max: 700 }) }) },
  { weight: 1, arbitrary: fc.constantFrom<Step>({ do: 'sync' }, { do: 'park' }) },
);

async function contentOf(body: PartBody): Promise<Buffer> {
  if (Buffer.isBuffer(body)) return Buffer.from(body);
  const content = Buffer.concat((await body.open().toArray()) as Buffer[]);
  expect(content).toHaveLength(body.length);
  return content;
}

describe('a stream of parts', () => {
  let directory: string;
  let spool: SpoolSpace;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'latticeport-spool-test-'));
    spool = await SpoolSpace.open({ directory, maxBytes: 1_000_000 });
  });
  afterAll(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  /** Plays the steps; answers the file as the store would have it, and as it should be. */
  const play = async (steps: readonly Step[], buffers: PartBuffers) => {
    let wanted = Buffer.alloc(0);
    /** Which bytes were ever received, to say where the first gap is. */
    let received = new Set<number>();
    const parts = new Map<number, Buffer>();
    const stream: PartStream = new PartStream(
      { buffers, plan, spool },
      {
        send: async (number, body, done) => {
          parts.set(number, await contentOf(body));
          // As a request does: the memory is free again a little later.
          setImmediate(done);
        },
      },
      () => new AbortController().signal,
      { firstNumber: 1, start: 0 },
    );
    let fill = 0;
    for (const action of steps) {
      switch (action.do) {
        case 'write':
        case 'next': {
          const at = action.do === 'next' ? stream.size : action.at;
          fill = (fill % 255) + 1;
          const bytes = Buffer.alloc(action.bytes, fill);
          const larger = Buffer.alloc(Math.max(wanted.length, at + bytes.length));
          wanted.copy(larger);
          bytes.copy(larger, at);
          wanted = larger;
          for (let i = 0; i < bytes.length; i += 1) received.add(at + i);
          await stream.write(at, [bytes.subarray(0, 10), bytes.subarray(10)]);
          break;
        }
        case 'truncate': {
          const other = Buffer.alloc(action.size);
          wanted.copy(other);
          wanted = other;
          received = new Set([...received].filter((offset) => offset < action.size));
          await stream.truncate(action.size);
          break;
        }
        case 'sync':
          await stream.sendTail();
          break;
        case 'park':
          await stream.park();
          break;
      }
      expect(stream.size).toBe(wanted.length);
    }
    let gap = 0;
    while (received.has(gap)) gap += 1;
    expect(stream.contiguousEnd()).toBe(gap);
    const whole = parts.size === 0 ? await stream.takeWhole() : undefined;
    let stored: Buffer;
    if (whole === undefined) {
      await stream.finish();
      const count = stream.nextNumber - 1;
      const unpatched = Buffer.concat(
        Array.from({ length: count }, (_, index) => parts.get(index + 1) ?? Buffer.alloc(0)),
      );
      expect(unpatched).toHaveLength(stream.sent);
      const { patches } = stream;
      const overlay = new Overlay(
        { key: '', etag: '', size: unpatched.length },
        async (_, from, into) => {
          unpatched.copy(into, 0, from);
          return Promise.resolve();
        },
        undefined,
        {
          spool: patches?.spool,
          baseEnd: Math.min(stream.sent, patches?.cut ?? stream.sent, stream.size),
          size: stream.size,
        },
      );
      stored = Buffer.alloc(stream.size, 0xff);
      await overlay.read(0, stored);
      if (patches === undefined) expect(stored.equals(unpatched)).toBe(true);
    } else {
      stored = Buffer.from(whole.body);
      whole.done();
    }
    await stream.release();
    return { stored, wanted };
  };

  test.each([
    // Room for one part in memory: a second one is often refused, and waits are real.
    ['hardly any memory', 128 * 1024 + PART * 2],
    ['parts that memory does not hold', 128 * 1024 + PART],
    ['much memory', 1024 * 1024],
  ])(
    'has every byte where it was written last, whatever the order, with %s',
    async (_, budget) => {
      const buffers = new PartBuffers(budget);
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
          const { stored, wanted } = await play(steps, buffers);
          expect(stored.equals(wanted)).toBe(true);
          while (buffers.used > 0 || spool.openFiles > 0) await new Promise((resolve) => setImmediate(resolve));
          expect(spool.used).toBe(0);
        }),
        { numRuns: 700 },
      );
    },
    120_000,
  );

  test('stores zero bytes in holes, not what a buffer held before', async () => {
    const buffers = new PartBuffers(1024 * 1024);
    await play(
      [
        { do: 'write', at: 0, bytes: 150 },
        { do: 'next', bytes: 150 },
      ],
      buffers,
    );
    const { stored, wanted } = await play(
      [
        { do: 'write', at: 30, bytes: 5 },
        { do: 'write', at: 200, bytes: 5 },
        { do: 'truncate', size: 400 },
      ],
      buffers,
    );
    expect(stored.equals(wanted)).toBe(true);
  });

  test('without room on the disk says so', async () => {
    const small = await SpoolSpace.open({ directory, maxBytes: 100 });
    const stream = new PartStream(
      { buffers: new PartBuffers(1024 * 1024), plan, spool: small },
      { send: async () => Promise.resolve() },
      () => new AbortController().signal,
      { firstNumber: 1, start: 0 },
    );
    await stream.write(500, [Buffer.alloc(90)]);
    await expect(stream.write(900, [Buffer.alloc(90)])).rejects.toMatchObject({ code: 'no-space' });
    await stream.release();
    expect(small.used).toBe(0);
  });
});
