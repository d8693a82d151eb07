import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { createMLKEM1024, createMLKEM512, createMLKEM768 } from '@oqs/liboqs-js/kem';
import { KexError } from '../../../src/crypto/kex/kex-method.ts';
import { mlKem, nobleMlKem, nodeHasMlKem, nodeMlKem } from '../../../src/crypto/kex/ml-kem.ts';
import type { MlKem } from '../../../src/crypto/kex/ml-kem.ts';

const SETS = [
  { set: 512, oqs: createMLKEM512, publicKeyBytes: 800, ciphertextBytes: 768 },
  { set: 768, oqs: createMLKEM768, publicKeyBytes: 1184, ciphertextBytes: 1088 },
  { set: 1024, oqs: createMLKEM1024, publicKeyBytes: 1568, ciphertextBytes: 1568 },
] as const;

const nativeTest = nodeHasMlKem ? test : test.skip;

test('the native provider is chosen where Node has it', () => {
  expect(mlKem(768).provider).toBe(nodeHasMlKem ? 'node' : 'noble');
});

describe.each(SETS)('ML-KEM-$set', ({ set, oqs, publicKeyBytes, ciphertextBytes }) => {
  const providers: [string, () => MlKem][] = [['noble', () => nobleMlKem(set)]];
  if (nodeHasMlKem) providers.push(['node', () => nodeMlKem(set)]);

  nativeTest('both providers make the same key from a seed and read each other', () => {
    const native = nodeMlKem(set);
    const noble = nobleMlKem(set);
    for (let round = 0; round < 10; round += 1) {
      const seed = randomBytes(64);
      const nativePair = native.keyPairFromSeed(seed);
      const noblePair = noble.keyPairFromSeed(seed);
      expect(nativePair.publicKey.equals(noblePair.publicKey)).toBe(true);
      for (const kem of [native, noble]) {
        const { ciphertext, sharedSecret } = kem.encapsulate(nativePair.publicKey);
        expect(nativePair.decapsulate(ciphertext).equals(sharedSecret)).toBe(true);
        expect(noblePair.decapsulate(ciphertext).equals(sharedSecret)).toBe(true);
      }
      // Implicit rejection (FIPS 203 §6.3) must agree as well.
      const wrong = randomBytes(ciphertextBytes);
      expect(nativePair.decapsulate(wrong).equals(noblePair.decapsulate(wrong))).toBe(true);
    }
  });

  describe.each(providers)('of %s', (_name, make) => {
    test('agrees with liboqs in both directions', async () => {
      const theirs = await oqs();
      const ours = make();
      for (let round = 0; round < 10; round += 1) {
        const theirPair = theirs.generateKeyPair();
        const toThem = ours.encapsulate(Buffer.from(theirPair.publicKey));
        const theirSecret = theirs.decapsulate(new Uint8Array(toThem.ciphertext), theirPair.secretKey);
        expect(Buffer.from(theirSecret).equals(toThem.sharedSecret)).toBe(true);

        const ourPair = ours.generateKeyPair();
        const toUs = theirs.encapsulate(new Uint8Array(ourPair.publicKey));
        expect(ourPair.decapsulate(Buffer.from(toUs.ciphertext)).equals(Buffer.from(toUs.sharedSecret))).toBe(true);
      }
      theirs.destroy();
    });

    test('has the sizes of FIPS 203 table 3, and refuses others', () => {
      const kem = make();
      const pair = kem.generateKeyPair();
      const { ciphertext, sharedSecret } = kem.encapsulate(pair.publicKey);
      expect([kem.publicKeyBytes, kem.ciphertextBytes]).toEqual([publicKeyBytes, ciphertextBytes]);
      expect([pair.publicKey.length, ciphertext.length]).toEqual([publicKeyBytes, ciphertextBytes]);
      expect(sharedSecret).toHaveLength(32);
      for (const length of [0, publicKeyBytes - 1, publicKeyBytes + 1]) {
        expect(() => kem.encapsulate(Buffer.alloc(length))).toThrow(KexError);
      }
      for (const length of [0, ciphertextBytes - 1, ciphertextBytes + 1]) {
        expect(() => pair.decapsulate(Buffer.alloc(length))).toThrow(KexError);
      }
      pair.dispose();
    });

    test('does the modulus check of FIPS 203 §7.2', () => {
      const kem = make();
      const { publicKey } = kem.generateKeyPair();
      // 3329 = q is the first coefficient that is not allowed, 3328 the last that is; 12 bits, little-endian.
      const largest = Buffer.from(publicKey);
      largest.writeUInt8(0x00, 0);
      largest.writeUInt8((largest.readUInt8(1) & 0xf0) | 0x0d, 1);
      expect(kem.encapsulate(largest).sharedSecret).toHaveLength(32);
      const tooLarge = Buffer.from(largest);
      tooLarge.writeUInt8(0x01, 0);
      expect(() => kem.encapsulate(tooLarge)).toThrow(KexError);
      const lastCoefficient = Buffer.from(publicKey);
      lastCoefficient.fill(0xff, publicKeyBytes - 33, publicKeyBytes - 32);
      lastCoefficient.writeUInt8(0xff, publicKeyBytes - 34);
      expect(() => kem.encapsulate(lastCoefficient)).toThrow(KexError);
    });
  });
});
