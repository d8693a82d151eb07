import { createHash, createPublicKey, verify as verifySignature } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { SshReader } from '../../wire/reader.ts';
import { WireError } from '../../wire/wire-error.ts';
import { bitLength } from '../kex/dh-group.ts';
import { ecdsaFromSsh } from './ecdsa-signature.ts';
import {
  ECDSA_CURVES,
  isEcdsaKeyType,
  isKeyType,
  isRsaSignatureAlgorithm,
  KEY_TYPE_OF_SIGNATURE,
  RSA_MAX_BITS,
  RSA_MIN_BITS,
  RSA_SIGNATURE_HASHES,
  SIGNATURES_OF_KEY_TYPE,
} from './key-types.ts';
import type { EcdsaKeyType } from './key-types.ts';
import { KeyFormatError } from './key.ts';
import type { KeyType, PublicKey, SignatureAlgorithm } from './key.ts';

const ED25519_KEY_BYTES = 32;
const ED25519_SIGNATURE_BYTES = 64;
/** RSA exponents are 65537 in practice; a wide one only makes verifying slow. */
const RSA_EXPONENT_MAX_BITS = 32;

/** An RSA key of RSA_MAX_BITS is under 3 KiB of base64. */
const MAX_LINE_LENGTH = 16384;

interface ParsedBlob {
  readonly key: KeyObject;
  readonly bits: number;
}

/**
 * Parses a public key blob (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4), strictly: nothing may follow it, the curve must be
 * the type's and the point on it, an RSA modulus has RSA_MIN_BITS to RSA_MAX_BITS bits. Throws KeyFormatError.
 */
export function parsePublicKey(blob: Buffer): PublicKey {
  const copy = Buffer.from(blob);
  try {
    const reader = new SshReader(copy);
    const type = reader.ascii(64);
    if (!isKeyType(type)) throw new KeyFormatError(`key type ${JSON.stringify(type)} is not supported`);
    const { key, bits } = parseBody(type, reader);
    return new OpenSslPublicKey(type, copy, bits, key);
  } catch (error) {
    if (error instanceof WireError)
      throw new KeyFormatError(`malformed public key: ${error.message}`, { cause: error });
    throw error;
  }
}

/**
 * Parses one public key as it stands in a .pub or authorized_keys file: `type base64 [comment]`. Options in front of the key
 * (`from=`, `command=`, `restrict`, …) are refused: to ignore them would grant more than the line does. Throws
 * KeyFormatError with what is wrong.
 */
export function parseAuthorizedKey(line: string): PublicKey {
  if (line.length > MAX_LINE_LENGTH) throw new KeyFormatError(`line is longer than ${MAX_LINE_LENGTH} characters`);
  const text = line.trim();
  if (text === '') throw new KeyFormatError('line is empty');
  if (text.startsWith('#')) throw new KeyFormatError('line is a comment');
  if (/[\r\n]/.test(text)) throw new KeyFormatError('more than one line');
  if (text.startsWith('---')) throw new KeyFormatError('a key file, not a line like "ssh-ed25519 AAAA… comment"');
  const fields = text.split(/[ \t]+/);
  const [type = '', base64] = fields;
  if (!isKeyType(type)) {
    if (fields.slice(1).some(isKeyType)) {
      throw new KeyFormatError('options in front of the key are not supported');
    }
    throw new KeyFormatError(`key type ${JSON.stringify(type.slice(0, 64))} is not supported`);
  }
  if (base64 === undefined) throw new KeyFormatError(`no base64 after ${type}`);
  const blob = Buffer.from(base64, 'base64');
  // Buffer.from skips what is not base64.
  if (blob.toString('base64').replace(/=+$/, '') !== base64.replace(/=+$/, '')) {
    throw new KeyFormatError(`what follows ${type} is not base64`);
  }
  const key = parsePublicKey(blob);
  if (key.type !== type) throw new KeyFormatError(`line says ${type}, but the key in it is ${key.type}`);
  return key;
}

function parseBody(type: KeyType, reader: SshReader): ParsedBlob {
  if (type === 'ssh-ed25519') return parseEd25519(reader);
  if (type === 'ssh-rsa') return parseRsa(reader);
  return parseEcdsa(type, reader);
}

function parseEd25519(reader: SshReader): ParsedBlob {
  const point = reader.string();
  reader.end();
  if (point.length !== ED25519_KEY_BYTES) {
    throw new KeyFormatError(`Ed25519 key of ${point.length} bytes, not ${ED25519_KEY_BYTES}`);
  }
  return { key: importJwk({ kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url') }), bits: 256 };
}

function parseEcdsa(type: EcdsaKeyType, reader: SshReader): ParsedBlob {
  const { sshName, jwkName, bits, fieldBytes } = ECDSA_CURVES[type];
  const curve = reader.ascii(64);
  const point = reader.string();
  reader.end();
  if (curve !== sshName) throw new KeyFormatError(`${type} key over the curve ${JSON.stringify(curve)}`);
  if (point.length !== 1 + 2 * fieldBytes || point[0] !== 0x04) {
    throw new KeyFormatError(`${type} key is not an uncompressed point`);
  }
  const key = importJwk({
    kty: 'EC',
    crv: jwkName,
    x: point.subarray(1, 1 + fieldBytes).toString('base64url'),
    y: point.subarray(1 + fieldBytes).toString('base64url'),
  });
  return { key, bits };
}

function parseRsa(reader: SshReader): ParsedBlob {
  const exponent = reader.unsignedMpint();
  const modulus = reader.unsignedMpint();
  reader.end();
  const bits = bitLength(modulus);
  if (bits < RSA_MIN_BITS || bits > RSA_MAX_BITS) {
    throw new KeyFormatError(`RSA key of ${bits} bits, not ${RSA_MIN_BITS} to ${RSA_MAX_BITS}`);
  }
  if (((modulus.at(-1) ?? 0) & 1) === 0) throw new KeyFormatError('RSA modulus is even');
  const exponentBits = bitLength(exponent);
  if (exponentBits < 2 || exponentBits > RSA_EXPONENT_MAX_BITS || ((exponent.at(-1) ?? 0) & 1) === 0) {
    throw new KeyFormatError('RSA exponent is even, or not within 3 to 2^32 - 1');
  }
  return {
    key: importJwk({ kty: 'RSA', n: modulus.toString('base64url'), e: exponent.toString('base64url') }),
    bits,
  };
}

/** OpenSSL checks that a point lies on its curve. */
function importJwk(key: Readonly<Record<string, string>>): KeyObject {
  try {
    return createPublicKey({ key, format: 'jwk' });
  } catch (cause) {
    throw new KeyFormatError('public key is not valid', { cause });
  }
}

class OpenSslPublicKey implements PublicKey {
  readonly type: KeyType;
  readonly blob: Buffer;
  readonly bits: number;
  readonly fingerprint: string;
  readonly signatureAlgorithms: readonly SignatureAlgorithm[];
  readonly #key: KeyObject;

  constructor(type: KeyType, blob: Buffer, bits: number, key: KeyObject) {
    this.type = type;
    this.blob = blob;
    this.bits = bits;
    this.fingerprint = `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
    this.signatureAlgorithms = SIGNATURES_OF_KEY_TYPE[type];
    this.#key = key;
  }

  verify(algorithm: SignatureAlgorithm, signature: Buffer, data: Buffer): boolean {
    if (KEY_TYPE_OF_SIGNATURE[algorithm] !== this.type) return false;
    try {
      const reader = new SshReader(signature);
      if (reader.ascii(64) !== algorithm) return false;
      const body = reader.string();
      reader.end();
      return this.#verifyBody(algorithm, body, data);
    } catch {
      // Malformed, or OpenSSL would not look at it: either way it proves nothing.
      return false;
    }
  }

  #verifyBody(algorithm: SignatureAlgorithm, body: Buffer, data: Buffer): boolean {
    if (isRsaSignatureAlgorithm(algorithm)) {
      const modulusBytes = Math.ceil(this.bits / 8);
      if (body.length > modulusBytes) return false;
      // Some implementations drop leading zeros.
      const padded = Buffer.concat([Buffer.alloc(modulusBytes - body.length), body]);
      return verifySignature(RSA_SIGNATURE_HASHES[algorithm], data, this.#key, padded);
    }
    if (isEcdsaKeyType(algorithm)) {
      const { fieldBytes, hash } = ECDSA_CURVES[algorithm];
      const fixed = ecdsaFromSsh(body, fieldBytes);
      return fixed !== null && verifySignature(hash, data, { key: this.#key, dsaEncoding: 'ieee-p1363' }, fixed);
    }
    return body.length === ED25519_SIGNATURE_BYTES && verifySignature(null, data, this.#key, body);
  }
}
