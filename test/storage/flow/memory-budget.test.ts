import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MemoryBudget, type MemoryLease } from '../../../src/storage/flow/memory-budget.ts';

describe('a memory budget', () => {
  test('is first come, first served: a large request is not overtaken by small ones', async () => {
    const budget = new MemoryBudget(10);
    const first = await budget.acquire(8);
    const order: string[] = [];
    const large = budget.acquire(9).then((lease) => {
      order.push('large');
      return lease;
    });
    const small = budget.acquire(1).then((lease) => {
      order.push('small');
      return lease;
    });
    expect(budget.tryAcquire(1)).toBeUndefined();
    first.release();
    (await large).release();
    (await small).release();
    expect(order).toEqual(['large', 'small']);
    expect(budget.used).toBe(0);
  });

  test('serves transfers in turn', async () => {
    const budget = new MemoryBudget(2);
    const served = new Map<number, number>();
    let steps = 0;
    const transfer = async (id: number): Promise<void> => {
      while (steps < 400) {
        const lease = await budget.acquire(1);
        steps += 1;
        served.set(id, (served.get(id) ?? 0) + 1);
        await new Promise((resolve) => setImmediate(resolve));
        lease.release();
      }
    };
    await Promise.all([0, 1, 2, 3, 4].map(transfer));
    const counts = [...served.values()];
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(3);
  });

  test('never gives more than it has, and gets everything back', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 10 }), cancel: fc.boolean() }), { maxLength: 40 }),
        async (requests) => {
          const budget = new MemoryBudget(10);
          const held: MemoryLease[] = [];
          const outcomes = requests.map(async ({ bytes, cancel }) => {
            const ends = new AbortController();
            const waiting = budget.acquire(bytes, ends.signal);
            if (cancel) ends.abort(new Error('cancelled'));
            try {
              const lease = await waiting;
              expect(budget.used).toBeLessThanOrEqual(10);
              held.push(lease);
              setImmediate(() => {
                lease.release();
                lease.release();
              });
            } catch (error) {
              expect((error as Error).message).toBe('cancelled');
            }
          });
          await Promise.all(outcomes);
          while (budget.used > 0) await new Promise((resolve) => setImmediate(resolve));
          expect(budget.waiting).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('asks for idle bytes back when there are too few', () => {
    const budget = new MemoryBudget(10);
    const idle = budget.tryAcquire(8);
    const end = budget.onShortage(() => idle?.release());
    expect(budget.tryAcquire(5)?.bytes).toBe(5);
    end();
    expect(budget.used).toBe(5);
  });

  test('refuses what it could never give', async () => {
    await expect(new MemoryBudget(10).acquire(11)).rejects.toThrow(RangeError);
    expect(() => new MemoryBudget(0)).toThrow(RangeError);
  });
});
