import { expect, test } from '@jest/globals';
import { PartBuffers, type PartBuffer } from '../../../../src/storage/s3/upload/part-buffers.ts';

const MIB = 1024 ** 2;

test('buffers that are kept for use count too: uploads whose parts grow do not hold the budget once for each size', () => {
  const buffers = new PartBuffers(64 * MIB);
  for (const size of [8, 16, 32, 8]) {
    const held: PartBuffer[] = [];
    for (let next = buffers.tryAcquire(size * MIB); next !== undefined; next = buffers.tryAcquire(size * MIB)) {
      held.push(next);
      expect(buffers.heldBytes).toBeLessThanOrEqual(64 * MIB);
    }
    expect(held.length).toBe(Math.floor(56 / size));
    for (const { release } of held) release();
  }
});
