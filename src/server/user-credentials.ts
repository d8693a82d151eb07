import type { AuthMethod } from '../auth/server-auth.ts';
import { signsPostQuantum } from '../policy/post-quantum-requirement.ts';
import type { User } from './users.ts';

/** A way in which a user may log in. Nothing of it is secret. */
export interface UserCredential {
  readonly method: AuthMethod;
  /** Of the key, or of the CA whose certificates log in; null for a password, both. */
  readonly keyType: string | null;
  readonly fingerprint: string | null;
  /** A forger must break a post-quantum scheme. */
  readonly postQuantum: boolean;
}

/**
 * The user's keys, in their order, the CAs whose certificates log it in, and its password, as far as `methods` lets them log in.
 * Of a certificate the CA's signature counts here: which key is in it is known at the login.
 */
export function credentialsOf(user: User, methods: readonly AuthMethod[]): UserCredential[] {
  // A certificate of a CA may hold a weaker key than the CA's: of what it issues nothing is known here.
  const keys = [...user.publicKeys, ...(user.certificates?.caKeys ?? [])].map(
    ({ type, fingerprint, signatureAlgorithms }): UserCredential => ({
      method: 'publickey',
      keyType: type,
      fingerprint,
      postQuantum: signatureAlgorithms.some(signsPostQuantum),
    }),
  );
  const password: UserCredential = { method: 'password', keyType: null, fingerprint: null, postQuantum: false };
  return [...keys, ...(user.passwordHash === null ? [] : [password])].filter(({ method }) => methods.includes(method));
}
