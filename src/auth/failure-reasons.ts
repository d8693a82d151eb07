/**
 * Why a login did not come about, for the operator. The client gets the same answer for all of them: which of them it was
 * would tell a stranger which users there are.
 */
export const FAILURE_REASONS = {
  'unknown-user': { words: 'there is no such user', advice: 'Names are case-sensitive: compare with "users".' },
  disabled: { words: 'the user is disabled', advice: 'See "disabled" of the user, or its tag latticeport:disabled.' },
  expired: { words: "the user's time is over", advice: 'See the tag latticeport:expires of the user.' },
  'address-not-allowed': {
    words: 'the user may not log in from that address',
    advice:
      'See "allowedNetworks" and "deniedNetworks" of the user, or its tags latticeport:allowed-cidrs and latticeport:denied-cidrs.',
  },
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
  'bad-certificate': {
    words: 'the certificate cannot be read',
    advice: 'It is damaged, or its type is not that of the algorithm (ssh-keygen -Lf FILE).',
  },
  'certificate-ca-not-trusted': {
    words: 'the certificate is of a CA that the user does not trust',
    advice:
      'Compare the fingerprint of its CA (ssh-keygen -Lf FILE) with trustedUserCaKeys and the trustedCaKeys of the user.',
  },
  'certificate-wrong-signature': {
    words: 'the signature of the CA in the certificate is wrong, or of an algorithm that is not allowed',
    advice: 'A CA with an RSA key must sign with rsa-sha2-512 or rsa-sha2-256 (ssh-keygen -t).',
  },
  'certificate-not-for-users': {
    words: 'the certificate is for a host',
    advice: 'It was made with ssh-keygen -h: leave that out.',
  },
  'certificate-without-principals': {
    words: 'the certificate has no principals',
    advice: 'Name the user in it: ssh-keygen -n USER.',
  },
  'certificate-wrong-principal': {
    words: "none of the certificate's principals is one of the user's",
    advice: 'See "principals" of the user; where it is left out, the name of the user is the only one.',
  },
  'certificate-not-yet-valid': {
    words: 'the certificate is not valid yet',
    advice: 'Compare the clocks of the CA and of this server.',
  },
  'certificate-expired': { words: 'the certificate has expired', advice: 'The client needs a new one of its CA.' },
  'certificate-source-address': {
    words: 'the certificate may not be used from that address',
    advice: 'Its critical option source-address lists the networks (ssh-keygen -Lf FILE).',
  },
  'certificate-force-command': {
    words: 'the certificate is for another command than SFTP',
    advice: 'Its critical option force-command may be internal-sftp, and nothing else.',
  },
  'certificate-verify-required': {
    words: 'the certificate asks for a proof that its user was verified, which its key cannot give',
    advice: 'The critical option verify-required is for keys in FIDO tokens, which are not supported.',
  },
  'certificate-unknown-option': {
    words: 'the certificate has a critical option that is not known here',
    advice: 'The log names it. Who does not know a critical option must refuse the certificate.',
  },
  'certificate-revoked': {
    words: 'the certificate, its key or its CA is revoked',
    advice: 'The client needs another one.',
  },
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
