import { KEY_TYPES } from '../keys/key-registry.ts';
import type { RegisteredKeyType, SignatureAlgorithm } from '../keys/key-registry.ts';
import type { CertificateSuffix } from '../keys/key-type.ts';

/**
 * The names under which certificates are used: the type of a certificate's blob is the key type's name with a suffix, and each
 * signature algorithm of the type has such a name of its own. One RSA certificate (`ssh-rsa-cert-v01@openssh.com`) serves
 * `rsa-sha2-512-cert-v01@openssh.com` and two more. All of it follows from the registry of key types.
 */
export type CertificateAlgorithm = `${SignatureAlgorithm}${CertificateSuffix}`;

const REGISTERED: readonly RegisteredKeyType[] = KEY_TYPES;
const CERTIFIED = REGISTERED.flatMap((type) =>
  type.certificateSuffix === null ? [] : [{ type, suffix: type.certificateSuffix }],
);

const KEY_TYPE_OF: ReadonlyMap<string, RegisteredKeyType> = new Map(
  CERTIFIED.map(({ type, suffix }) => [`${type.name}${suffix}`, type]),
);

const CERTIFICATE_ALGORITHMS = new Map<SignatureAlgorithm, CertificateAlgorithm>(
  CERTIFIED.flatMap(({ type, suffix }) => type.signatures.map(({ name }) => [name, `${name}${suffix}`] as const)),
);

const SIGNATURE_ALGORITHMS: ReadonlyMap<string, SignatureAlgorithm> = new Map(
  [...CERTIFICATE_ALGORITHMS].map(([name, certificateAlgorithm]) => [certificateAlgorithm, name]),
);

/** The type of the key in a certificate whose blob says `certificateType`; undefined for what is no certificate. */
export function certifiedKeyType(certificateType: string): RegisteredKeyType | undefined {
  return KEY_TYPE_OF.get(certificateType);
}

/** What the key of a certificate signs with where `algorithm` is named; undefined for what is no name of certificates. */
export function signatureAlgorithmOf(algorithm: string): SignatureAlgorithm | undefined {
  return SIGNATURE_ALGORITHMS.get(algorithm);
}

/** The name under which certificates sign with `algorithm`; undefined where there are none of its key type. */
export function certificateAlgorithmOf(algorithm: SignatureAlgorithm): CertificateAlgorithm | undefined {
  return CERTIFICATE_ALGORITHMS.get(algorithm);
}

/** A list of signature algorithms, and behind it the names under which certificates sign with them. */
export function withCertificateAlgorithms(algorithms: readonly SignatureAlgorithm[]): string[] {
  return [...algorithms, ...algorithms.flatMap((name) => certificateAlgorithmOf(name) ?? [])];
}
