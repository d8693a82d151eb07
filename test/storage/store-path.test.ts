import { expect, test } from '@jest/globals';
import { isInside } from '../../src/storage/store-path.ts';

test.each([
  ['u/bob', 'u/bob', true],
  ['u/bob/x', 'u/bob', true],
  ['u/bobby', 'u/bob', false],
  ['u', 'u/bob', false],
  ['x/u/bob', 'u/bob', false],
  ['anything', '', true],
  ['', '', true],
  ['', 'u', false],
  ['/u/bob/x', '/u/bob', true],
  ['/u/bobby', '/u/bob', false],
  ['/anything', '/', true],
  ['/', '/', true],
  ['/', '/u', false],
])('"%s" is inside "%s": %s', (path, directory, inside) => {
  expect(isInside(path, directory)).toBe(inside);
});
