import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { ml_kem1024, ml_kem512, ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { createKyber1024, createKyber512, createKyber768 } from '@oqs/liboqs-js/kem';
import type { Kem } from '../../../src/crypto/kex/kem.ts';
import { KexError } from '../../../src/crypto/kex/kex-method.ts';
import { kyber } from '../../../src/crypto/kex/kyber.ts';
import { nistRandomBytes, readKyberKat } from './kem-known-answers.ts';
import type { KatRecord } from './kem-known-answers.ts';

const SETS = [
  { set: 512, noble: ml_kem512, oqs: createKyber512, katHash: '0435224d77cc89bf' },
  { set: 768, noble: ml_kem768, oqs: createKyber768, katHash: 'b3a12005fe1ce49f' },
  { set: 1024, noble: ml_kem1024, oqs: createKyber1024, katHash: 'b72b97eb9270d76f' },
] as const;

describe.each(SETS)('Kyber$set round 3', ({ set, noble, oqs, katHash }) => {
  /** ML-KEM with the record's key and message in the place of random ones. */
  function fixedMlKem({ pk, sk, seed }: KatRecord): Kem {
    const random = nistRandomBytes(seed);
    random(32); // d
    random(32); // z
    // Round 3 hashes the random message before it uses it.
    const message = createHash('sha3-256').update(random(32)).digest();
    return {
      name: 'fixed',
      publicKeyBytes: pk.length,
      ciphertextBytes: kyber(set).ciphertextBytes,
      loaded: true,
      load: () => Promise.resolve(),
      generateKeyPair: () => ({
        publicKey: pk,
        decapsulate: (ciphertext) => Buffer.from(noble.decapsulate(ciphertext, sk)),
        dispose: () => undefined,
      }),
      encapsulate(publicKey) {
        const { cipherText, sharedSecret } = noble.encapsulate(publicKey, message);
        return { ciphertext: Buffer.from(cipherText), sharedSecret: Buffer.from(sharedSecret) };
      },
    };
  }

  test("the known answers are NIST's, as liboqs lists them", () => {
    const body = `${readKyberKat(set)
      .text.replace(/\r/g, '')
      .replace(/^#.*\n\n/, '')
      .trimEnd()}\n`;
    expect(createHash('sha256').update(body).digest('hex').slice(0, 16)).toBe(katHash);
  });

  test('gives the known answers of NIST, all 100 of them', () => {
    const { records } = readKyberKat(set);
    expect(records).toHaveLength(100);
    for (const record of records) {
      const kem = kyber(set, fixedMlKem(record));
      const { ciphertext, sharedSecret } = kem.encapsulate(record.pk);
      expect(ciphertext.equals(record.ct)).toBe(true);
      expect(sharedSecret.toString('hex')).toBe(record.ss.toString('hex'));
      expect(kem.generateKeyPair().decapsulate(record.ct).toString('hex')).toBe(record.ss.toString('hex'));
    }
  });

  test('agrees with liboqs in both directions', async () => {
    const theirs = await oqs();
    const ours = kyber(set);
    for (let round = 0; round < 20; round += 1) {
      const theirPair = theirs.generateKeyPair();
      const toThem = ours.encapsulate(Buffer.from(theirPair.publicKey));
      const theirSecret = theirs.decapsulate(new Uint8Array(toThem.ciphertext), theirPair.secretKey);
      expect(Buffer.from(theirSecret).toString('hex')).toBe(toThem.sharedSecret.toString('hex'));

      const ourPair = ours.generateKeyPair();
      const toUs = theirs.encapsulate(new Uint8Array(ourPair.publicKey));
      expect(ourPair.decapsulate(Buffer.from(toUs.ciphertext)).toString('hex')).toBe(
        Buffer.from(toUs.sharedSecret).toString('hex'),
      );
      ourPair.dispose();
    }
    theirs.destroy();
  });

  test('has the sizes of ML-KEM, and refuses others', () => {
    const kem = kyber(set);
    const pair = kem.generateKeyPair();
    expect(pair.publicKey).toHaveLength(kem.publicKeyBytes);
    expect(() => kem.encapsulate(pair.publicKey.subarray(1))).toThrow(KexError);
    expect(() => pair.decapsulate(Buffer.alloc(kem.ciphertextBytes + 1))).toThrow(KexError);
  });
});
