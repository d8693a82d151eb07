import { describe, expect, test } from '@jest/globals';
import {
  CIPHER_ALGORITHMS,
  HOST_KEY_ALGORITHMS,
  HOST_KEY_BY_NAME,
  KEX_ALGORITHMS,
  KEX_BY_NAME,
  MAC_ALGORITHMS,
} from '../../src/crypto/algorithms/algorithm-table.ts';
import { createKexMethod, KEX_METHOD_NAMES } from '../../src/crypto/kex/kex-constructors.ts';
import type { PrivateKey, SignatureAlgorithm } from '../../src/crypto/keys/key.ts';
import { generatePrivateKey, parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { KEY_TYPES } from '../../src/crypto/keys/key-registry.ts';
import { cipherKeySizes, createSealer, isAead } from '../../src/crypto/cipher/cipher-constructors.ts';

/** Sizes of FIPS 203 table 3, the NTRU Prime submission, SEC1 points and RFC 7748, restated: [public key, ciphertext]. */
const PQ_BYTES: Readonly<Record<string, readonly [number, number]>> = {
  'ML-KEM-768': [1184, 1088],
  'ML-KEM-1024': [1568, 1568],
  'Kyber-512 (round 3)': [800, 768],
  'Kyber-768 (round 3)': [1184, 1088],
  'Kyber-1024 (round 3)': [1568, 1568],
  sntrup761: [1158, 1039],
};
const CLASSICAL_BYTES: Readonly<Record<string, number>> = { X25519: 32, 'P-256': 65, 'P-384': 97, 'P-521': 133 };

const DATA = Buffer.from('data');
const bound = (key: PrivateKey) => ({
  publicKey: key.publicKey,
  sign: (algorithm: SignatureAlgorithm) => key.sign(algorithm, DATA),
});

describe('the table says what the code does', () => {
  test.each(KEX_METHOD_NAMES)('%s: hash and sizes', (name) => {
    const method = createKexMethod(name);
    const facts = KEX_BY_NAME.get(name);
    expect(facts?.hash).toBe(method.hash);
    if (method.initBytes !== null)
      expect([facts?.initBytes, facts?.replyBytes]).toEqual([method.initBytes, method.replyBytes]);
    else expect(facts?.family).toBe('classical');
  });

  test.each(CIPHER_ALGORITHMS)('$name: key and AEAD', ({ name, keyBits, aead }) => {
    expect(isAead(name)).toBe(aead);
    const { keyBytes } = cipherKeySizes(name, aead ? null : 'hmac-sha2-256');
    // chacha20-poly1305@openssh.com takes two keys of 256 bits, one of them for the length.
    expect(keyBytes * 8).toBe(name.startsWith('chacha20') ? 2 * keyBits : keyBits);
  });

  test.each(MAC_ALGORITHMS)('$name: tag and encrypt-then-MAC', ({ name, tagBytes, etm }) => {
    const sizes = cipherKeySizes('aes256-ctr', name);
    const keys = {
      key: Buffer.alloc(sizes.keyBytes),
      iv: Buffer.alloc(sizes.ivBytes),
      macKey: Buffer.alloc(sizes.macKeyBytes),
    };
    const sealer = createSealer('aes256-ctr', name, keys);
    expect([sealer.tagBytes, sealer.lengthOutsidePadding]).toEqual([tagBytes, etm]);
    sealer.dispose();
  });

  test.each(KEY_TYPES)('$name: a key of the type signs with the rows of the type, and no others', async (type) => {
    const { publicKey, sign } = bound(parsePrivateKey(generatePrivateKey(type.keygen.name, 2048).privateKey));
    const rows = HOST_KEY_ALGORITHMS.filter(({ keyType }) => keyType === type.name);
    expect(rows.map(({ name }) => name)).toEqual(publicKey.signatureAlgorithms);
    for (const row of HOST_KEY_ALGORITHMS) {
      expect(HOST_KEY_BY_NAME.get(row.name)).toBe(row);
      if (rows.includes(row)) expect(publicKey.verify(row.name, await sign(row.name), DATA)).toBe(true);
      else await expect(sign(row.name)).rejects.toThrow(RangeError);
    }
  });
});

describe('the table agrees with itself', () => {
  test.each([
    ['key exchange', KEX_ALGORITHMS],
    ['cipher', CIPHER_ALGORITHMS],
    ['MAC', MAC_ALGORITHMS],
    ['host key', HOST_KEY_ALGORITHMS],
    ['key type', KEY_TYPES],
    ['key type of keygen', KEY_TYPES.map(({ keygen }) => keygen)],
    ['host key file', KEY_TYPES.map(({ keygen }) => ({ name: keygen.hostKeyFile }))],
  ])('no name of a %s stands twice', (_kind, rows) => {
    expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
  });

  test.each(KEX_ALGORITHMS.filter(({ family }) => family === 'pq-hybrid'))(
    '$name: sizes are the sums of its halves',
    (row) => {
      const [publicKey, ciphertext] = PQ_BYTES[row.pqParameters ?? ''] ?? [0, 0];
      const classical = CLASSICAL_BYTES[row.classical] ?? 0;
      expect([row.initBytes, row.replyBytes]).toEqual([publicKey + classical, ciphertext + classical]);
      expect(row.name).toContain(row.hash);
    },
  );

  test('whatever has no NIST half, or SHA-1, is not FIPS-approved', () => {
    for (const { name, family, classical, pq, hash, fips } of KEX_ALGORITHMS) {
      const nistHalf = /^(?:P-|MODP)/.test(classical) || pq === 'ml-kem';
      expect([name, family, fips === 'approved']).toEqual([name, family, nistHalf && (hash as string) !== 'sha1']);
    }
  });
});
