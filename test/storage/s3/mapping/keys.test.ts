import { describe, expect, test } from '@jest/globals';
import { KeySpace, listedName, MAX_KEY_BYTES } from '../../../../src/storage/s3/mapping/keys.ts';
import { storePath } from '../../store-path.ts';

describe('paths and keys', () => {
  test('are the same behind the prefix, whose slashes do not matter', () => {
    for (const prefix of ['home/sub', '/home/sub', 'home/sub/', '//home/sub//']) {
      const keys = new KeySpace(prefix);
      expect(keys.fileKey(storePath('a/b c'))).toBe('home/sub/a/b c');
      expect(keys.directoryPrefix(storePath('a'))).toBe('home/sub/a/');
      expect(keys.directoryPrefix(storePath(''))).toBe('home/sub/');
    }
    expect(new KeySpace('').fileKey(storePath('a'))).toBe('a');
    expect(new KeySpace('/').directoryPrefix(storePath(''))).toBe('');
  });

  test.each(['/a', 'a//b', 'a/', '..', 'a/../b', './a', 'a\0b', 'a\nb', 'a\x7f', '\ud800'])('%p is no name', (path) => {
    expect(() => new KeySpace('home').fileKey(storePath(path))).toThrow(
      expect.objectContaining({ code: 'invalid-name' }),
    );
  });

  test('the name of our own records is nobody else’s', () => {
    const keys = new KeySpace('home');
    for (const path of ['.latticeport', '.latticeport/uploads/x']) {
      expect(() => keys.fileKey(storePath(path))).toThrow(expect.objectContaining({ code: 'permission-denied' }));
    }
    expect(keys.fileKey(storePath('a/.latticeport'))).toBe('home/a/.latticeport');
    expect(keys.fileKey(storePath('.latticeport2'))).toBe('home/.latticeport2');
  });

  test('a new key of more than 1,024 bytes with its marker’s slash is refused, in bytes and not in letters', () => {
    const keys = new KeySpace('p');
    const room = MAX_KEY_BYTES - 'p/'.length - 1;
    expect(keys.newKey(storePath('x'.repeat(room)))).toHaveLength(MAX_KEY_BYTES - 1);
    expect(() => keys.newKey(storePath('x'.repeat(room + 1)))).toThrow(/longer than the store allows/);
    expect(() => keys.directoryPrefix(storePath('x'.repeat(room + 1)))).toThrow(/longer than the store allows/);
    // Another program's.
    expect(keys.fileKey(storePath('x'.repeat(room + 1)))).toHaveLength(MAX_KEY_BYTES);
    expect(keys.canBeDirectory(storePath('x'.repeat(room + 1)))).toBe(false);
    expect(() => keys.fileKey(storePath('x'.repeat(room + 2)))).toThrow(/longer than the store allows/);
    expect(() => keys.fileKey(storePath('é'.repeat(600)))).toThrow(expect.objectContaining({ code: 'invalid-name' }));
  });

  test('listed keys without a name are told apart', () => {
    for (const name of ['', '.', '..', 'a/b', 'a\tb', 'a\x00']) expect(listedName(name)).toBeUndefined();
    for (const name of ['a', '...', '.a', ' ', 'é', '\ufffd', 'a\\b']) expect(listedName(name)).toBe(name);
  });
});
