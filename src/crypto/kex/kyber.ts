import { createHash } from 'node:crypto';
import { KEM_SECRET_BYTES } from './kem.ts';
import type { Encapsulation, Kem, KemKeyPair } from './kem.ts';
import { mlKem } from './ml-kem.ts';
import type { MlKemSet } from './ml-kem.ts';

/**
 * Kyber, round 3 of NIST's competition (the "kyber-…r3" of the d00 method names), on top of ML-KEM. Keys and ciphertexts
 * are the same; only the last step differs:
 *
 *     ss_kyber = SHAKE256(ss_mlkem || SHA3-256(ct), 32)
 *
 * Round 3 hashes the message before use and ML-KEM does not, but a message is uniformly random either way. For an invalid
 * ciphertext the two reject to different pseudorandom values, which SSH cannot tell apart: the exchange hash differs anyway.
 */
export function kyber(set: MlKemSet, base: Kem = mlKem(set)): Kem {
  return {
    name: `Kyber${set} round 3`,
    publicKeyBytes: base.publicKeyBytes,
    ciphertextBytes: base.ciphertextBytes,
    loaded: true,
    load: () => Promise.resolve(),
    generateKeyPair(): KemKeyPair {
      const pair = base.generateKeyPair();
      return {
        publicKey: pair.publicKey,
        decapsulate: (ciphertext) => kyberSecret(pair.decapsulate(ciphertext), ciphertext),
        dispose: () => {
          pair.dispose();
        },
      };
    },
    encapsulate(publicKey: Buffer): Encapsulation {
      const { ciphertext, sharedSecret } = base.encapsulate(publicKey);
      return { ciphertext, sharedSecret: kyberSecret(sharedSecret, ciphertext) };
    },
  };
}

/** Overwrites `mlKemSecret`. */
export function kyberSecret(mlKemSecret: Buffer, ciphertext: Buffer): Buffer {
  const ciphertextHash = createHash('sha3-256').update(ciphertext).digest();
  const secret = createHash('shake256', { outputLength: KEM_SECRET_BYTES })
    .update(mlKemSecret)
    .update(ciphertextHash)
    .digest();
  mlKemSecret.fill(0);
  return secret;
}
