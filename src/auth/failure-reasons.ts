/**
 * Why a login did not come about, for the operator. The client gets the same answer for all of them: which of them it was
 * would tell a stranger which users there are.
 */
export const FAILURE_REASONS = {
  'unknown-user': { words: 'there is no such user', advice: 'Names are case-sensitive: compare with "users".' },
  'wrong-key': {
    words: "the key is not one of the user's",
    advice: "Compare the fingerprints with those of the user's publicKeys (ssh-keygen -lf FILE).",
  },
  'revoked-key': {
    words: 'the key is revoked',
    advice:
      'It stands in a list of "auth.revokedKeys". The user needs another key; one who has this key is not the user.',
  },
  'algorithm-not-allowed': {
    words: 'the policy does not allow the signature algorithm',
    advice: 'The client is old, or set to an old algorithm: rsa-sha2-256 and ssh-ed25519 are what most can do.',
  },
  'bad-key': { words: 'the key cannot be used', advice: 'Its type is not supported, or is not that of the algorithm.' },
  'wrong-signature': { words: 'the signature is wrong', advice: 'The client does not have the private key.' },
  'no-password-set': { words: 'the user has no password', advice: 'It logs in with a key, or needs a passwordHash.' },
  'wrong-password': { words: 'the password is wrong', advice: 'Set another with latticeport hash-password.' },
  'password-change-refused': { words: 'passwords cannot be changed here', advice: 'The client asked for a new one.' },
  'method-not-available': { words: 'the method is not available', advice: 'See "auth.methods".' },
  'nothing-offered': {
    words: 'neither key nor password was offered',
    advice: 'The client has none that it may use here: no key is configured, or none that the policy allows.',
  },
  'provider-failed': { words: 'users cannot be looked up', advice: 'See the error in the log.' },
  'internal-error': {
    words: 'a bug, or a password hash that is none',
    advice: 'See the error in the log, and please report it.',
  },
  'not-post-quantum': {
    words: 'the credential is right, but the key exchange is classical, and the user needs a post-quantum one',
    advice: 'The client was told what to do. See "requirePostQuantum" of the user, and of the server.',
  },
  'not-post-quantum-key': {
    words: 'the credential is right, but it is a password or a classical key, and the user needs a post-quantum key',
    advice: 'The client was told what to do. See "requirePostQuantumKey" of the user, and of the server.',
  },
  'too-many-connections': {
    words: 'the user has as many connections as one may have',
    advice: 'See "limits.connectionsPerUser".',
  },
  'too-busy': { words: 'too many password checks wait', advice: 'See limits in docs/operations.md.' },
} as const satisfies Record<string, { readonly words: string; readonly advice: string }>;

export type FailureReason = keyof typeof FAILURE_REASONS;
