import type { PublicKey } from '../crypto/keys/key.ts';
import type { FailureReason } from './failure-reasons.ts';

/** What authentication needs to know of a user. The rest of a user's record belongs to whoever composes the server. */
export interface Identity {
  readonly name: string;
  readonly publicKeys: readonly PublicKey[];
  /** As `hashPassword` makes it, or null where no password is accepted. */
  readonly passwordHash: string | null;
  /** Left out where no certificate is accepted. */
  readonly certificates?: CertificateTrust;
}

/** Which certificates log a user in. */
export interface CertificateTrust {
  /** Of the authorities (CA). */
  readonly caKeys: readonly PublicKey[];
  /** One of these must be among the principals of the certificate. */
  readonly principals: readonly string[];
}

export interface LoginContext {
  readonly remoteAddress: string;
}

/** Why a name is nobody's for now. The client is not told: it is answered as if there were no such user. */
export type AbsenceReason = Extract<FailureReason, 'unknown-user' | 'disabled' | 'expired' | 'address-not-allowed'>;

/** Where users come from. */
export interface IdentityProvider<T extends Identity = Identity> {
  /** Checked for users without a password: see `decoyHash` of password-hash.ts. */
  readonly decoyHash?: string;
  /**
   * The key of that blob, where it is a CA of any user at all: a certificate's signature is verified before the user is known.
   * What it does not know is a CA of nobody's.
   */
  findCa?(blob: Buffer): PublicKey | undefined;
  /** null when there is no such user, or it may not log in from there. Rejects when the provider itself fails. */
  find(userName: string, context: LoginContext): Promise<T | null>;
  /** Why `find` has just answered null, for the log; by default there is no such user. */
  whyAbsent?(userName: string, context: LoginContext): AbsenceReason;
}
