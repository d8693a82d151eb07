import { createECDH, createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto';
import type { ECDH, KeyObject } from 'node:crypto';
import { x25519 as nobleCurve } from '@noble/curves/ed25519.js';
import { KexError } from './kex-method.ts';
import { WideCurve, type WideCurveName } from './wide-curve.ts';
import { exportRawPublicKey, importRawPrivateKey, importRawPublicKey } from './raw-keys.ts';

/** One side's key pair for one exchange. */
export interface EcdhKeyPair {
  readonly publicKey: Buffer;
  /**
   * The shared secret with a peer's public value: exactly `secretBytes`, leading zeros kept. The caller overwrites it after
   * use. Throws KexError for a public value of the wrong length, off the curve, or (X25519) of small order.
   */
  agree(peerPublicKey: Buffer): Buffer;
  /** Overwrites what of the private key lies in JavaScript's memory. */
  dispose(): void;
}

/** What the responder of an exchange sends and has. */
export interface EcdhResponse {
  readonly publicKey: Buffer;
  /** Exactly `secretBytes`. The caller overwrites it after use. */
  readonly secret: Buffer;
}

/** An elliptic-curve Diffie-Hellman function with public values and secrets of fixed length. */
export interface Ecdh {
  readonly name: string;
  /** Who computes it: OpenSSL through node:crypto, or @noble/curves. */
  readonly provider: 'node' | 'noble';
  readonly publicKeyBytes: number;
  readonly secretBytes: number;
  generateKeyPair(): EcdhKeyPair;
  /**
   * The responder's whole part: a key pair for this exchange alone, and the secret with the initiator's public value. Off
   * the event loop where it takes long. Rejects with KexError for what `agree` throws it for.
   */
  respond(peerPublicKey: Buffer): Promise<EcdhResponse>;
}

/** For known answers: the key pair of a private key that is given. */
export interface EcdhOfKnownKey extends Ecdh {
  keyPairFromPrivateKey(privateKey: Buffer): EcdhKeyPair;
}

/** For curves that take less time than the way to a thread. */
function respondWith(generateKeyPair: () => EcdhKeyPair): (peerPublicKey: Buffer) => Promise<EcdhResponse> {
  return (peerPublicKey) =>
    new Promise((resolve) => {
      const pair = generateKeyPair();
      try {
        resolve({ publicKey: pair.publicKey, secret: pair.agree(peerPublicKey) });
      } finally {
        pair.dispose();
      }
    });
}

const X25519_BYTES = 32;

function checkX25519Length(peerPublicKey: Buffer): void {
  if (peerPublicKey.length !== X25519_BYTES) {
    throw new KexError(`X25519 public value of ${peerPublicKey.length} bytes, not ${X25519_BYTES}`);
  }
}

/** RFC 7748 §6.1: a peer's point of small order gives an all-zero result, which contributes nothing. */
function checkX25519Secret(secret: Buffer): Buffer {
  let bits = 0;
  for (const byte of secret) bits |= byte;
  if (bits === 0) throw new KexError('X25519 result is all zero');
  return secret;
}

/** X25519 (RFC 7748 §5) of node:crypto; usable only where `nodeHasX25519`. */
export const nodeX25519: EcdhOfKnownKey = {
  name: 'X25519',
  provider: 'node',
  publicKeyBytes: X25519_BYTES,
  secretBytes: X25519_BYTES,
  generateKeyPair(): EcdhKeyPair {
    const { publicKey, privateKey } = generateKeyPairSync('x25519');
    return nodeX25519KeyPair(publicKey, privateKey);
  },
  respond: respondWith(() => nodeX25519.generateKeyPair()),
  keyPairFromPrivateKey(bytes: Buffer): EcdhKeyPair {
    const privateKey = importRawPrivateKey('x25519', bytes);
    return nodeX25519KeyPair(createPublicKey(privateKey), privateKey);
  },
};

function nodeX25519KeyPair(publicKey: KeyObject, privateKey: KeyObject): EcdhKeyPair {
  return {
    publicKey: exportRawPublicKey('x25519', publicKey),
    agree(peerPublicKey): Buffer {
      checkX25519Length(peerPublicKey);
      let secret: Buffer;
      try {
        secret = diffieHellman({ privateKey, publicKey: importRawPublicKey('x25519', peerPublicKey) });
      } catch (cause) {
        throw new KexError('X25519 failed: the public value is of small order', { cause });
      }
      return checkX25519Secret(secret);
    },
    // OpenSSL holds the private key and clears it when the KeyObject is collected.
    dispose: () => undefined,
  };
}

/** False where OpenSSL refuses X25519: newer FIPS modules do. */
export const nodeHasX25519 = ((): boolean => {
  try {
    generateKeyPairSync('x25519');
    return true;
  } catch {
    return false;
  }
})();

/**
 * X25519 of @noble/curves, for FIPS mode: there the classical half of a hybrid with ML-KEM is additional input that need
 * not be approved (SP 800-56C rev. 2 §2), but OpenSSL refuses to compute it.
 */
export const nobleX25519: Ecdh = {
  name: 'X25519',
  provider: 'noble',
  publicKeyBytes: X25519_BYTES,
  secretBytes: X25519_BYTES,
  generateKeyPair(): EcdhKeyPair {
    const { secretKey, publicKey } = nobleCurve.keygen();
    return {
      publicKey: Buffer.from(publicKey),
      agree(peerPublicKey): Buffer {
        checkX25519Length(peerPublicKey);
        let shared: Uint8Array;
        try {
          shared = nobleCurve.getSharedSecret(secretKey, peerPublicKey);
        } catch (cause) {
          throw new KexError('X25519 failed: the public value is of small order', { cause });
        }
        return checkX25519Secret(Buffer.from(shared.buffer, shared.byteOffset, shared.byteLength));
      },
      dispose(): void {
        secretKey.fill(0);
      },
    };
  },
  respond: respondWith(() => nobleX25519.generateKeyPair()),
};

/**
 * ECDH over a NIST curve (RFC 5656 §4, SEC 1 §3.3.1). Public values are uncompressed points, 0x04 || X || Y; OpenSSL checks
 * that a peer's lies on the curve. The secret is the x coordinate, left-padded to the field's length.
 */
function nistEcdh(name: string, opensslName: 'prime256v1' | WideCurveName, fieldBytes: number): EcdhOfKnownKey {
  const publicKeyBytes = 1 + 2 * fieldBytes;
  const checkForm = (peerPublicKey: Buffer): void => {
    if (peerPublicKey.length !== publicKeyBytes || peerPublicKey[0] !== 0x04) {
      throw new KexError(`${name} public value is not an uncompressed point of ${publicKeyBytes} bytes`);
    }
  };
  const notOnCurve = (cause: unknown): KexError =>
    new KexError(`${name} public value is not a point of the curve`, { cause });
  const keyPair = (ecdh: ECDH): EcdhKeyPair => ({
    publicKey: ecdh.getPublicKey(),
    agree(peerPublicKey): Buffer {
      checkForm(peerPublicKey);
      let secret: Buffer;
      try {
        secret = ecdh.computeSecret(peerPublicKey);
      } catch (cause) {
        throw notOnCurve(cause);
      }
      return leftPad(secret, fieldBytes);
    },
    // OpenSSL holds the private key and clears it when the object is collected.
    dispose: () => undefined,
  });
  const generate = (): EcdhKeyPair => {
    const ecdh = createECDH(opensslName);
    ecdh.generateKeys();
    return keyPair(ecdh);
  };
  const respondInThread = (wide: WideCurve) => async (peerPublicKey: Buffer) => {
    checkForm(peerPublicKey);
    try {
      return await wide.respond(peerPublicKey);
    } catch (cause) {
      throw notOnCurve(cause);
    }
  };
  return {
    name,
    provider: 'node',
    publicKeyBytes,
    secretBytes: fieldBytes,
    generateKeyPair: generate,
    respond: opensslName === 'prime256v1' ? respondWith(generate) : respondInThread(new WideCurve(opensslName)),
    keyPairFromPrivateKey(privateKey: Buffer): EcdhKeyPair {
      const ecdh = createECDH(opensslName);
      ecdh.setPrivateKey(privateKey);
      return keyPair(ecdh);
    },
  };
}

/** Overwrites `secret` where it makes a longer copy. */
function leftPad(secret: Buffer, bytes: number): Buffer {
  if (secret.length === bytes) return secret;
  const padded = Buffer.alloc(bytes);
  secret.copy(padded, bytes - secret.length);
  secret.fill(0);
  return padded;
}

export const p256 = nistEcdh('P-256', 'prime256v1', 32);
export const p384 = nistEcdh('P-384', 'secp384r1', 48);
export const p521 = nistEcdh('P-521', 'secp521r1', 66);
