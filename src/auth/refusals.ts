import type { PublicKey, SignatureAlgorithm } from '../crypto/keys/key.ts';
import type { FailureReason } from './failure-reasons.ts';
import type { Identity } from './identity.ts';

/** Why a key does not log in, for the operator. */
export function keyRefusal(tried: {
  readonly identity: Identity | null;
  readonly revoked: boolean;
  /** undefined where it is not one of those allowed. */
  readonly algorithm: SignatureAlgorithm | undefined;
  /** null where it cannot be read. */
  readonly offered: PublicKey | null;
}): FailureReason {
  const { identity, revoked, algorithm, offered } = tried;
  if (identity === null) return 'unknown-user';
  if (revoked) return 'revoked-key';
  if (algorithm === undefined) return 'algorithm-not-allowed';
  return offered?.signatureAlgorithms.includes(algorithm) === true ? 'wrong-key' : 'bad-key';
}

/** Why a password does not log in, for the operator. */
export function passwordRefusal(identity: Identity | null, newPassword: Buffer | null): FailureReason {
  if (identity === null) return 'unknown-user';
  if (identity.passwordHash === null) return 'no-password-set';
  return newPassword === null ? 'wrong-password' : 'password-change-refused';
}
