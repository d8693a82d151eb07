import { createPrivateKey, createPublicKey, generateKeyPairSync, sign as signData } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import ssh2 from 'ssh2';
import { SshWriter } from '../../wire/writer.ts';
import { ecdsaToSsh } from './ecdsa-signature.ts';
import {
  ECDSA_CURVES,
  isEcdsaKeyType,
  isRsaSignatureAlgorithm,
  KEY_TYPE_OF_SIGNATURE,
  RSA_MAX_BITS,
  RSA_MIN_BITS,
  RSA_SIGNATURE_HASHES,
} from './key-types.ts';
import { KeyFormatError } from './key.ts';
import type { KeyType, PrivateKey, PublicKey, SignatureAlgorithm } from './key.ts';
import { publicBlob, writeOpenSshPrivateKey } from './openssh-private-key.ts';
import { parsePublicKey } from './public-key.ts';

/** A 16384-bit RSA key file is about 13 KB. */
const MAX_FILE_LENGTH = 65536;

/**
 * Parses a private key file: OpenSSH's own format, or PEM with PKCS#1, PKCS#8 or SEC1; with `passphrase` where it is
 * encrypted. The key must be one that `parsePublicKey` takes. Throws KeyFormatError with what is wrong, never with parts of
 * the key.
 */
export function parsePrivateKey(text: string, passphrase?: string): PrivateKey {
  if (text.length > MAX_FILE_LENGTH) throw new KeyFormatError('file is too large for a private key');
  const { pem, comment } = text.includes('-----BEGIN OPENSSH PRIVATE KEY-----')
    ? openSshToPem(text, passphrase)
    : { pem: text, comment: '' };
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) });
  } catch (cause) {
    throw new KeyFormatError(explainPemFailure(text, passphrase), { cause });
  }
  const type = keyTypeOf(key);
  const jwk = createPublicKey(key).export({ format: 'jwk' });
  return new OpenSslPrivateKey(key, parsePublicKey(publicBlob(type, jwk)), comment);
}

function openSshToPem(text: string, passphrase: string | undefined): { pem: string; comment: string } {
  const parsed = ssh2.utils.parseKey(text, passphrase);
  if (parsed instanceof Error) throw new KeyFormatError(parsed.message, { cause: parsed });
  const pem = parsed.getPrivatePEM();
  if (!parsed.isPrivateKey() || typeof pem !== 'string') throw new KeyFormatError('file has no private key');
  return { pem, comment: parsed.comment };
}

function explainPemFailure(text: string, passphrase: string | undefined): string {
  if (/ENCRYPTED/.test(text)) {
    return passphrase === undefined ? 'private key is encrypted, and no passphrase was given' : 'wrong passphrase';
  }
  if (!text.includes('-----BEGIN ')) return 'not a private key file: it has no "-----BEGIN" line';
  return 'not a private key that can be read';
}

function keyTypeOf(key: KeyObject): KeyType {
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      return 'ssh-ed25519';
    case 'rsa':
      return 'ssh-rsa';
    case 'ec':
      switch (key.asymmetricKeyDetails?.namedCurve) {
        case 'prime256v1':
          return 'ecdsa-sha2-nistp256';
        case 'secp384r1':
          return 'ecdsa-sha2-nistp384';
        case 'secp521r1':
          return 'ecdsa-sha2-nistp521';
        default:
          throw new KeyFormatError('ECDSA key over a curve that SSH does not use');
      }
    default:
      throw new KeyFormatError(`keys of type ${key.asymmetricKeyType ?? 'unknown'} are not supported`);
  }
}

class OpenSslPrivateKey implements PrivateKey {
  readonly publicKey: PublicKey;
  readonly comment: string;
  readonly #key: KeyObject;

  constructor(key: KeyObject, publicKey: PublicKey, comment: string) {
    this.#key = key;
    this.publicKey = publicKey;
    this.comment = comment;
  }

  async sign(algorithm: SignatureAlgorithm, data: Buffer): Promise<Buffer> {
    if (KEY_TYPE_OF_SIGNATURE[algorithm] !== this.publicKey.type) {
      throw new RangeError(`a key of type ${this.publicKey.type} cannot make ${algorithm} signatures`);
    }
    const body = await this.#signBody(algorithm, data);
    return new SshWriter(body.length + algorithm.length + 8).string(algorithm).string(body).finish();
  }

  /** RSA and the wide curves take milliseconds, so they run off the event loop; the others take less than the way there. */
  async #signBody(algorithm: SignatureAlgorithm, data: Buffer): Promise<Buffer> {
    if (isRsaSignatureAlgorithm(algorithm)) {
      return signOffLoop(RSA_SIGNATURE_HASHES[algorithm], data, { key: this.#key });
    }
    if (isEcdsaKeyType(algorithm)) {
      const { hash } = ECDSA_CURVES[algorithm];
      const options = { key: this.#key, dsaEncoding: 'ieee-p1363' } as const;
      return ecdsaToSsh(hash === 'sha256' ? signData(hash, data, options) : await signOffLoop(hash, data, options));
    }
    return signData(null, data, this.#key);
  }
}

function signOffLoop(
  hash: string,
  data: Buffer,
  options: { key: KeyObject; dsaEncoding?: 'ieee-p1363' },
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    signData(hash, data, options, (error, signature) => {
      if (error) reject(error);
      else resolve(signature);
    });
  });
}

export type GeneratedKeyType = 'ed25519' | 'ecdsa-256' | 'ecdsa-384' | 'ecdsa-521' | 'rsa';

export interface GeneratedKey {
  /** An OpenSSH private key file, without a passphrase. */
  readonly privateKey: string;
  /** The line for authorized_keys, without a line break. */
  readonly publicKey: string;
}

const RSA_DEFAULT_BITS = 3072;

/**
 * Makes a key pair. An RSA key takes a good second, on the event loop: for the command line and the first start.
 *
 * @param bits for RSA only: 2048 to 16384, 3072 by default
 * @throws RangeError for bits outside, or a comment with control characters
 */
export function generatePrivateKey(type: GeneratedKeyType, bits = RSA_DEFAULT_BITS, comment = ''): GeneratedKey {
  if (/\p{Cc}/u.test(comment)) throw new RangeError('key comment has control characters');
  const key = generateKey(type, bits);
  const keyType = keyTypeOf(key);
  const jwk = key.export({ format: 'jwk' });
  const base64 = publicBlob(keyType, jwk).toString('base64');
  return {
    privateKey: writeOpenSshPrivateKey(keyType, jwk, comment),
    publicKey: comment === '' ? `${keyType} ${base64}` : `${keyType} ${base64} ${comment}`,
  };
}

function generateKey(type: GeneratedKeyType, bits: number): KeyObject {
  switch (type) {
    case 'ed25519':
      return generateKeyPairSync('ed25519').privateKey;
    case 'ecdsa-256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    case 'ecdsa-384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
    case 'ecdsa-521':
      return generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey;
    case 'rsa':
      if (!Number.isInteger(bits) || bits < RSA_MIN_BITS || bits > RSA_MAX_BITS) {
        throw new RangeError(`RSA key of ${bits} bits, not ${RSA_MIN_BITS} to ${RSA_MAX_BITS}`);
      }
      return generateKeyPairSync('rsa', { modulusLength: bits }).privateKey;
  }
}
