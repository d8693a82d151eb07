// The two providers of ML-DSA against each other. Known answers: ml-dsa-ed25519.test.ts.
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { KeyFormatError } from '../../../src/crypto/keys/key.ts';
import { mlDsa, nobleMlDsa, nodeHasMlDsa, nodeMlDsa } from '../../../src/crypto/keys/ml-dsa.ts';
import { ML_DSA_SIZES } from '../../../src/crypto/keys/ml-dsa-sizes.ts';
import type { MlDsaSet } from '../../../src/crypto/keys/ml-dsa-sizes.ts';

const SETS: readonly MlDsaSet[] = [44, 65, 87];
const withNode = nodeHasMlDsa ? test : test.skip;

test('the native provider is used where there is one', () => {
  expect(mlDsa(44).provider).toBe(nodeHasMlDsa ? 'node' : 'noble');
});

describe.each(SETS)('ML-DSA-%i', (set) => {
  const providers = [...(nodeHasMlDsa ? [nodeMlDsa(set)] : []), nobleMlDsa(set)];
  const data = Buffer.from('what is signed');
  const context = Buffer.from('where it is signed');

  withNode('one seed is one key pair, whoever expands it', () => {
    const seed = randomBytes(32);
    const keys = providers.map((provider) => provider.privateKey(seed));
    expect(keys[0]?.publicKey).toHaveLength(ML_DSA_SIZES[set].publicKeyBytes);
    expect(keys[0]?.publicKey).toEqual(keys[1]?.publicKey);
    for (const key of keys) expect(key.secret()).toEqual(seed);
  });

  test('the seed that a caller overwrites is not the kept one', () => {
    for (const provider of providers) {
      const seed = randomBytes(32);
      const copy = Buffer.from(seed);
      const key = provider.privateKey(seed);
      seed.fill(0);
      key.secret().fill(0);
      expect(key.secret()).toEqual(copy);
    }
  });

  test('each verifies what each signs, in its context alone', async () => {
    const seed = randomBytes(32);
    for (const signer of providers) {
      const key = signer.privateKey(seed);
      for (const where of [context, Buffer.alloc(0)]) {
        const signature = await key.sign(data, where);
        expect(signature).toHaveLength(ML_DSA_SIZES[set].signatureBytes);
        for (const verifier of providers) {
          const publicKey = verifier.publicKey(key.publicKey);
          expect(publicKey.verify(signature, data, where)).toBe(true);
          expect(publicKey.verify(signature, data, Buffer.from('elsewhere'))).toBe(false);
          expect(publicKey.verify(signature, data, where.length === 0 ? context : Buffer.alloc(0))).toBe(false);
          expect(publicKey.verify(signature, Buffer.concat([data, data]), where)).toBe(false);
          expect(publicKey.verify(signature.subarray(1), data, where)).toBe(false);
          expect(publicKey.verify(Buffer.alloc(signature.length), data, where)).toBe(false);
          expect(publicKey.verify(Buffer.alloc(signature.length, 0xff), data, where)).toBe(false);
        }
      }
    }
  });

  test('signatures are hedged: two of the same bytes differ', async () => {
    for (const provider of providers) {
      const key = provider.privateKey(randomBytes(32));
      expect(await key.sign(data, context)).not.toEqual(await key.sign(data, context));
    }
  });

  test('keys and seeds of other lengths are refused', () => {
    for (const provider of providers) {
      for (const length of [0, 31, 33]) expect(() => provider.privateKey(Buffer.alloc(length))).toThrow(KeyFormatError);
      const { publicKeyBytes } = ML_DSA_SIZES[set];
      for (const length of [0, publicKeyBytes - 1, publicKeyBytes + 1]) {
        expect(() => provider.publicKey(Buffer.alloc(length))).toThrow(KeyFormatError);
      }
    }
  });
});
