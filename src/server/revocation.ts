import { revokedNow, stillCertified } from '../auth/certificate-login.ts';
import type { Identity, IdentityProvider } from '../auth/identity.ts';
import type { AuthMethod, AuthSuccess } from '../auth/server-auth.ts';
import type { RevocationList } from '../crypto/keys/revocation-list.ts';

/** How somebody who is logged in proved to be who they are. */
export type Credential = Pick<AuthSuccess<Identity>, 'identity' | 'method' | 'publicKey' | 'certificate'>;

/** Why a login would not succeed again. A user that may not log in for now looks like one that is gone. */
export type Revocation = 'user-gone' | 'credential-gone' | 'method-not-allowed' | 'revoked-key';

/**
 * Whether a session may go on where `users` and `methods` have replaced those with which it began: null, or why not. A key
 * must still be the user's and not be revoked, a password must still be the same one, and the CA of a certificate must still
 * be trusted: a certificate that expires after the login does not end the session, as it does not in OpenSSH. Rejects where the
 * users cannot be looked up.
 */
export async function revocationOf(
  { identity, method, publicKey, certificate }: Credential,
  remoteAddress: string,
  users: IdentityProvider,
  methods: readonly AuthMethod[],
  revokedKeys: RevocationList,
): Promise<Revocation | null> {
  if (!methods.includes(method)) return 'method-not-allowed';
  if (revokedNow({ publicKey, certificate }, revokedKeys) !== null) return 'revoked-key';
  const now = await users.find(identity.name, { remoteAddress });
  if (now === null) return 'user-gone';
  return isStillGood(now, { identity, publicKey, certificate }) ? null : 'credential-gone';
}

function isStillGood(now: Identity, { identity, publicKey, certificate }: Omit<Credential, 'method'>): boolean {
  if (certificate !== null) return stillCertified(now, certificate);
  if (publicKey === null) return now.passwordHash === identity.passwordHash;
  return now.publicKeys.some(({ blob }) => blob.equals(publicKey.blob));
}
