import type { Certificate } from '../crypto/certificates/certificate.ts';
import { certificateAlgorithmOf, signatureAlgorithmOf } from '../crypto/certificates/certificate-names.ts';
import type { PrivateKey, SignatureAlgorithm } from '../crypto/keys/key.ts';

/** A certificate of a host key of ours. */
export interface HostCertificate {
  readonly certificate: Certificate;
  /** The private half of the key in it. */
  readonly hostKey: PrivateKey;
}

/** What a server answers where a host key algorithm was negotiated. */
export interface HostCredential {
  readonly hostKey: PrivateKey;
  /** K_S of RFC 4253 §8: the public key, or a certificate of it. */
  readonly hostKeyBlob: Buffer;
  /** Of the signature: that of a certificate's key, not the name under which the certificate was negotiated. */
  readonly signatureAlgorithm: SignatureAlgorithm;
}

/**
 * The host key algorithms of a policy, where there are certificates with the names of these: each before the plain one that it
 * signs with, so that who looks at the list sees what is preferred. (It is the order of the client that decides.)
 */
export function withHostCertificates(
  algorithms: readonly string[],
  certificates: readonly HostCertificate[],
): string[] {
  return algorithms.flatMap((name) => {
    const signing = certificates.find(({ hostKey }) => signingNames(hostKey).includes(name));
    const certified = signing === undefined ? undefined : certificateAlgorithmOf(name as SignatureAlgorithm);
    return certified === undefined ? [name] : [certified, name];
  });
}

/** `algorithm`: as negotiated, out of our list. Of several keys or certificates for one the first serves. */
export function hostCredentialFor(
  algorithm: string,
  hostKeys: readonly PrivateKey[],
  certificates: readonly HostCertificate[],
): HostCredential {
  const certified = signatureAlgorithmOf(algorithm);
  if (certified !== undefined) {
    const found = certificates.find(({ hostKey }) => signingNames(hostKey).includes(certified));
    if (found === undefined) throw new Error(`no host certificate for ${algorithm}`);
    return { hostKey: found.hostKey, hostKeyBlob: found.certificate.blob, signatureAlgorithm: certified };
  }
  // Our list holds only names of this type besides.
  const signatureAlgorithm = algorithm as SignatureAlgorithm;
  const hostKey = hostKeys.find((key) => key.publicKey.signatureAlgorithms.includes(signatureAlgorithm));
  if (hostKey === undefined) throw new Error(`no host key signs ${signatureAlgorithm}`);
  return { hostKey, hostKeyBlob: hostKey.publicKey.blob, signatureAlgorithm };
}

function signingNames({ publicKey }: PrivateKey): readonly string[] {
  return publicKey.signatureAlgorithms;
}
