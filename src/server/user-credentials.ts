import type { AuthMethod } from '../auth/server-auth.ts';
import { signsPostQuantum } from '../policy/post-quantum-requirement.ts';
import type { User } from './users.ts';

/** A way in which a user may log in. Nothing of it is secret. */
export interface UserCredential {
  readonly method: AuthMethod;
  /** Of the key, or of the CA whose certificates log in; null for a password, both. */
  readonly keyType: string | null;
  readonly fingerprint: string | null;
  /** Where it is the key of a CA: for what keys its certificates are. */
  readonly certifies?: 'keys' | 'post-quantum keys' | 'classical keys';
  /** A forger must break a post-quantum scheme. */
  readonly postQuantum: boolean;
}

/**
 * The user's keys, in their order, the CAs that may certify others, and its password, as far as `methods` lets them log in. What
 * a post-quantum CA certifies may be either: it counts twice.
 */
export function credentialsOf(user: User, methods: readonly AuthMethod[]): UserCredential[] {
  const keys = user.publicKeys.map(({ type, fingerprint, signatureAlgorithms }): UserCredential => ({
    method: 'publickey',
    keyType: type,
    fingerprint,
    postQuantum: signatureAlgorithms.some(signsPostQuantum),
  }));
  const cas = (user.certificates?.caKeys ?? []).flatMap(({ type, fingerprint, signatureAlgorithms }) => {
    const certifying = (postQuantum: boolean, certifies: NonNullable<UserCredential['certifies']>): UserCredential => ({
      ...{ method: 'publickey', keyType: type, fingerprint, postQuantum, certifies },
    });
    return signatureAlgorithms.some(signsPostQuantum)
      ? [certifying(true, 'post-quantum keys'), certifying(false, 'classical keys')]
      : [certifying(false, 'keys')];
  });
  const password: UserCredential = { method: 'password', keyType: null, fingerprint: null, postQuantum: false };
  return [...keys, ...cas, ...(user.passwordHash === null ? [] : [password])].filter(({ method }) =>
    methods.includes(method),
  );
}

/** "password", "ssh-ed25519", "certificates of ssh-ed25519 for keys". */
export function credentialKind({ keyType, certifies }: Pick<UserCredential, 'keyType' | 'certifies'>): string {
  if (keyType === null) return 'password';
  return certifies === undefined ? keyType : `certificates of ${keyType} for ${certifies}`;
}

/** The same, with the fingerprint. */
export function credentialInWords(credential: UserCredential): string {
  const { keyType, fingerprint, certifies } = credential;
  if (keyType === null) return 'a password';
  const key = `${keyType} ${fingerprint ?? ''}`;
  return certifies === undefined ? key : `certificates of the CA ${key} for ${certifies}`;
}
