import { expect, test } from '@jest/globals';
import { WindowBuffers, type WindowBuffer } from '../../../../src/storage/s3/download/window-buffers.ts';
import { MemoryBudget } from '../../../../src/storage/flow/memory-budget.ts';

const FULL = 1024 ** 2;

function acquire(windows: WindowBuffers, bytes: number): WindowBuffer {
  const memory = windows.tryAcquire(bytes);
  if (memory === undefined) throw new Error('the budget is used up');
  return memory;
}

test('what is kept makes room for windows of other lengths', () => {
  const budget = new MemoryBudget(8 * FULL);
  const windows = new WindowBuffers(budget, FULL);
  const full = Array.from({ length: 8 }, () => acquire(windows, FULL));
  for (const memory of full) memory.release();
  expect(windows.idleBytes).toBe(8 * FULL);
  for (let i = 0; i < 16; i += 1) {
    acquire(windows, FULL / 2);
    expect(budget.used + windows.idleBytes).toBeLessThanOrEqual(budget.capacity);
  }
  expect(windows.tryAcquire(1)).toBeUndefined();
});

test('full windows are used again, and small ones do not keep them for ever', async () => {
  const windows = new WindowBuffers(new MemoryBudget(8 * FULL), FULL);
  const first = acquire(windows, FULL);
  first.release();
  const second = acquire(windows, FULL);
  expect(second.buffer).toBe(first.buffer);
  second.release();
  while (windows.idleBytes > 0) {
    acquire(windows, 1000).release();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}, 10_000);
