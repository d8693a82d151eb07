import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/**
 * Keys of X25519 and ML-KEM as the bare bytes that SSH sends. Newer Nodes read and write them directly, which costs half
 * of the way over DER that the others need.
 */
export type RawKeyType = 'x25519' | 'ml-kem-512' | 'ml-kem-768' | 'ml-kem-1024';

/** What precedes the bare public key in a SubjectPublicKeyInfo (RFC 5280 §4.1; RFC 8410 §4; RFC 9935 §4). */
const SPKI_PREFIX: Readonly<Record<RawKeyType, Buffer>> = {
  x25519: Buffer.from('302a300506032b656e032100', 'hex'),
  'ml-kem-512': Buffer.from('30820332300b06096086480165030404010382032100', 'hex'),
  'ml-kem-768': Buffer.from('308204b2300b0609608648016503040402038204a100', 'hex'),
  'ml-kem-1024': Buffer.from('30820632300b06096086480165030404030382062100', 'hex'),
};

/** What precedes the bare private key (X25519) or the 64-byte seed (ML-KEM) in a PKCS#8 (RFC 8410 §7; RFC 9935 §6). */
const PKCS8_PREFIX: Readonly<Record<RawKeyType, Buffer>> = {
  x25519: Buffer.from('302e020100300506032b656e04220420', 'hex'),
  'ml-kem-512': Buffer.from('3054020100300b060960864801650304040104428040', 'hex'),
  'ml-kem-768': Buffer.from('3054020100300b060960864801650304040204428040', 'hex'),
  'ml-kem-1024': Buffer.from('3054020100300b060960864801650304040304428040', 'hex'),
};

/** True where this Node reads and writes bare keys. */
const rawFormats = ((): boolean => {
  try {
    generateKeyPairSync('ed25519').publicKey.export({ format: 'raw-public' });
    return true;
  } catch {
    return false;
  }
})();

/** Throws (OpenSSL's error) for bytes that are not a valid key. */
export function importRawPublicKey(type: RawKeyType, bytes: Buffer): KeyObject {
  if (rawFormats) return createPublicKey({ key: bytes, format: 'raw-public', asymmetricKeyType: type });
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX[type], bytes]), format: 'der', type: 'spki' });
}

/** From the 32-byte private key (X25519) or the 64-byte seed d || z (ML-KEM, FIPS 203 §7.1). */
export function importRawPrivateKey(type: RawKeyType, bytes: Buffer): KeyObject {
  const der = Buffer.concat([PKCS8_PREFIX[type], bytes]);
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } finally {
    der.fill(0);
  }
}

export function exportRawPublicKey(type: RawKeyType, key: KeyObject): Buffer {
  if (rawFormats) return key.export({ format: 'raw-public' });
  return key.export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX[type].length);
}
