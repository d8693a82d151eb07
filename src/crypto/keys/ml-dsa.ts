import { createHash, createPrivateKey, createPublicKey, randomBytes, sign, verify } from 'node:crypto';
import type { KeyObject, SignKeyObjectInput, VerifyKeyObjectInput } from 'node:crypto';
import { ml_dsa44, ml_dsa65, ml_dsa87 } from '@noble/post-quantum/ml-dsa.js';
import { KeyFormatError } from './key-format-error.ts';
import { signOffLoop } from './key-objects.ts';
import { expandedMlDsaPkcs8 } from './ml-dsa-pkcs8.ts';
import { ML_DSA_SIZES, SEED_BYTES } from './ml-dsa-sizes.ts';
import type { MlDsaSet } from './ml-dsa-sizes.ts';

export interface MlDsaPublicKey {
  /** False for a signature of another length. The context has at most 255 bytes (FIPS 204 §5.2). */
  verify(signature: Buffer, data: Buffer, context: Buffer): boolean;
}

export interface MlDsaPrivateKey {
  readonly publicKey: Buffer;
  /** A copy of what it was made of, seed or expanded key, which the caller overwrites. */
  secret(): Buffer;
  /** The hedged variant (FIPS 204 §3.4): two signatures of the same bytes differ. */
  sign(data: Buffer, context: Buffer): Promise<Buffer>;
}

/**
 * ML-DSA (FIPS 204) in its pure form, from one of two providers: OpenSSL's through node:crypto, or @noble/post-quantum where
 * Node has none.
 */
export interface MlDsa {
  readonly provider: 'node' | 'noble';
  /** Throws KeyFormatError for another length than the set's. Every string of that length is a public key. */
  publicKey(bytes: Buffer): MlDsaPublicKey;
  /** Throws KeyFormatError for another length than 32 bytes. The caller overwrites the seed. */
  privateKey(seed: Buffer): MlDsaPrivateKey;
  /**
   * For a key whose seed is not known. Throws KeyFormatError for another length than the set's, and for bytes that no seed expands to
   * as far as can be seen: the hash of the public key in them is that of another.
   */
  expandedKey(expanded: Buffer): MlDsaPrivateKey;
}

/** What precedes the bare public key in a SubjectPublicKeyInfo (RFC 9881 §4). */
const SPKI_PREFIX: Readonly<Record<MlDsaSet, Buffer>> = {
  44: Buffer.from('30820532300b06096086480165030403110382052100', 'hex'),
  65: Buffer.from('308207b2300b0609608648016503040312038207a100', 'hex'),
  87: Buffer.from('30820a32300b060960864801650304031303820a2100', 'hex'),
};

/** What precedes the seed in a PKCS#8 that holds the seed alone (RFC 9881 §6). */
const PKCS8_PREFIX: Readonly<Record<MlDsaSet, Buffer>> = {
  44: Buffer.from('3034020100300b060960864801650304031104228020', 'hex'),
  65: Buffer.from('3034020100300b060960864801650304031204228020', 'hex'),
  87: Buffer.from('3034020100300b060960864801650304031304228020', 'hex'),
};

/** ML-DSA of node:crypto; usable only where `nodeHasMlDsa`. */
export function nodeMlDsa(set: MlDsaSet): MlDsa {
  const { publicKeyBytes, expandedBytes, signatureBytes } = ML_DSA_SIZES[set];
  const privateKeyOf = (der: Buffer, secret: Buffer): MlDsaPrivateKey => {
    const key = importDer(() => createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
    der.fill(0);
    const kept = Buffer.from(secret);
    return {
      publicKey: createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX[set].length),
      secret: () => Buffer.from(kept),
      sign: (data, context) => signOffLoop(null, data, inContext(key, context)),
    };
  };
  return {
    provider: 'node',
    publicKey(bytes): MlDsaPublicKey {
      checkLength(bytes, publicKeyBytes, `ML-DSA-${set} key`);
      const key = importDer(() =>
        createPublicKey({ key: Buffer.concat([SPKI_PREFIX[set], bytes]), format: 'der', type: 'spki' }),
      );
      return {
        verify: (signature, data, context) =>
          signature.length === signatureBytes && verify(null, data, inContext(key, context), signature),
      };
    },
    privateKey(seed): MlDsaPrivateKey {
      checkLength(seed, SEED_BYTES, `ML-DSA-${set} seed`);
      return privateKeyOf(Buffer.concat([PKCS8_PREFIX[set], seed]), seed);
    },
    expandedKey(expanded): MlDsaPrivateKey {
      checkLength(expanded, expandedBytes, `expanded ML-DSA-${set} key`);
      return privateKeyOf(expandedMlDsaPkcs8(set, expanded), expanded);
    },
  };
}

const NOBLE = { 44: ml_dsa44, 65: ml_dsa65, 87: ml_dsa87 } as const;

/** In JavaScript, on the event loop: a signature takes some ten times as long as OpenSSL's. */
export function nobleMlDsa(set: MlDsaSet): MlDsa {
  const { publicKeyBytes, expandedBytes, signatureBytes } = ML_DSA_SIZES[set];
  const dsa = NOBLE[set];
  const privateKeyOf = (publicKey: Uint8Array, secretKey: Uint8Array, secret: Buffer): MlDsaPrivateKey => {
    const kept = Buffer.from(secret);
    return {
      publicKey: Buffer.from(publicKey),
      secret: () => Buffer.from(kept),
      sign: (data, context) =>
        Promise.resolve(Buffer.from(dsa.sign(data, secretKey, { context, extraEntropy: randomBytes(SEED_BYTES) }))),
    };
  };
  return {
    provider: 'noble',
    publicKey(bytes): MlDsaPublicKey {
      checkLength(bytes, publicKeyBytes, `ML-DSA-${set} key`);
      return {
        verify: (signature, data, context) =>
          signature.length === signatureBytes && dsa.verify(signature, data, bytes, { context }),
      };
    },
    privateKey(seed): MlDsaPrivateKey {
      checkLength(seed, SEED_BYTES, `ML-DSA-${set} seed`);
      const { publicKey, secretKey } = dsa.keygen(seed);
      return privateKeyOf(publicKey, secretKey, seed);
    },
    expandedKey(expanded): MlDsaPrivateKey {
      checkLength(expanded, expandedBytes, `expanded ML-DSA-${set} key`);
      const copy = Buffer.from(expanded);
      return privateKeyOf(publicKeyIn(set, copy), copy, copy);
    },
  };
}

/**
 * True where node:crypto signs with ML-DSA in a context: Node 24.8 or newer, with an OpenSSL (and FIPS provider, if in use)
 * that knows it. Node 24.7 ignores the context without a word.
 */
export const nodeHasMlDsa = ((): boolean => {
  try {
    const der = Buffer.concat([PKCS8_PREFIX[44], randomBytes(SEED_BYTES)]);
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    const publicKey = createPublicKey(privateKey);
    const data = Buffer.from('data');
    const context = Buffer.from('context');
    const signature = sign(null, data, inContext(privateKey, context));
    return verify(null, data, inContext(publicKey, context), signature) && !verify(null, data, publicKey, signature);
  } catch {
    return false;
  }
})();

/** The native provider where there is one. */
export function mlDsa(set: MlDsaSet): MlDsa {
  return nodeHasMlDsa ? nodeMlDsa(set) : nobleMlDsa(set);
}

/** What FIPS 204's algorithm 6 makes of a seed; the caller overwrites it. */
export function expandSeed(set: MlDsaSet, seed: Buffer): Buffer {
  return Buffer.from(NOBLE[set].keygen(seed).secretKey);
}

/** An expanded key is ρ (32 bytes), K (32), the hash of the public key (64), and the polynomials (FIPS 204, algorithm 24). */
function publicKeyIn(set: MlDsaSet, expanded: Buffer): Uint8Array {
  let publicKey: Uint8Array;
  try {
    publicKey = NOBLE[set].getPublicKey(expanded);
  } catch {
    throw new KeyFormatError('ML-DSA key is not valid');
  }
  const hash = createHash('shake256', { outputLength: 64 }).update(publicKey).digest();
  if (!hash.equals(expanded.subarray(64, 128))) throw new KeyFormatError('ML-DSA key is not valid');
  return publicKey;
}

function inContext(key: KeyObject, context: Buffer): SignKeyObjectInput & VerifyKeyObjectInput {
  return { key, context };
}

function importDer(read: () => KeyObject): KeyObject {
  try {
    return read();
  } catch {
    throw new KeyFormatError('ML-DSA key is not valid');
  }
}

function checkLength(bytes: Buffer, length: number, what: string): void {
  if (bytes.length !== length) throw new KeyFormatError(`${what} of ${bytes.length} bytes, not ${length}`);
}
