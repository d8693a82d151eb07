import { signatureAlgorithmOf } from '../../src/crypto/certificates/certificate-names.ts';
import type { PrivateKey, SignatureAlgorithm } from '../../src/crypto/keys/key.ts';

/** A key that the test client offers with a certificate, whose blob takes the place of its own. */
export function certifiedKey(key: PrivateKey, blob: Buffer): PrivateKey {
  return {
    comment: key.comment,
    publicKey: { ...key.publicKey, blob },
    sign: (algorithm, data) => key.sign(signatureAlgorithmOf(algorithm) ?? algorithm, data),
  };
}

/** The test client names algorithms as they come; only those of plain keys have a type of their own. */
export const ED25519_CERTIFICATE = 'ssh-ed25519-cert-v01@openssh.com' as SignatureAlgorithm;
