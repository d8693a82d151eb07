// Reads of a file through a DownloadHandle over objects in memory: what is asked for, and what is asked of the store.
import { describe, expect, test } from '@jest/globals';
import { PassThrough, Readable } from 'node:stream';
import fc from 'fast-check';
import { DEFAULT_ATTRIBUTES } from '../../../../src/storage/s3/mapping/attributes.ts';
import { systemClock } from '../../../../src/storage/flow/clock.ts';
import {
  DownloadHandle,
  OPENING_BYTES,
  type DownloadContext,
} from '../../../../src/storage/s3/download/download-handle.ts';
import { WindowBuffers } from '../../../../src/storage/s3/download/window-buffers.ts';
import { MemoryBudget } from '../../../../src/storage/flow/memory-budget.ts';
import type { FirstBytes } from '../../../../src/storage/s3/api/open-object.ts';
import { DEFAULT_RETRY } from '../../../../src/storage/s3/api/retry.ts';
import { SameBytes } from '../../../../src/storage/s3/api/same-bytes.ts';
import { pattern } from '../../contract/store-driver.ts';
import { randomRuns } from '../../../random-runs.ts';

const MIB = 1024 ** 2;
const FILE = pattern(20 * MIB + 777, 1);

class Store {
  readonly requests: { readonly from: number; readonly to: number }[] = [];
  readonly budget: MemoryBudget;
  readonly windows: WindowBuffers;
  running = 0;
  /** Answers take so many turns for each 64 KiB, and go on though nobody wants them any more. */
  turns = 0;
  /** The object was replaced: the pin does not hold any more. */
  replaced = false;

  /** Bytes that come with an open. */
  readonly opening: number;

  constructor(opening: number, budget = 64 * MIB) {
    this.opening = opening;
    this.budget = new MemoryBudget(budget);
    this.windows = new WindowBuffers(this.budget, 4 * MIB);
  }

  /** The answer to a request of these bytes, which goes on though nobody wants it where answers take turns. */
  #body(from: number, to: number, signal?: AbortSignal): Readable {
    this.requests.push({ from, to });
    this.running += 1;
    const { turns } = this;
    const chunks = async function* (): AsyncGenerator<Buffer> {
      for (let at = from; at < to; at += 65_536) {
        for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        yield Buffer.from(FILE.subarray(at, Math.min(to, at + 65_536)));
      }
    };
    const body = Readable.from(chunks(), turns > 0 || signal === undefined ? {} : { signal });
    body.on('close', () => {
      this.running -= 1;
    });
    return body;
  }

  /** `opening`: so many bytes come with the open. */
  open(opening = this.opening, size = FILE.length): DownloadHandle {
    return this.openWith(opening > 0 ? { body: this.#body(0, opening), to: opening } : undefined, size);
  }

  openWith(first: FirstBytes | undefined, size = FILE.length): DownloadHandle {
    const context: DownloadContext = {
      objects: {
        getRangeOnce: async ({ from, to }, signal) => {
          if (this.replaced) {
            throw Object.assign(new Error('no'), { name: 'PreconditionFailed', $metadata: { httpStatusCode: 412 } });
          }
          return Promise.resolve(this.#body(from, to, signal));
        },
        head: async () => Promise.resolve(undefined),
        sameBytes: new SameBytes(),
      },
      listTimes: 'stored',
      attributeDefaults: DEFAULT_ATTRIBUTES,
      retry: {
        ...DEFAULT_RETRY,
        clock: systemClock,
        random: () => 0,
        events: () => undefined,
        renewCredentials: () => undefined,
      },
      readAhead: { rangeBytes: 4 * MIB, inFlight: 3, budgetBytes: 64 * MIB },
      readBudget: this.budget,
      readWindows: this.windows,
    };
    const properties = { metadata: {} };
    const object = { key: 'k', etag: 'e', size, lastModified: 0, properties };
    return new DownloadHandle(
      context,
      { info: object, first },
      {
        setAttributes: async () => Promise.resolve(),
        onEnd: () => undefined,
      },
    );
  }

  get bytesAsked(): number {
    return this.requests.reduce((sum, { from, to }) => sum + to - from, 0);
  }

  async quiet(): Promise<void> {
    while (this.running > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(this.budget.used).toBe(0);
  }
}

/** As OpenSSH's client reads: so many requests of so many bytes in flight, at growing offsets. */
async function sequential(
  handle: DownloadHandle,
  from: number,
  to: number,
  inFlight: number,
  bytes: number,
): Promise<void> {
  let next = from;
  const worker = async (): Promise<void> => {
    for (let at = next; at < to; at = next) {
      next = at + bytes;
      const got = await handle.read(at, bytes);
      expect(got.equals(FILE.subarray(at, Math.min(at + bytes, FILE.length)))).toBe(true);
      // The buffer is the reader's: what it does to it is nobody else's concern.
      got.fill(0);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
}

describe.each([0, OPENING_BYTES])('a download of which the open brings %i bytes', (opening) => {
  test.each([
    [64, 32 * 1024],
    [64, 261_120],
    [1, 100_000],
    [4, 3 * MIB],
  ])('in order, %i reads of %i bytes in flight, asks for each byte once, in few requests', async (inFlight, bytes) => {
    const store = new Store(opening);
    const handle = store.open();
    await sequential(handle, 0, FILE.length, inFlight, bytes);
    await handle.close();
    expect(store.bytesAsked).toBe(FILE.length);
    expect(store.requests.length).toBeLessThanOrEqual(9);
    await store.quiet();
  });

  test('of a segment in the middle becomes sequential too', async () => {
    const store = new Store(opening);
    const handle = store.open();
    await sequential(handle, 5 * MIB + 3, 15 * MIB, 32, 32_768);
    await handle.close();
    expect(store.requests.length).toBeLessThanOrEqual(9);
    await store.quiet();
  });

  test('of the beginning only does not fetch the whole file', async () => {
    const store = new Store(opening);
    const handle = store.open();
    await handle.read(0, 4096);
    await handle.close();
    expect(store.bytesAsked).toBeLessThanOrEqual(4 * MIB);
    await store.quiet();
  });

  test('of small random pieces fetches small ranges, and those near each other once', async () => {
    const store = new Store(opening);
    const handle = store.open();
    for (let i = 0; i < 8; i += 1) await handle.read(9 * MIB + ((i * 5) % 8) * 8192 + 1, 4096);
    expect(store.bytesAsked).toBeLessThanOrEqual(opening + 512 * 1024);
    await handle.close();
    await store.quiet();
  });

  test('of any pieces in any order gives the right bytes, with much memory or hardly any', async () => {
    const read = fc.record({
      at: fc.integer({ min: 0, max: FILE.length + 1000 }),
      bytes: fc.integer({ min: 0, max: 2 * MIB }),
    });
    const streak = fc.record({ at: fc.integer({ min: 0, max: FILE.length }), count: fc.integer({ min: 2, max: 20 }) });
    const plan = fc.array(fc.oneof(read, streak), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(plan, fc.constantFrom(300_000, 6 * MIB, 64 * MIB), async (steps, budget) => {
        const store = new Store(opening, budget);
        const handle = store.open();
        const check = async (at: number, bytes: number): Promise<void> => {
          const got = await handle.read(at, bytes);
          expect(got.equals(FILE.subarray(Math.min(at, FILE.length), at + bytes))).toBe(true);
          got.fill(1);
        };
        const pending: Promise<void>[] = [];
        for (const { at, ...more } of steps) {
          if ('bytes' in more) pending.push(check(at, more.bytes));
          else for (let i = 0; i < more.count; i += 1) pending.push(check(at + i * 100_000, 100_000));
          if (pending.length > 30) await Promise.all(pending.splice(0));
        }
        await Promise.all(pending);
        await handle.close();
        await store.quiet();
      }),
      { numRuns: randomRuns(150) },
    );
  }, 120_000);

  test('and others at the same time that end early, and whose answers go on, share memory and mix nothing', async () => {
    const store = new Store(opening, 24 * MIB);
    for (let round = 0; round < 6; round += 1) {
      // Gone with several full windows on their way, whose bytes are other ones than those that the next readers want.
      const gone = store.open();
      store.turns = 5;
      await sequential(gone, 3 * MIB, 8 * MIB, 8, 100_000);
      await gone.close();
      store.turns = 1;
      const handles = [store.open(), store.open()];
      await Promise.all(handles.map(async (handle) => sequential(handle, 0, FILE.length, 8, 261_120)));
      await Promise.all(handles.map(async (handle) => handle.close()));
    }
    expect(store.windows.idleBytes).toBeGreaterThan(0);
    expect(store.windows.idleBytes).toBeLessThanOrEqual(24 * MIB);
    await store.quiet();
  });

  test('past the end asks nothing of the store', async () => {
    const store = new Store(opening);
    const handle = store.open();
    expect(await handle.read(FILE.length, 32_768)).toHaveLength(0);
    expect(await handle.read(2 ** 45, 32_768)).toHaveLength(0);
    await handle.close();
    await store.quiet();
    expect(store.requests).toEqual(opening > 0 ? [{ from: 0, to: opening }] : []);
  });

  test('of a file that was replaced fails with changed, and goes on failing', async () => {
    const store = new Store(opening);
    const handle = store.open();
    await handle.read(0, 32_768);
    store.replaced = true;
    await expect(sequential(handle, 32_768, FILE.length, 8, 261_120)).rejects.toMatchObject({ code: 'changed' });
    await expect(handle.read(15 * MIB, 100)).rejects.toMatchObject({ code: 'changed' });
    await handle.close();
    await store.quiet();
  });

  test('that is closed with reads in flight ends them and every request', async () => {
    const store = new Store(opening);
    const handle = store.open();
    const reads = Array.from({ length: 20 }, async (_, i) => handle.read(i * MIB, MIB));
    await handle.close();
    for (const outcome of await Promise.allSettled(reads)) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ message: 'The file is closed.' });
    }
    await store.quiet();
  });
});

describe('the bytes that come with the open', () => {
  test('are a small file, which asks for nothing else', async () => {
    const store = new Store(OPENING_BYTES);
    const handle = store.open(OPENING_BYTES, OPENING_BYTES);
    const reads = [
      handle.read(0, 100_000),
      handle.read(100_000, 100_000),
      handle.read(200_000, OPENING_BYTES - 200_000),
    ];
    expect(Buffer.concat(await Promise.all(reads)).equals(FILE.subarray(0, OPENING_BYTES))).toBe(true);
    expect(store.requests).toEqual([{ from: 0, to: OPENING_BYTES }]);
    await handle.close();
    await store.quiet();
  });

  test('are given up where there is no memory for them, and asked for again when they are read', async () => {
    const store = new Store(OPENING_BYTES, OPENING_BYTES - 1);
    const handle = store.open();
    expect((await handle.read(7, 1000)).equals(FILE.subarray(7, 1007))).toBe(true);
    expect(store.requests.slice(1)).toEqual([{ from: 7, to: 1007 }]);
    await handle.close();
    await store.quiet();
  });

  test('that break off are gone on with, from the version that was opened', async () => {
    const store = new Store(0);
    const broken = new PassThrough();
    broken.write(FILE.subarray(0, 5000));
    const handle = store.openWith({ body: broken, to: OPENING_BYTES });
    expect((await handle.read(0, 5000)).equals(FILE.subarray(0, 5000))).toBe(true);
    broken.destroy(Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }));
    expect((await handle.read(4000, 90_000)).equals(FILE.subarray(4000, 94_000))).toBe(true);
    // Behind the last byte that came; the next window follows.
    expect(store.requests[0]?.from).toBe(OPENING_BYTES);
    expect(store.requests[1]).toEqual({ from: 5000, to: OPENING_BYTES });
    await handle.close();
    await store.quiet();
  });

  test('end with the handle, though they are still on their way', async () => {
    const store = new Store(0);
    const endless = new PassThrough();
    const handle = store.openWith({ body: endless, to: OPENING_BYTES });
    const read = handle.read(0, 10);
    await handle.close();
    await expect(read).rejects.toMatchObject({ message: 'The file is closed.' });
    expect(endless.destroyed).toBe(true);
    await store.quiet();
  });
});
