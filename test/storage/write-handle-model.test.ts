import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MemoryStore } from '../../src/storage/memory/memory-store.ts';
import type { OpenedStore } from './contract/store-driver.ts';
import { StoreDriver, writeOptions } from './contract/store-driver.ts';
import { openLocal } from './local-fixture.ts';
import { storePath } from './store-path.ts';

/** Sizes round those at which a copy or a read takes another step would take too long; the order is what counts here. */
const MAX_SIZE = 5000;

type Step =
  | { readonly kind: 'write'; readonly offset: number; readonly lengths: readonly number[] }
  /** Small writes, each where the one before ended. */
  | { readonly kind: 'run'; readonly offset: number; readonly length: number; readonly count: number }
  | { readonly kind: 'truncate'; readonly size: number }
  | { readonly kind: 'read'; readonly offset: number; readonly length: number }
  | { readonly kind: 'stat' }
  | { readonly kind: 'sync' };

const size = fc.nat(MAX_SIZE);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      offset: size,
      lengths: fc.array(size, { maxLength: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('run' as const),
      offset: size,
      length: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 3000 })),
      count: fc.integer({ min: 2, max: 20 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('truncate' as const), size }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('read' as const), offset: size, length: size }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stat' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('sync' as const) }) },
);

/** The file as plain as can be: what each call must answer when the calls take effect in their order. */
class FileModel {
  bytes: Buffer;
  /** For each byte whether the file kept it or a write has reached it. */
  #reached: Buffer;

  constructor(initial: Buffer) {
    this.bytes = initial;
    this.#reached = Buffer.alloc(initial.length, 1);
  }

  write(offset: number, data: Buffer): void {
    if (data.length === 0) return;
    this.#resize(Math.max(this.bytes.length, offset + data.length));
    data.copy(this.bytes, offset);
    this.#reached.fill(1, offset, offset + data.length);
  }

  truncate(to: number): void {
    this.#resize(to);
  }

  /** What is left if the client goes without closing it: up to the first byte that it has not sent. */
  interrupted(): Buffer {
    const gap = this.#reached.indexOf(0);
    return gap === -1 ? this.bytes : this.bytes.subarray(0, gap);
  }

  #resize(to: number): void {
    const [bytes, reached] = [Buffer.alloc(to), Buffer.alloc(to)];
    this.bytes.copy(bytes);
    this.#reached.copy(reached);
    this.bytes = bytes;
    this.#reached = reached;
  }

  read(offset: number, length: number): string {
    return this.bytes.subarray(offset, offset + length).toString('latin1');
  }
}

const stores: readonly (readonly [string, () => Promise<OpenedStore>])[] = [
  ['local', () => openLocal()],
  [
    'memory',
    () => {
      const store = new MemoryStore();
      return Promise.resolve({ store, cleanup: () => store.close() });
    },
  ],
];

describe.each(stores)('a write handle of %s agrees with a plain model', (_, open) => {
  let opened: OpenedStore;
  beforeAll(async () => {
    opened = await open();
  });
  afterAll(async () => {
    await opened.cleanup();
  });

  test('whatever is called, and in flight at the same time', async () => {
    const driver = new StoreDriver(opened, storePath(''));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ step, wait: fc.boolean() }), { minLength: 1, maxLength: 25 }),
        fc.option(size),
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom('close' as const, 'abandon' as const),
        async (steps, present, truncate, append, end) => {
          const initial = Buffer.alloc(present ?? 0, 'o');
          if (present === null) await driver.store.remove(storePath('f')).catch(() => undefined);
          else await driver.put('f', initial);
          const model = new FileModel(truncate ? Buffer.alloc(0) : initial);
          const handle = await driver.store.openWrite(storePath('f'), writeOptions({ truncate, append, read: true }));
          let mark = 96;
          let changed = false;
          const pending: Promise<void>[] = [];
          for (const { step: call, wait } of steps) {
            const outcome = ((): Promise<void> => {
              switch (call.kind) {
                case 'write': {
                  mark = mark === 122 ? 97 : mark + 1;
                  const chunks = call.lengths.map((length) => Buffer.alloc(length, mark));
                  const data = Buffer.concat(chunks);
                  model.write(append ? model.bytes.length : call.offset, data);
                  changed ||= data.length > 0;
                  return handle.write(call.offset, chunks);
                }
                case 'run': {
                  const writes: Promise<void>[] = [];
                  for (let index = 0; index < call.count; index += 1) {
                    mark = mark === 122 ? 97 : mark + 1;
                    const data = Buffer.alloc(call.length, mark);
                    const offset = call.offset + index * call.length;
                    model.write(append ? model.bytes.length : offset, data);
                    writes.push(handle.write(offset, [data]));
                    // What is written is the caller's again once the call has answered.
                    const last = writes.at(-1);
                    void last?.then(
                      () => data.fill(0),
                      () => undefined,
                    );
                  }
                  changed = true;
                  return Promise.all(writes).then(() => undefined);
                }
                case 'truncate':
                  changed ||= call.size !== model.bytes.length;
                  model.truncate(call.size);
                  return handle.truncate(call.size);
                case 'read': {
                  const expected = model.read(call.offset, call.length);
                  return handle.read(call.offset, call.length).then((answer) => {
                    expect(answer.toString('latin1') === expected).toBe(true);
                  });
                }
                case 'stat': {
                  const expected = model.bytes.length;
                  return handle.stat().then((entry) => {
                    expect(entry.attributes.size).toBe(expected);
                  });
                }
                case 'sync':
                  return handle.sync();
              }
            })();
            if (wait) await outcome;
            else pending.push(outcome);
          }
          const [ended] = await Promise.all([handle[end](), ...pending]);
          if (end === 'abandon') expect(ended).toBe(changed ? 'stored' : 'discarded');
          if (end === 'close') expect((await driver.get('f')).equals(model.bytes)).toBe(true);
          else if (changed) expect((await driver.get('f')).equals(model.interrupted())).toBe(true);
          else if (present === null) expect(await driver.exists('f')).toBe(false);
          else expect((await driver.get('f')).equals(initial)).toBe(true);
          expect((await opened.leftovers?.()) ?? []).toEqual([]);
        },
      ),
      { numRuns: 300 },
    );
  });
});
