import { randomBytes } from 'node:crypto';
import { SshReader } from '../../wire/reader.ts';
import { SshWriter } from '../../wire/writer.ts';
import { keyTypeNamed } from './key-registry.ts';
import type { RegisteredKeyType } from './key-registry.ts';
import type { SigningKey } from './key-type.ts';
import { KeyFormatError, PassphraseMissingError } from './key-format-error.ts';
import { decryptPrivatePart, encryptPrivatePart, ENCRYPTED_MULTIPLE } from './openssh-key-encryption.ts';

/**
 * OpenSSH's private key file (PROTOCOL.key): one key of any type of the registry. openssh-key-encryption.ts says how
 * an encrypted file differs.
 *
 *     "openssh-key-v1" NUL || string cipher "none" || string kdf "none" || string kdf options "" || uint32 1
 *     || string public blob || string (uint32 check || uint32 the same || string type || fields of the type
 *                                      || string comment || padding 1, 2, 3 … to a multiple of 8)
 */
const MAGIC = Buffer.from('openssh-key-v1\0', 'latin1');
const PADDING_MULTIPLE = 8;
const LINE_LENGTH = 70;
const ARMOUR = /^-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END OPENSSH PRIVATE KEY-----$/;

/** One private key, and what its type and its file say of it. */
export interface OpenSshKey {
  readonly type: RegisteredKeyType;
  readonly key: SigningKey;
  readonly comment: string;
}

export function isOpenSshKeyFile(text: string): boolean {
  return text.includes('-----BEGIN OPENSSH PRIVATE KEY-----');
}

/** The public blob of a private key. */
export function publicBlob({ type, key }: Omit<OpenSshKey, 'comment'>): Buffer {
  const writer = new SshWriter(1024).string(type.name);
  key.writePublic(writer);
  return writer.finish();
}

/**
 * The key of a file.
 * @throws KeyFormatError or WireError for one that is malformed, or encrypted with another passphrase or where none is given
 */
export function readOpenSshKeyFile(text: string, passphrase?: string): OpenSshKey {
  const base64 = ARMOUR.exec(text.trim())?.[1];
  if (base64 === undefined) throw new KeyFormatError('malformed OpenSSH private key');
  const file = Buffer.from(base64, 'base64');
  try {
    return readKey(file, passphrase);
  } finally {
    file.fill(0);
  }
}

function readKey(file: Buffer, passphrase: string | undefined): OpenSshKey {
  const reader = new SshReader(file);
  if (!reader.bytes(MAGIC.length).equals(MAGIC)) throw new KeyFormatError('malformed OpenSSH private key');
  const cipher = reader.ascii(64);
  const kdf = reader.ascii(64);
  const kdfOptions = reader.string();
  const encrypted = cipher !== 'none';
  if ((!encrypted && (kdf !== 'none' || kdfOptions.length > 0)) || reader.uint32() !== 1) {
    throw new KeyFormatError('not an OpenSSH private key file with one key');
  }
  const outerBlob = reader.string();
  const privatePart = reader.string();
  if (!encrypted) {
    reader.end();
    return readPrivatePart(privatePart, outerBlob, 'malformed OpenSSH private key');
  }
  if (passphrase === undefined) throw new PassphraseMissingError();
  const clear = decryptPrivatePart({ cipher, kdf, kdfOptions }, passphrase, privatePart, reader.rest());
  try {
    return readPrivatePart(clear, outerBlob, 'wrong passphrase');
  } finally {
    clear.fill(0);
  }
}

/** `mismatch`: what it means that the two check numbers differ. */
function readPrivatePart(part: Buffer, outerBlob: Buffer, mismatch: string): OpenSshKey {
  const secret = new SshReader(part);
  if (secret.uint32() !== secret.uint32()) throw new KeyFormatError(mismatch);
  const name = secret.ascii(64);
  const type = keyTypeNamed(name);
  if (type === undefined) throw new KeyFormatError(`key type ${JSON.stringify(name)} is not supported`);
  const key = type.readPrivate(secret);
  // Nothing depends on it, so that bytes which are no UTF-8 do not make the key unusable.
  const comment = secret.string().toString('utf8');
  secret.rest().forEach((byte, index) => {
    if (byte !== index + 1) throw new KeyFormatError('malformed OpenSSH private key: wrong padding');
  });
  if (!publicBlob({ type, key }).equals(outerBlob)) {
    throw new KeyFormatError('the public key in the file is not that of the private one');
  }
  return { type, key, comment };
}

/** With a passphrase, which is not empty, the file is encrypted. */
export function writeOpenSshKeyFile({ type, key, comment }: OpenSshKey, passphrase?: string): string {
  const check = randomBytes(4);
  // Room for the widest RSA key: a writer that grows would leave copies of the secret behind.
  const secret = new SshWriter(16384).bytes(check).bytes(check).string(type.name);
  key.writePrivate(secret);
  secret.string(comment);
  const multiple = passphrase === undefined ? PADDING_MULTIPLE : ENCRYPTED_MULTIPLE;
  for (let pad = 1; secret.length % multiple !== 0; pad += 1) secret.byte(pad);

  const secretBytes = secret.finish();
  const { cipher, kdf, kdfOptions, encrypted } =
    passphrase === undefined ? inClear(secretBytes) : encryptPrivatePart(secretBytes, passphrase);
  const file = new SshWriter(32768)
    .bytes(MAGIC)
    .string(cipher)
    .string(kdf)
    .string(kdfOptions)
    .uint32(1)
    .string(publicBlob({ type, key }))
    .string(encrypted)
    .finish();
  const base64 = file.toString('base64');
  secretBytes.fill(0);
  file.fill(0);
  const lines = base64.match(new RegExp(`.{1,${LINE_LENGTH}}`, 'g')) ?? [];
  return ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n');
}

function inClear(privatePart: Buffer): ReturnType<typeof encryptPrivatePart> {
  return { cipher: 'none', kdf: 'none', kdfOptions: Buffer.alloc(0), encrypted: privatePart };
}
