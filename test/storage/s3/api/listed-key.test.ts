import { expect, test } from '@jest/globals';
import { decodeListedKey } from '../../../../src/storage/s3/api/listed-key.ts';

test('keys in listings are decoded, and those that are no UTF-8 are not guessed', () => {
  expect(decodeListedKey('a+b%2Bc%20d')).toBe('a b+c d');
  expect(decodeListedKey('%F0%9F%A7%AA/%2F')).toBe('🧪//');
  expect(decodeListedKey('%FF')).toBeUndefined();
  expect(decodeListedKey('%C3')).toBeUndefined();
  expect(decodeListedKey('100%')).toBeUndefined();
});
