import { expect, test } from '@jest/globals';
import type { StorePath } from '../../src/storage/object-store.ts';
import {
  checkStorePath,
  isInside,
  joinStorePath,
  movedPath,
  parentOf,
  STORE_ROOT,
} from '../../src/storage/store-path.ts';

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

test('paths are joined under the root and under a directory; no names are the directory itself', () => {
  const directory = joinStorePath(STORE_ROOT, 'a/b');
  expect(directory).toBe('a/b');
  expect(joinStorePath(directory, 'c')).toBe('a/b/c');
  expect(joinStorePath(directory, '')).toBe('a/b');
  expect(joinStorePath(STORE_ROOT, '')).toBe('');
  expect(parentOf(directory)).toBe('a');
  expect(parentOf(parentOf(directory))).toBe('');
});

test('what is in a renamed directory moves with it', () => {
  const path = (names: string): StorePath => joinStorePath(STORE_ROOT, names);
  expect(movedPath(path('a/b/c'), path('a/b'), path('x'))).toBe('x/c');
  expect(movedPath(path('a/b'), path('a/b'), path('x/y'))).toBe('x/y');
});

test.each(['/a', 'a/', 'a//b', '.', 'a/../b', 'a\0b', 'a\ud800', 'a'.repeat(4097)])('%j is no store path', (text) => {
  expect(() => {
    checkStorePath(text);
  }).toThrow(expect.objectContaining({ code: 'invalid-name' }));
});
