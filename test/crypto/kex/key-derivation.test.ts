import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { deriveKey, encodeMpint, encodeString } from '../../../src/crypto/kex/key-derivation.ts';
import { SshWriter } from '../../../src/wire/writer.ts';

const K = encodeString(Buffer.alloc(32, 0x91));
const H = Buffer.alloc(32, 0x22);
const SESSION_ID = Buffer.alloc(32, 0x33);

function sha256(...parts: (Buffer | string)[]): Buffer {
  return createHash('sha256')
    .update(Buffer.concat(parts.map((part) => Buffer.from(part))))
    .digest();
}

test('RFC 4253 §7.2, written out', () => {
  const k1 = sha256(K, H, 'C', SESSION_ID);
  const k2 = sha256(K, H, k1);
  const k3 = sha256(K, H, k1, k2);
  const whole = Buffer.concat([k1, k2, k3]);
  for (const length of [0, 1, 12, 16, 32, 33, 64, 65, 96]) {
    expect(deriveKey('sha256', K, H, 'C', SESSION_ID, length).equals(whole.subarray(0, length))).toBe(true);
  }
});

test('letters and hashes give different keys', () => {
  const keys = (['A', 'B', 'C', 'D', 'E', 'F'] as const).flatMap((letter) =>
    (['sha1', 'sha256', 'sha384', 'sha512'] as const).map((hash) =>
      deriveKey(hash, K, H, letter, SESSION_ID, 64).toString('hex'),
    ),
  );
  expect(new Set(keys).size).toBe(24);
});

test.each([
  ['', '00000000'],
  ['00', '00000000'],
  ['000000', '00000000'],
  ['01', '0000000101'],
  ['7f', '000000017f'],
  ['80', '000000020080'],
  ['000080', '000000020080'],
  ['09a378f9b2e332a7', '0000000809a378f9b2e332a7'],
])('mpint of %s is %s, as the wire writer has it', (value, encoded) => {
  const unsigned = Buffer.from(value, 'hex');
  expect(encodeMpint(unsigned).toString('hex')).toBe(encoded);
  expect(new SshWriter().unsignedMpint(unsigned).finish().toString('hex')).toBe(encoded);
});
