import { createPrivateKey, createPublicKey, sign as signData } from 'node:crypto';
import type { KeyObject, SignKeyObjectInput, webcrypto } from 'node:crypto';
import { KeyFormatError } from './key-format-error.ts';

type JsonWebKey = webcrypto.JsonWebKey;

/** What the key types of node:crypto share: keys go into a KeyObject, and come out of it, as JSON Web Keys (RFC 7517). */

/** OpenSSL checks that a point lies on its curve. Throws KeyFormatError. */
export function importPublicJwk(key: Readonly<Record<string, string>>): KeyObject {
  try {
    return createPublicKey({ key, format: 'jwk' });
  } catch (cause) {
    throw new KeyFormatError('public key is not valid', { cause });
  }
}

/** Throws KeyFormatError, which says nothing of the key. */
export function importPrivateJwk(key: Readonly<Record<string, string>>): KeyObject {
  try {
    return createPrivateKey({ key, format: 'jwk' });
  } catch {
    throw new KeyFormatError('private key is not valid');
  }
}

export function exportPublicJwk(privateKey: KeyObject): JsonWebKey {
  return createPublicKey(privateKey).export({ format: 'jwk' });
}

export function exportPrivateJwk(privateKey: KeyObject): JsonWebKey {
  return privateKey.export({ format: 'jwk' });
}

/** A member of a JSON Web Key as bytes. Throws RangeError where it is missing. */
export function jwkBytes(jwk: JsonWebKey, member: keyof JsonWebKey): Buffer {
  const value = jwk[member];
  if (typeof value !== 'string') throw new RangeError(`the key has no ${JSON.stringify(member)}`);
  return Buffer.from(value, 'base64url');
}

/** For signatures that take milliseconds: in a thread of OpenSSL's. */
export function signOffLoop(hash: string | null, data: Buffer, key: SignKeyObjectInput): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    signData(hash, data, key, (error, signature) => {
      if (error) reject(error);
      else resolve(signature);
    });
  });
}
