import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  COPY_PART_BYTES,
  MAX_OBJECT_BYTES,
  MAX_PART_BYTES,
  MAX_PARTS,
  MIN_PART_BYTES,
  PartPlan,
  planParts,
  type CleanRun,
} from '../../../../src/storage/s3/upload/part-plan.ts';
import { randomRuns } from '../../../random-runs.ts';

const MIB = 1024 ** 2;

describe('the sizes of parts', () => {
  test.each([5, 8, 16, 64, 512, 5120])('of %i MiB at first reach 5 TiB in 10,000 parts', (first) => {
    const plan = new PartPlan(first * MIB);
    let sum = 0;
    for (let number = 1; number <= MAX_PARTS; number += 1) {
      const size = plan.sizeOf(number);
      expect(size >= MIN_PART_BYTES && size <= MAX_PART_BYTES).toBe(true);
      sum += size;
    }
    expect(sum).toBeGreaterThanOrEqual(MAX_OBJECT_BYTES);
  });

  test('grow by doubling every thousand parts, so that most files have small ones', () => {
    const plan = new PartPlan(8 * MIB);
    expect([1, 1000, 1001, 2001, 3001, 4001].map((number) => plan.sizeOf(number) / MIB)).toEqual([
      8, 8, 16, 32, 64, 128,
    ]);
    let gib100 = 0;
    let number = 0;
    while (gib100 < 100 * 1024 * MIB) gib100 += plan.sizeOf((number += 1));
    expect(plan.sizeOf(number) / MIB).toBeLessThanOrEqual(64);
  });

  test('outside of the limits are refused', () => {
    expect(() => new PartPlan(5 * MIB - 1)).toThrow(RangeError);
    expect(() => new PartPlan(5 * 1024 * MIB + 1)).toThrow(RangeError);
    const plan = new PartPlan(8 * MIB);
    expect(() => plan.sizeOf(0)).toThrow(RangeError);
    expect(() => plan.sizeOf(10_001)).toThrow(RangeError);
  });
});

describe('the parts of a file that shares bytes with a stored one', () => {
  const plan = new PartPlan(8 * MIB);
  const runs = fc
    .array(fc.tuple(fc.integer({ min: 1, max: 40 * MIB }), fc.integer({ min: 1, max: 40 * MIB })), { maxLength: 12 })
    .map((pairs) => {
      let position = 0;
      return pairs.map(([gap, length]): CleanRun => {
        const from = position + gap;
        position = from + length;
        return { from, to: position };
      });
    });

  test('cover it once, are large enough, and copy only what is shared', () => {
    fc.assert(
      fc.property(runs, fc.integer({ min: 1, max: 300 * MIB }), (clean, size) => {
        const parts = planParts(size, clean, plan);
        let position = 0;
        for (const [index, part] of parts.entries()) {
          expect(part.number).toBe(index + 1);
          expect(part.from).toBe(position);
          expect(part.to).toBeGreaterThan(part.from);
          position = part.to;
          if (index < parts.length - 1) expect(part.to - part.from).toBeGreaterThanOrEqual(MIN_PART_BYTES);
          if (part.copy) expect(clean.some(({ from, to }) => from <= part.from && part.to <= to)).toBe(true);
          else expect(part.to - part.from).toBeLessThanOrEqual(plan.sizeOf(part.number));
        }
        expect(position).toBe(size);
      }),
      { numRuns: randomRuns(2_000) },
    );
  });

  test('send no byte of a long shared run but those that a short neighbour needs', () => {
    const size = 1000 * MIB;
    const sent = (clean: CleanRun[]) =>
      planParts(size, clean, plan).reduce((sum, part) => sum + (part.copy ? 0 : part.to - part.from), 0);
    expect(sent([{ from: 0, to: size }])).toBe(0);
    // One changed byte in the middle costs one part of the smallest size.
    const middle = 500 * MIB;
    expect(
      sent([
        { from: 0, to: middle },
        { from: middle + 1, to: size },
      ]),
    ).toBe(MIN_PART_BYTES);
  });

  test('of 5 TiB are at most 10,000', () => {
    expect(planParts(MAX_OBJECT_BYTES, [{ from: 0, to: MAX_OBJECT_BYTES }], plan).length).toBeLessThanOrEqual(
      MAX_PARTS,
    );
    expect(planParts(MAX_OBJECT_BYTES, [], plan).length).toBeLessThanOrEqual(MAX_PARTS);
  });

  test.each([
    [5 * 1024 * MIB + 1, 21],
    [1000 * 1024 * MIB, 4000],
  ])('are copied 256 MiB at a time: %i bytes in %i parts', (size, count) => {
    const parts = planParts(size, [{ from: 0, to: size }], plan);
    expect(parts.length).toBe(count);
    expect(Math.max(...parts.map(({ from, to }) => to - from))).toBe(COPY_PART_BYTES);
    expect(COPY_PART_BYTES).toBe(256 * MIB);
    // The last one alone may be short.
    expect(parts.slice(0, -1).every(({ from, to }) => to - from >= MIN_PART_BYTES)).toBe(true);
  });

  test.each([1, 100, 1_000, 1_300, 3_000, 5_000])(
    'of %i GiB leave numbers for an append that makes the file 5 TiB',
    (gib) => {
      const size = gib * 1024 * MIB;
      const copied = planParts(size, [{ from: 0, to: size }], plan);
      let reached = size;
      for (let number = copied.length + 1; number <= MAX_PARTS; number += 1) reached += plan.sizeOf(number);
      expect(reached).toBeGreaterThanOrEqual(MAX_OBJECT_BYTES);
    },
  );
});
