import { randomBytes } from 'node:crypto';
import type { webcrypto } from 'node:crypto';
import { SshWriter } from '../../wire/writer.ts';
import { ECDSA_CURVES, isEcdsaKeyType } from './key-types.ts';
import type { KeyType } from './key.ts';

type JsonWebKey = webcrypto.JsonWebKey;

/** OpenSSH's private key file (PROTOCOL.key), without a passphrase. */
const MAGIC = 'openssh-key-v1\0';
const PADDING_MULTIPLE = 8;
const LINE_LENGTH = 70;

/** A member of a JSON Web Key as bytes. Throws RangeError where it is missing. */
export function jwkBytes(jwk: JsonWebKey, member: keyof JsonWebKey): Buffer {
  const value = jwk[member];
  if (typeof value !== 'string') throw new RangeError(`the key has no ${JSON.stringify(member)}`);
  return Buffer.from(value, 'base64url');
}

/** The public key blob of RFC 4253 §6.6 from a key's public members. */
export function publicBlob(type: KeyType, jwk: JsonWebKey): Buffer {
  const writer = new SshWriter(1024).string(type);
  if (type === 'ssh-ed25519') writer.string(jwkBytes(jwk, 'x'));
  else if (type === 'ssh-rsa') writer.unsignedMpint(jwkBytes(jwk, 'e')).unsignedMpint(jwkBytes(jwk, 'n'));
  else writer.string(ECDSA_CURVES[type].sshName).string(point(jwk));
  return writer.finish();
}

/** The uncompressed point; the coordinates of a JSON Web Key have the curve's full length (RFC 7518 §6.2.1). */
function point(jwk: JsonWebKey): Buffer {
  return Buffer.concat([Buffer.of(0x04), jwkBytes(jwk, 'x'), jwkBytes(jwk, 'y')]);
}

/** Writes the file. @param jwk the private key */
export function writeOpenSshPrivateKey(type: KeyType, jwk: JsonWebKey, comment: string): string {
  const check = randomBytes(4);
  // Room for the widest RSA key: a writer that grows would leave copies of the secret behind.
  const secret = new SshWriter(16384).bytes(check).bytes(check).string(type);
  if (type === 'ssh-ed25519') {
    const publicKey = jwkBytes(jwk, 'x');
    secret.string(publicKey).string(Buffer.concat([jwkBytes(jwk, 'd'), publicKey]));
  } else if (isEcdsaKeyType(type)) {
    secret.string(ECDSA_CURVES[type].sshName).string(point(jwk)).unsignedMpint(jwkBytes(jwk, 'd'));
  } else {
    for (const member of ['n', 'e', 'd', 'qi', 'p', 'q'] as const) secret.unsignedMpint(jwkBytes(jwk, member));
  }
  secret.string(comment);
  for (let pad = 1; secret.length % PADDING_MULTIPLE !== 0; pad += 1) secret.byte(pad);

  const secretBytes = secret.finish();
  const file = new SshWriter(32768)
    .bytes(Buffer.from(MAGIC, 'latin1'))
    .string('none')
    .string('none')
    .string('')
    .uint32(1)
    .string(publicBlob(type, jwk))
    .string(secretBytes)
    .finish();
  const base64 = file.toString('base64');
  secretBytes.fill(0);
  file.fill(0);
  const lines = base64.match(new RegExp(`.{1,${LINE_LENGTH}}`, 'g')) ?? [];
  return ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n');
}
