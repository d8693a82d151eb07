import { expect, test } from '@jest/globals';
import { RekeyAllowance } from '../../src/transport/rekey-allowance.ts';

test("a minute's worth at once, then one after the other, and after a pause as many as it allows", () => {
  let now = 0;
  const allowance = new RekeyAllowance(6, () => now);
  const waits = (count: number): number[] => Array.from({ length: count }, () => allowance.take());
  expect(waits(8)).toEqual([0, 0, 0, 0, 0, 0, 10, 20]);
  now = 20;
  expect(waits(1)).toEqual([10]);
  now = 1000;
  expect(waits(7)).toEqual([0, 0, 0, 0, 0, 0, 10]);
});
