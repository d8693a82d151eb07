import { createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { WireError } from '../../wire/wire-error.ts';
import { SshWriter } from '../../wire/writer.ts';
import { generatedKeyType, KEY_TYPES } from './key-registry.ts';
import type { GeneratedKeyType, RegisteredKeyType } from './key-registry.ts';
import type { SigningKey } from './key-type.ts';
import { KeyFormatError, PassphraseMissingError } from './key-format-error.ts';
import type { PrivateKey, PublicKey, SignatureAlgorithm } from './key.ts';
import { isOpenSshKeyFile, publicBlob, readOpenSshKeyFile, writeOpenSshKeyFile } from './openssh-key-file.ts';
import type { OpenSshKey } from './openssh-key-file.ts';
import { parsePublicKey } from './public-key.ts';

export type { GeneratedKeyType } from './key-registry.ts';

/** A 16384-bit RSA key file is about 13 KB. */
const MAX_FILE_LENGTH = 65536;

/**
 * Parses a private key file: OpenSSH's own format, or PEM with PKCS#1, PKCS#8 or SEC1; with `passphrase` where it is
 * encrypted. The key must be one that `parsePublicKey` takes. Throws KeyFormatError with what is wrong, never with parts of
 * the key.
 */
export function parsePrivateKey(text: string, passphrase?: string): PrivateKey {
  if (text.length > MAX_FILE_LENGTH) throw new KeyFormatError('file is too large for a private key');
  const { type, key, comment } = isOpenSshKeyFile(text) ? parseOpenSsh(text, passphrase) : parsePem(text, passphrase);
  return new SshPrivateKey(key, parsePublicKey(publicBlob({ type, key })), comment);
}

/** Whether the file has a private key that is encrypted. */
export function needsPassphrase(text: string): boolean {
  try {
    parsePrivateKey(text);
    return false;
  } catch (error) {
    if (error instanceof KeyFormatError) return error instanceof PassphraseMissingError;
    throw error;
  }
}

function parseOpenSsh(text: string, passphrase: string | undefined): OpenSshKey {
  try {
    return readOpenSshKeyFile(text, passphrase);
  } catch (error) {
    if (error instanceof WireError) throw new KeyFormatError(`malformed OpenSSH private key: ${error.message}`);
    throw error;
  }
}

function parsePem(text: string, passphrase: string | undefined): OpenSshKey {
  const der = pkcs8In(text);
  if (der !== null) {
    try {
      for (const type of KEY_TYPES as readonly RegisteredKeyType[]) {
        const signing = type.fromPkcs8?.(der) ?? null;
        if (signing !== null) return { type, key: signing, comment: '' };
      }
    } finally {
      der.fill(0);
    }
  }
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: text, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) });
  } catch (cause) {
    if (passphrase === undefined && /ENCRYPTED/.test(text)) throw new PassphraseMissingError();
    throw new KeyFormatError(explainPemFailure(text), { cause });
  }
  for (const type of KEY_TYPES) {
    const signing = type.fromKeyObject(key);
    if (signing !== null) return { type, key: signing, comment: '' };
  }
  const { asymmetricKeyType: type = 'unknown', asymmetricKeyDetails: details } = key;
  const curve = details?.namedCurve === undefined ? '' : ` over the curve ${details.namedCurve}`;
  throw new KeyFormatError(`keys of type ${type}${curve} are not supported`);
}

/** What a PEM file of PKCS#8 holds that is not encrypted; the caller overwrites it. */
function pkcs8In(text: string): Buffer | null {
  const base64 = /^-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----$/m.exec(text)?.[1];
  return base64 === undefined ? null : Buffer.from(base64, 'base64');
}

function explainPemFailure(text: string): string {
  if (/ENCRYPTED/.test(text)) return 'wrong passphrase';
  if (!text.includes('-----BEGIN ')) return 'not a private key file: it has no "-----BEGIN" line';
  return 'not a private key that can be read';
}

class SshPrivateKey implements PrivateKey {
  readonly publicKey: PublicKey;
  readonly comment: string;
  readonly #key: SigningKey;

  constructor(key: SigningKey, publicKey: PublicKey, comment: string) {
    this.#key = key;
    this.publicKey = publicKey;
    this.comment = comment;
  }

  async sign(algorithm: SignatureAlgorithm, data: Buffer): Promise<Buffer> {
    if (!this.publicKey.signatureAlgorithms.includes(algorithm)) {
      throw new RangeError(`a key of type ${this.publicKey.type} cannot make ${algorithm} signatures`);
    }
    const body = await this.#key.sign(algorithm, data);
    return new SshWriter(body.length + algorithm.length + 8).string(algorithm).string(body).finish();
  }
}

export interface GeneratedKey {
  /** An OpenSSH private key file, encrypted where there is a passphrase. */
  readonly privateKey: string;
  /** The line for authorized_keys, without a line break. */
  readonly publicKey: string;
}

/**
 * Makes a key pair. An RSA key takes a good second, on the event loop: for the command line and the first start.
 *
 * @param bits where the type leaves a choice, as RSA does: 2048 to 16384, 3072 by default
 * @param passphrase what the file is encrypted with; not empty
 * @throws RangeError for bits outside, or a comment with control characters
 */
export function generatePrivateKey(
  generated: GeneratedKeyType,
  bits?: number,
  comment = '',
  passphrase?: string,
): GeneratedKey {
  checkComment(comment);
  const type = generatedKeyType(generated);
  return written({ type, key: type.generate(bits), comment }, passphrase);
}

/** The same without a passphrase, off the event loop where it takes long: for a server that serves meanwhile. */
export async function generatePrivateKeyOffLoop(
  generated: GeneratedKeyType,
  bits?: number,
  comment = '',
): Promise<GeneratedKey> {
  checkComment(comment);
  const type: RegisteredKeyType = generatedKeyType(generated);
  return written({ type, key: await (type.generateOffLoop?.(bits) ?? type.generate(bits)), comment });
}

/** Throws RangeError. */
function checkComment(comment: string): void {
  if (/\p{Cc}/u.test(comment)) throw new RangeError('key comment has control characters');
}

function written({ type, key, comment }: OpenSshKey, passphrase?: string): GeneratedKey {
  const base64 = publicBlob({ type, key }).toString('base64');
  return {
    privateKey: writeOpenSshKeyFile({ type, key, comment }, passphrase),
    publicKey: comment === '' ? `${type.name} ${base64}` : `${type.name} ${base64} ${comment}`,
  };
}
