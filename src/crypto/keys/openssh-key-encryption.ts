import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import bcrypt from 'bcrypt-pbkdf';
import { SshReader } from '../../wire/reader.ts';
import { SshWriter } from '../../wire/writer.ts';
import { KeyFormatError } from './key-format-error.ts';

/**
 * The encryption of an openssh-key-v1 file (PROTOCOL.key). bcrypt's derivation makes key and IV from the passphrase, and the
 * private part is encrypted with them.
 *
 *     kdf options   string salt || uint32 rounds
 */
interface Cipher {
  /** As node:crypto calls it. */
  readonly name: 'aes-128-ctr' | 'aes-192-ctr' | 'aes-256-ctr' | 'aes-128-cbc' | 'aes-192-cbc' | 'aes-256-cbc';
  readonly keyBytes: number;
}
interface AeadCipher {
  readonly name: 'aes-128-gcm' | 'aes-256-gcm';
  readonly keyBytes: number;
}

const CTR_AND_CBC: ReadonlyMap<string, Cipher> = new Map([
  ['aes256-ctr', { name: 'aes-256-ctr', keyBytes: 32 }],
  ['aes192-ctr', { name: 'aes-192-ctr', keyBytes: 24 }],
  ['aes128-ctr', { name: 'aes-128-ctr', keyBytes: 16 }],
  ['aes256-cbc', { name: 'aes-256-cbc', keyBytes: 32 }],
  ['aes192-cbc', { name: 'aes-192-cbc', keyBytes: 24 }],
  ['aes128-cbc', { name: 'aes-128-cbc', keyBytes: 16 }],
]);
const GCM: ReadonlyMap<string, AeadCipher> = new Map([
  ['aes256-gcm@openssh.com', { name: 'aes-256-gcm', keyBytes: 32 }],
  ['aes128-gcm@openssh.com', { name: 'aes-128-gcm', keyBytes: 16 }],
]);
const BLOCK_BYTES = 16;
const GCM_IV_BYTES = 12;
const TAG_BYTES = 16;

/** ssh-keygen makes 16 bytes. */
const MAX_SALT_BYTES = 64;
/** ssh-keygen makes 16 to 24, and `-a` more. At some 20 ms a round the limit is some 20 seconds. */
const MAX_ROUNDS = 1024;

/** What ssh-keygen of OpenSSH 10 uses for a new file. */
const OURS = { cipher: 'aes256-ctr', block: { name: 'aes-256-ctr', keyBytes: 32 }, saltBytes: 16, rounds: 24 } as const;

/** The private part of an encrypted file is padded to a multiple of this, in bytes. */
export const ENCRYPTED_MULTIPLE = 16;

export interface Encryption {
  readonly cipher: string;
  readonly kdf: string;
  readonly kdfOptions: Buffer;
}

/**
 * The private part in clear, a copy that the caller overwrites. A wrong passphrase is noticed here by AES-GCM alone: the caller
 * compares the two check numbers. Takes as long as the file wants, on the event loop.
 *
 * @param encrypted the private part
 * @param tag what follows it in the file: 16 bytes with AES-GCM, nothing otherwise
 * @throws KeyFormatError, or WireError for malformed options
 */
export function decryptPrivatePart(
  { cipher, kdf, kdfOptions }: Encryption,
  passphrase: string,
  encrypted: Buffer,
  tag: Buffer,
): Buffer {
  if (kdf !== 'bcrypt') throw new KeyFormatError(`key derivation ${JSON.stringify(kdf)} is not supported`);
  const block = CTR_AND_CBC.get(cipher);
  if (block !== undefined) {
    checkLengths(encrypted, tag, 0);
    return withKey(block.keyBytes, BLOCK_BYTES, passphrase, kdfOptions, (key, iv) =>
      // Neither mode pads or holds anything back for the end.
      createDecipheriv(block.name, key, iv).setAutoPadding(false).update(encrypted),
    );
  }
  const aead = GCM.get(cipher);
  if (aead === undefined) throw new KeyFormatError(`cipher ${JSON.stringify(cipher)} of a key file is not supported`);
  checkLengths(encrypted, tag, TAG_BYTES);
  return withKey(aead.keyBytes, GCM_IV_BYTES, passphrase, kdfOptions, (key, iv) => {
    const decipher = createDecipheriv(aead.name, key, iv, { authTagLength: TAG_BYTES }).setAuthTag(tag);
    const clear = decipher.update(encrypted);
    try {
      decipher.final();
    } catch {
      clear.fill(0);
      throw new KeyFormatError('wrong passphrase');
    }
    return clear;
  });
}

/**
 * Encrypts the private part of a file with AES-256 in counter mode. The passphrase must not be empty. Takes some half a second on the
 * event loop.
 *
 * @param clear a multiple of 16 bytes; the caller overwrites it
 */
export function encryptPrivatePart(clear: Buffer, passphrase: string): Encryption & { readonly encrypted: Buffer } {
  const { cipher, block, saltBytes, rounds } = OURS;
  const kdfOptions = new SshWriter(64).string(randomBytes(saltBytes)).uint32(rounds).finish();
  const encrypted = withKey(block.keyBytes, BLOCK_BYTES, passphrase, kdfOptions, (key, iv) =>
    createCipheriv(block.name, key, iv).update(clear),
  );
  return { cipher, kdf: 'bcrypt', kdfOptions, encrypted };
}

function checkLengths(encrypted: Buffer, tag: Buffer, tagBytes: number): void {
  if (encrypted.length % BLOCK_BYTES !== 0 || tag.length !== tagBytes) {
    throw new KeyFormatError('malformed OpenSSH private key');
  }
}

function withKey(
  keyBytes: number,
  ivBytes: number,
  passphrase: string,
  kdfOptions: Buffer,
  use: (key: Buffer, iv: Buffer) => Buffer,
): Buffer {
  const reader = new SshReader(kdfOptions);
  const salt = reader.string();
  const rounds = reader.uint32();
  reader.end();
  if (salt.length > MAX_SALT_BYTES || rounds > MAX_ROUNDS) {
    throw new KeyFormatError(`key file wants more than ${MAX_SALT_BYTES} bytes of salt or ${MAX_ROUNDS} rounds`);
  }
  const secret = Buffer.from(passphrase, 'utf8');
  const derived = Buffer.alloc(keyBytes + ivBytes);
  try {
    if (bcrypt.pbkdf(secret, secret.length, salt, salt.length, derived, derived.length, rounds) !== 0) {
      throw new KeyFormatError('no key can be derived: the passphrase is empty, or the file has no salt or no rounds');
    }
    return use(derived.subarray(0, keyBytes), derived.subarray(keyBytes));
  } finally {
    secret.fill(0);
    derived.fill(0);
  }
}
