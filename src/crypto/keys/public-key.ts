import { createHash } from 'node:crypto';
import { SshReader } from '../../wire/reader.ts';
import { WireError } from '../../wire/wire-error.ts';
import { keyTypeNamed } from './key-registry.ts';
import type { RegisteredKeyType } from './key-registry.ts';
import type { VerifyingKey } from './key-type.ts';
import { KeyFormatError } from './key-format-error.ts';
import type { KeyType, PublicKey, SignatureAlgorithm } from './key.ts';

/** An RSA key of 16384 bits is under 3 KiB of base64. */
const MAX_LINE_LENGTH = 16384;

/**
 * Parses a public key blob (RFC 4253 §6.6) of any type of the registry, strictly: nothing may follow it, and the key must be
 * one that its type takes. Throws KeyFormatError.
 */
export function parsePublicKey(blob: Buffer): PublicKey {
  const copy = Buffer.from(blob);
  try {
    const reader = new SshReader(copy);
    const name = reader.ascii(64);
    const type = keyTypeNamed(name);
    if (type === undefined) throw new KeyFormatError(`key type ${JSON.stringify(name)} is not supported`);
    const key = type.readPublic(reader);
    reader.end();
    return publicKeyOf(type, copy, key);
  } catch (error) {
    if (error instanceof WireError)
      throw new KeyFormatError(`malformed public key: ${error.message}`, { cause: error });
    throw error;
  }
}

/** The key of a type, with its blob, which is kept as it is. */
export function publicKeyOf(type: RegisteredKeyType, blob: Buffer, key: VerifyingKey): PublicKey {
  return new SshPublicKey(type, blob, key);
}

/** `SHA256:` and the hash of a key's blob in base64 without padding, as `ssh-keygen -l` prints it. */
export function fingerprintOf(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
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
  if (keyTypeNamed(type) === undefined) {
    if (fields.slice(1).some((field) => keyTypeNamed(field) !== undefined)) {
      throw new KeyFormatError('options in front of the key are not supported');
    }
    throw new KeyFormatError(`key type ${JSON.stringify(type.slice(0, 64))} is not supported`);
  }
  const key = parsePublicKey(blobOfLine(type, base64));
  if (key.type !== type) throw new KeyFormatError(`line says ${type}, but the key in it is ${key.type}`);
  return key;
}

/** The blob in a line `type base64 [comment]`. Throws KeyFormatError. */
export function blobOfLine(type: string, base64: string | undefined): Buffer {
  if (base64 === undefined) throw new KeyFormatError(`no base64 after ${type}`);
  const blob = Buffer.from(base64, 'base64');
  // Buffer.from skips what is not base64.
  if (blob.toString('base64').replace(/=+$/, '') !== base64.replace(/=+$/, '')) {
    throw new KeyFormatError(`what follows ${type} is not base64`);
  }
  return blob;
}

class SshPublicKey implements PublicKey {
  readonly type: KeyType;
  readonly blob: Buffer;
  readonly bits: number;
  readonly signatureAlgorithms: readonly SignatureAlgorithm[];
  readonly #key: VerifyingKey;
  #fingerprint: string | undefined;

  constructor(type: RegisteredKeyType, blob: Buffer, key: VerifyingKey) {
    this.type = type.name;
    this.blob = blob;
    this.bits = key.bits;
    this.signatureAlgorithms = type.signatures.map(({ name }) => name);
    this.#key = key;
  }

  get fingerprint(): string {
    return (this.#fingerprint ??= fingerprintOf(this.blob));
  }

  verify(algorithm: SignatureAlgorithm, signature: Buffer, data: Buffer): boolean {
    if (!this.signatureAlgorithms.includes(algorithm)) return false;
    try {
      const reader = new SshReader(signature);
      if (reader.ascii(64) !== algorithm) return false;
      const body = reader.string();
      reader.end();
      return this.#key.verify(algorithm, body, data);
    } catch {
      // Malformed, or OpenSSL would not look at it: either way it proves nothing.
      return false;
    }
  }
}
