import { SshReader } from '../../wire/reader.ts';
import { WireError } from '../../wire/wire-error.ts';
import { SshWriter } from '../../wire/writer.ts';
import { keyTypeNamed } from './key-registry.ts';
import { KeyFormatError } from './key-format-error.ts';
import { RevocationListError } from './revocation-list-error.ts';
import type { RevokedHashes } from './revoked-hashes.ts';
import { sha256Of } from './revoked-hashes.ts';

/** `SHA256:` and 32 bytes in base64, as `ssh-keygen -l` prints them. */
const FINGERPRINT = /^SHA256:([A-Za-z0-9+/]{43})=?$/;
/** `ssh-keygen -l` puts the size of the key before the fingerprint. */
const SIZE = /^\d{1,5}$/;
const CERTIFICATE_NAME = /^(.+)-cert(?:-v\d\d@openssh\.com)?$/;
const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * A plain list of revoked keys. Each line is empty, a comment after `#`, a public key as in authorized_keys or a .pub file, or a
 * fingerprint. Keys may be of types that this build does not know: the list may be that of other servers too. A certificate stands
 * for itself and for the key in it. Throws RevocationListError with the number of the line that is none of these.
 */
export function parseRevokedKeyLines(file: Buffer): RevokedHashes {
  const keys: RevokedHashes = { sha1: new Set(), sha256: new Set() };
  textOf(file)
    .split(/\r?\n/)
    .forEach((line, index) => {
      const text = line.trim();
      if (text === '' || text.startsWith('#')) return;
      const hashes = hashesOf(text.split(/[ \t]+/));
      if (hashes.length === 0) {
        throw new RevocationListError(`line ${index + 1} is neither a public key nor a SHA256: fingerprint`);
      }
      for (const hash of hashes) keys.sha256.add(hash);
    });
  return keys;
}

function textOf(file: Buffer): string {
  try {
    return strictUtf8.decode(file);
  } catch {
    throw new RevocationListError('neither a KRL nor a text file with a public key on each line');
  }
}

function hashesOf(fields: readonly string[]): string[] {
  const [first = '', second = ''] = fields;
  const fingerprint = FINGERPRINT.exec(SIZE.test(first) ? second : first)?.[1];
  if (fingerprint !== undefined) return [`${fingerprint}=`];
  // Options may stand before the key. They do not narrow what is revoked.
  for (const [index, type] of fields.slice(0, -1).entries()) {
    const blob = blobOf(type, fields[index + 1] ?? '');
    const inside = blob === null ? null : keyInside(type, blob);
    if (blob !== null && inside !== null) return [blob, ...inside].map(sha256Of);
  }
  return [];
}

/** The blob of a key of that type; null where it is none. */
function blobOf(type: string, base64: string): Buffer | null {
  const blob = Buffer.from(base64, 'base64');
  // Buffer.from skips what is not base64.
  if (blob.toString('base64').replace(/=+$/, '') !== base64.replace(/=+$/, '')) return null;
  try {
    const reader = new SshReader(blob);
    if (reader.ascii(128) !== type || reader.remaining === 0) return null;
    // A line that was cut short must not pass for the key that it was to revoke. These are strings to the end (RFC 4253 §6.6).
    if (keyTypeNamed(type) !== undefined || type.startsWith('sk-')) while (reader.remaining > 0) reader.string();
    return blob;
  } catch (error) {
    if (error instanceof WireError) return null;
    throw error;
  }
}

/** The key that a certificate of a known type is for: its fields follow the name and a nonce. null where it is malformed. */
function keyInside(type: string, blob: Buffer): Buffer[] | null {
  const name = CERTIFICATE_NAME.exec(type)?.[1];
  const keyType = name === undefined ? undefined : keyTypeNamed(name);
  if (keyType === undefined) return [];
  try {
    const reader = new SshReader(blob);
    reader.string();
    reader.string();
    const from = reader.offset;
    keyType.readPublic(reader);
    return [new SshWriter(blob.length).string(keyType.name).bytes(reader.slice(from, reader.offset)).finish()];
  } catch (error) {
    if (error instanceof WireError || error instanceof KeyFormatError) return null;
    throw error;
  }
}
