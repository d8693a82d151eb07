import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodePath, lastSegment, MAX_PATH_BYTES, normalizePath, parentOf, ROOT } from '../../src/vfs/client-path.ts';

describe('normalizePath', () => {
  test.each([
    ['', '/home/u', '/home/u'],
    ['.', '/home/u', '/home/u'],
    ['..', '/home/u', '/home'],
    ['../../../..', '/home/u', '/'],
    ['a', '/home/u', '/home/u/a'],
    ['a', '/', '/a'],
    ['/', '/home/u', '/'],
    ['//a///b/', '/home/u', '/a/b'],
    ['/a/./b/../c', '/home/u', '/a/c'],
    ['/..a/b..', '/', '/..a/b..'],
    ['/...', '/', '/...'],
    ['/a/..', '/', '/'],
    ['/.ssh/x', '/', '/.ssh/x'],
  ])('"%s" from %s is %s', (path, start, expected) => {
    expect(normalizePath(path, normalizePath(start, ROOT))).toBe(expected);
  });

  test('is always absolute, without empty, . or .. segments, and stays as it is when done again', () => {
    const segment = fc.constantFrom('', '.', '..', 'a', 'b.', '..c', '...');
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 12 }), fc.boolean(), (segments, absolute) => {
        const once = normalizePath((absolute ? '/' : '') + segments.join('/'), normalizePath('/x/y', ROOT));
        expect(once.startsWith('/')).toBe(true);
        const parts = once === '/' ? [] : once.slice(1).split('/');
        for (const part of parts) expect(['', '.', '..']).not.toContain(part);
        expect(normalizePath(once, ROOT)).toBe(once);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('decodePath', () => {
  test('takes UTF-8 as it is, without composing or decomposing', () => {
    expect(decodePath(Buffer.from('/e\u0301\u00e9\u{1f600}'))).toBe('/e\u0301\u00e9\u{1f600}');
    expect(decodePath(Buffer.from('\ufeffa'))).toBe('\ufeffa');
  });

  test.each([
    ['a lone continuation byte', Buffer.from([0x61, 0x80])],
    ['an overlong slash', Buffer.from([0xc0, 0xaf])],
    ['a surrogate', Buffer.from([0xed, 0xa0, 0x80])],
    ['a cut-off character', Buffer.from([0xe2, 0x82])],
    ['NUL', Buffer.from('a\0b')],
    ['too many bytes', Buffer.alloc(MAX_PATH_BYTES + 1, 'a')],
  ])('refuses %s', (_what, bytes) => {
    expect(() => decodePath(bytes)).toThrow(expect.objectContaining({ code: 'invalid-name' }));
  });
});

test('parentOf and lastSegment', () => {
  const path = normalizePath('/a/b', ROOT);
  expect(parentOf(path)).toBe('/a');
  expect(parentOf(parentOf(path))).toBe('/');
  expect(parentOf(ROOT)).toBe('/');
  expect(lastSegment(path)).toBe('b');
});
