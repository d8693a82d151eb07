import type { PublicKey } from '../../crypto/keys/key.ts';
import { KeyFormatError } from '../../crypto/keys/key-format-error.ts';
import { parseAuthorizedKey } from '../../crypto/keys/public-key.ts';
import type { UserKey } from '../../state/records.ts';
import { MAX_KEYS_PER_USER } from './limits.ts';
import { alreadyExists, invalid, invalidMember } from './refusals.ts';
import { newId } from './ids.ts';

/**
 * `keys` with another one, in the order of their import.
 * @param body as it was sent: so it comes back
 * @throws ApiError InvalidRequestException for what is no key that a client could log in with, and for one too many;
 * ResourceExistsException for a key that the user has, whatever its comment is
 */
export function withKey(keys: readonly UserKey[], body: string, importedAt: number): readonly UserKey[] {
  const { fingerprint } = parseBody(body);
  const same = keys.find((key) => fingerprintIn(key) === fingerprint);
  if (same !== undefined) {
    throw alreadyExists('SshPublicKey', same.keyId, `The user has this SSH public key already: ${same.keyId}`);
  }
  if (keys.length >= MAX_KEYS_PER_USER) {
    throw invalid(`A user has at most ${MAX_KEYS_PER_USER} SSH public keys`);
  }
  return [...keys, { keyId: newId('key'), importedAt, body }];
}

function parseBody(body: string): PublicKey {
  try {
    return parseAuthorizedKey(body);
  } catch (error) {
    if (error instanceof KeyFormatError) throw invalidMember('SshPublicKeyBody', error.message);
    throw error;
  }
}

/** By the key, which the user before a change and the one after it share. */
const FINGERPRINTS = new WeakMap<UserKey, { readonly fingerprint: string | null }>();

/** null for a key that this build cannot read, such as one of a release that knows more types. */
export function fingerprintIn(key: UserKey): string | null {
  const known = FINGERPRINTS.get(key) ?? { fingerprint: readFingerprint(key.body) };
  FINGERPRINTS.set(key, known);
  return known.fingerprint;
}

function readFingerprint(body: string): string | null {
  try {
    return parseAuthorizedKey(body).fingerprint;
  } catch (error) {
    if (error instanceof KeyFormatError) return null;
    throw error;
  }
}
