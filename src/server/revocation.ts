import type { Identity, IdentityProvider } from '../auth/identity.ts';
import type { AuthMethod, AuthSuccess } from '../auth/server-auth.ts';
import type { RevocationList } from '../crypto/keys/revocation-list.ts';

/** How somebody who is logged in proved to be who they are. */
export type Credential = Pick<AuthSuccess<Identity>, 'identity' | 'method' | 'publicKey'>;

/** Why a login would not succeed again. A user that may not log in for now looks like one that is gone. */
export type Revocation = 'user-gone' | 'credential-gone' | 'method-not-allowed' | 'revoked-key';

/**
 * Whether a session may go on where `users` and `methods` have replaced those with which it began: null, or why not. A key
 * must still be the user's and not be revoked, a password must still be the same one. Rejects where the users cannot be looked up.
 */
export async function revocationOf(
  { identity, method, publicKey }: Credential,
  remoteAddress: string,
  users: IdentityProvider,
  methods: readonly AuthMethod[],
  revokedKeys: RevocationList,
): Promise<Revocation | null> {
  if (!methods.includes(method)) return 'method-not-allowed';
  if (publicKey !== null && revokedKeys.revokesKey(publicKey.blob)) return 'revoked-key';
  const now = await users.find(identity.name, { remoteAddress });
  if (now === null) return 'user-gone';
  const same =
    publicKey === null
      ? now.passwordHash === identity.passwordHash
      : now.publicKeys.some(({ blob }) => blob.equals(publicKey.blob));
  return same ? null : 'credential-gone';
}
