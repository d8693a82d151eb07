import type { PublicKey } from '../crypto/keys/key.ts';

/** What authentication needs to know of a user. The rest of a user's record belongs to whoever composes the server. */
export interface Identity {
  readonly name: string;
  readonly publicKeys: readonly PublicKey[];
  /** As `hashPassword` makes it, or null where no password is accepted. */
  readonly passwordHash: string | null;
}

export interface LoginContext {
  readonly remoteAddress: string;
}

/** Where users come from. */
export interface IdentityProvider<T extends Identity = Identity> {
  /** Checked for users without a password: see `decoyHash` of password-hash.ts. */
  readonly decoyHash?: string;
  /** null when there is no such user, or it may not log in from there. Rejects when the provider itself fails. */
  find(userName: string, context: LoginContext): Promise<T | null>;
}
