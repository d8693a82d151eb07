import { expect, test } from '@jest/globals';
import { createSntrup761 } from '@oqs/liboqs-js/kem';
import { KexError } from '../../../src/crypto/kex/kex-method.ts';
import { sntrup761 } from '../../../src/crypto/kex/sntrup761.ts';

test('refuses to work before it is loaded, and loads once', async () => {
  expect(sntrup761.loaded).toBe(false);
  expect(() => sntrup761.generateKeyPair()).toThrow('before its load()');
  await Promise.all([sntrup761.load(), sntrup761.load()]);
  expect(sntrup761.loaded).toBe(true);
});

test('round trip, with the sizes of RFC 9941', async () => {
  await sntrup761.load();
  const pair = sntrup761.generateKeyPair();
  const { ciphertext, sharedSecret } = sntrup761.encapsulate(pair.publicKey);
  expect([pair.publicKey.length, ciphertext.length, sharedSecret.length]).toEqual([1158, 1039, 32]);
  expect(pair.decapsulate(ciphertext).equals(sharedSecret)).toBe(true);
  const other = await createSntrup761();
  const toUs = other.encapsulate(new Uint8Array(pair.publicKey));
  expect(pair.decapsulate(Buffer.from(toUs.ciphertext)).equals(Buffer.from(toUs.sharedSecret))).toBe(true);
});

test('refuses other sizes', async () => {
  await sntrup761.load();
  const pair = sntrup761.generateKeyPair();
  expect(() => sntrup761.encapsulate(pair.publicKey.subarray(1))).toThrow(KexError);
  expect(() => pair.decapsulate(Buffer.alloc(1040))).toThrow(KexError);
});
