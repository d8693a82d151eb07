import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { editDistance, nearestNames } from '../../src/policy/nearest-names.ts';

describe('editDistance', () => {
  test.each([
    ['', '', 0],
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
    ['sha265', 'sha256', 1],
    ['AES256-CTR', 'aes256-ctr', 0],
    ['ab', 'ba', 1],
  ])('%s to %s is %i', (from, to, distance) => {
    expect(editDistance(from, to)).toBe(distance);
  });

  test('is symmetric, at most the longer length, and zero for equal strings', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 30 }), fc.string({ maxLength: 30 }), (one, other) => {
        expect(editDistance(one, other)).toBe(editDistance(other, one));
        expect(editDistance(one, other)).toBeLessThanOrEqual(
          Math.max(one.toLowerCase().length, other.toLowerCase().length),
        );
        expect(editDistance(one, one)).toBe(0);
      }),
    );
  });
});

test('nearestNames puts the nearest first and keeps the order of ties', () => {
  expect(nearestNames('aes265-ctr', ['aes128-ctr', 'aes192-ctr', 'aes256-ctr'], 2)).toEqual([
    'aes256-ctr',
    'aes128-ctr',
  ]);
  expect(nearestNames('x', ['b', 'a'])).toEqual(['b', 'a']);
});
