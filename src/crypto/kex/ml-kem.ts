import * as nodeCrypto from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { ml_kem512, ml_kem768, ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
import type { Encapsulation, Kem, KemKeyPair } from './kem.ts';
import { KexError } from './kex-method.ts';
import { exportRawPublicKey, importRawPrivateKey, importRawPublicKey } from './raw-keys.ts';

/**
 * ML-KEM (FIPS 203) from one of two providers: OpenSSL's through node:crypto, or @noble/post-quantum where Node has none.
 * Both do the modulus check of the encapsulation key (FIPS 203 §7.2).
 */
export type MlKemSet = 512 | 768 | 1024;

export interface MlKem extends Kem {
  readonly provider: 'node' | 'noble';
  /** The key pair of a 64-byte seed d || z (FIPS 203 §7.1), for known answers. */
  keyPairFromSeed(seed: Buffer): KemKeyPair;
}

/** FIPS 203 §8, table 3. */
const SIZES: Readonly<Record<MlKemSet, { readonly publicKeyBytes: number; readonly ciphertextBytes: number }>> = {
  512: { publicKeyBytes: 800, ciphertextBytes: 768 },
  768: { publicKeyBytes: 1184, ciphertextBytes: 1088 },
  1024: { publicKeyBytes: 1568, ciphertextBytes: 1568 },
};

const SEED_BYTES = 64;

abstract class FixedSizeMlKem implements MlKem {
  abstract readonly provider: 'node' | 'noble';
  readonly name: string;
  readonly publicKeyBytes: number;
  readonly ciphertextBytes: number;
  readonly loaded = true;

  constructor(set: MlKemSet) {
    this.name = `ML-KEM-${set}`;
    this.publicKeyBytes = SIZES[set].publicKeyBytes;
    this.ciphertextBytes = SIZES[set].ciphertextBytes;
  }

  load(): Promise<void> {
    return Promise.resolve();
  }

  encapsulate(publicKey: Buffer): Encapsulation {
    if (publicKey.length !== this.publicKeyBytes) {
      throw new KexError(`${this.name} public key of ${publicKey.length} bytes, not ${this.publicKeyBytes}`);
    }
    try {
      return this.encapsulateChecked(publicKey);
    } catch (cause) {
      throw new KexError(`invalid ${this.name} public key`, { cause });
    }
  }

  abstract generateKeyPair(): KemKeyPair;
  abstract keyPairFromSeed(seed: Buffer): KemKeyPair;
  protected abstract encapsulateChecked(publicKey: Buffer): Encapsulation;

  protected checkCiphertext(ciphertext: Buffer): void {
    if (ciphertext.length !== this.ciphertextBytes) {
      throw new KexError(`${this.name} ciphertext of ${ciphertext.length} bytes, not ${this.ciphertextBytes}`);
    }
  }
}

class NodeMlKem extends FixedSizeMlKem {
  readonly provider = 'node';
  readonly #type: `ml-kem-${MlKemSet}`;

  constructor(set: MlKemSet) {
    super(set);
    this.#type = `ml-kem-${set}`;
  }

  generateKeyPair(): KemKeyPair {
    return this.#keyPair(generateNodeKey(this.#type));
  }

  keyPairFromSeed(seed: Buffer): KemKeyPair {
    if (seed.length !== SEED_BYTES)
      throw new RangeError(`${this.name} seed of ${seed.length} bytes, not ${SEED_BYTES}`);
    return this.#keyPair(importRawPrivateKey(this.#type, seed));
  }

  protected encapsulateChecked(publicKey: Buffer): Encapsulation {
    const { ciphertext, sharedKey } = nodeCrypto.encapsulate(importRawPublicKey(this.#type, publicKey));
    return { ciphertext, sharedSecret: sharedKey };
  }

  #keyPair(privateKey: KeyObject): KemKeyPair {
    return {
      publicKey: exportRawPublicKey(this.#type, nodeCrypto.createPublicKey(privateKey)),
      decapsulate: (ciphertext) => {
        this.checkCiphertext(ciphertext);
        return nodeCrypto.decapsulate(privateKey, ciphertext);
      },
      // OpenSSL holds the private key and clears it when the KeyObject is collected.
      dispose: () => undefined,
    };
  }
}

/** generateKeyPairSync is overloaded once a key type: a union of types matches none of the overloads. */
function generateNodeKey(type: `ml-kem-${MlKemSet}`): KeyObject {
  switch (type) {
    case 'ml-kem-512':
      return nodeCrypto.generateKeyPairSync('ml-kem-512').privateKey;
    case 'ml-kem-768':
      return nodeCrypto.generateKeyPairSync('ml-kem-768').privateKey;
    case 'ml-kem-1024':
      return nodeCrypto.generateKeyPairSync('ml-kem-1024').privateKey;
  }
}

const NOBLE = { 512: ml_kem512, 768: ml_kem768, 1024: ml_kem1024 } as const;

class NobleMlKem extends FixedSizeMlKem {
  readonly provider = 'noble';
  readonly #kem: (typeof NOBLE)[MlKemSet];

  constructor(set: MlKemSet) {
    super(set);
    this.#kem = NOBLE[set];
  }

  generateKeyPair(): KemKeyPair {
    const seed = nodeCrypto.randomBytes(SEED_BYTES);
    try {
      return this.keyPairFromSeed(seed);
    } finally {
      seed.fill(0);
    }
  }

  keyPairFromSeed(seed: Buffer): KemKeyPair {
    const { publicKey, secretKey } = this.#kem.keygen(seed);
    return {
      publicKey: asBuffer(publicKey),
      decapsulate: (ciphertext) => {
        this.checkCiphertext(ciphertext);
        return asBuffer(this.#kem.decapsulate(ciphertext, secretKey));
      },
      dispose: () => {
        secretKey.fill(0);
      },
    };
  }

  protected encapsulateChecked(publicKey: Buffer): Encapsulation {
    const { cipherText, sharedSecret } = this.#kem.encapsulate(publicKey);
    return { ciphertext: asBuffer(cipherText), sharedSecret: asBuffer(sharedSecret) };
  }
}

/** The same memory as a Buffer. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** True where node:crypto has ML-KEM: Node 24.7 or newer, with an OpenSSL (and FIPS provider, if in use) that knows it. */
export const nodeHasMlKem = ((): boolean => {
  try {
    return typeof nodeCrypto.encapsulate === 'function' && generateNodeKey('ml-kem-512').type === 'private';
  } catch {
    return false;
  }
})();

/** ML-KEM of node:crypto; usable only where `nodeHasMlKem`. */
export function nodeMlKem(set: MlKemSet): MlKem {
  return new NodeMlKem(set);
}

export function nobleMlKem(set: MlKemSet): MlKem {
  return new NobleMlKem(set);
}

/** The native provider where there is one: about ten times as fast. */
export function mlKem(set: MlKemSet): MlKem {
  return nodeHasMlKem ? nodeMlKem(set) : nobleMlKem(set);
}
