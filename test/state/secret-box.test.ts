import { createSecretKey } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SecretBox, secretKeyOf, SecretUnreadable } from '../../src/state/secret-box.ts';
import { randomRuns } from '../random-runs.ts';
import { otherSecretBox, secretBox } from './sample-records.ts';

const PLACE = ['host-key', 's-1', 'hostkey-1'];

describe('SecretBox', () => {
  test('opens what it has sealed, whatever it is', () => {
    const box = secretBox();
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 5_000 }), fc.array(fc.string()), (secret, place) => {
        const sealed = box.seal(secret, place);
        expect(box.open(sealed, place)).toBe(secret);
        expect(sealed).toMatch(/^lp1:k1:[A-Za-z0-9_-]+$/);
      }),
      { numRuns: randomRuns(500) },
    );
  });

  test('long secrets stay whole where characters have several bytes', () => {
    const secret = 'ä€𝄞'.repeat(20_000);
    expect(secretBox().open(secretBox().seal(secret, PLACE), PLACE)).toBe(secret);
  });

  test('seals the same secret differently each time', () => {
    const box = secretBox();
    expect(new Set(Array.from({ length: 100 }, () => box.seal('the same', PLACE))).size).toBe(100);
  });

  test('seals with its first key and opens with any', () => {
    const sealed = secretBox('old').seal('secret', PLACE);
    const both = secretBox('new', 'old');
    expect(both.keyId).toBe('new');
    expect(both.open(sealed, PLACE)).toBe('secret');
    expect(both.seal('secret', PLACE)).toMatch(/^lp1:new:/);
    expect(() => secretBox('new').open(sealed, PLACE)).toThrow(
      'the secret of host-key s-1 hostkey-1 is encrypted with the key "old", which is not in the keys of the test',
    );
  });

  test('another key of the same id opens nothing, and is named', () => {
    const sealed = secretBox('k1').seal('secret', PLACE);
    expect(() => otherSecretBox('k1').open(sealed, PLACE)).toThrow(
      'the key "k1" in the keys of the test is not the one',
    );
  });

  test.each([
    ['another table', ['access-key', 's-1', 'hostkey-1']],
    ['another server', ['host-key', 's-2', 'hostkey-1']],
    ['another record', ['host-key', 's-1', 'hostkey-2']],
    ['the same letters, parted elsewhere', ['host-key', 's-1h', 'ostkey-1']],
    ['less', ['host-key', 's-1']],
  ])('a secret is not opened in another place: %s', (_, place) => {
    const box = secretBox();
    expect(() => box.open(box.seal('secret', PLACE), place)).toThrow(SecretUnreadable);
  });

  test('a change of any bit, or of the length, is found', () => {
    const box = secretBox();
    const [format = '', id = '', body = ''] = box.seal('secret', PLACE).split(':');
    const bytes = Buffer.from(body, 'base64url');
    const open = (changed: Buffer) => () => box.open([format, id, changed.toString('base64url')].join(':'), PLACE);
    expect(open(bytes)()).toBe('secret');
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(open(changed)).toThrow(SecretUnreadable);
    }
    for (let length = 0; length < bytes.length; length += 1) {
      expect(open(bytes.subarray(0, length))).toThrow(SecretUnreadable);
    }
    expect(open(Buffer.concat([bytes, Buffer.alloc(1)]))).toThrow(SecretUnreadable);
  });

  test.each(['', 'lp1', 'lp2:k1:AAAA', 'lp1:k1:AAAA:more', 'plain text'])(
    'what is not sealed is refused: %j',
    (sealed) => {
      expect(() => secretBox().open(sealed, PLACE)).toThrow(SecretUnreadable);
    },
  );

  test('keys have 32 bytes, and there is at least one', () => {
    expect(() => new SecretBox([], 'nowhere')).toThrow(RangeError);
    expect(() => new SecretBox([{ id: 'k', key: createSecretKey(Buffer.alloc(16)) }], 'nowhere')).toThrow(RangeError);
  });

  test('the bytes that a key is made of are wiped', () => {
    const bytes = Buffer.alloc(32, 7);
    const { key } = secretKeyOf('k', bytes);
    expect(bytes.equals(Buffer.alloc(32))).toBe(true);
    expect(key.export().equals(Buffer.alloc(32, 7))).toBe(true);
  });
});
