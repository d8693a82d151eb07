import type { Certificate } from '../crypto/certificates/certificate.ts';
import { optionText, parseCertificate, timeInWords, validityAt } from '../crypto/certificates/certificate.ts';
import { signatureAlgorithmOf } from '../crypto/certificates/certificate-names.ts';
import type { PublicKey, SignatureAlgorithm } from '../crypto/keys/key.ts';
import { KeyFormatError } from '../crypto/keys/key.ts';
import type { RevocationList } from '../crypto/keys/revocation-list.ts';
import type { FailureReason } from './failure-reasons.ts';
import type { Identity, IdentityProvider } from './identity.ts';
import type { PublicKeyFields } from './messages.ts';
import { isInAddressList } from './source-address.ts';
import { triedCertificate, triedKey, type TriedKey } from './tried-key.ts';

/** A certificate as far as it can be judged before it is known who the user is. */
export interface OfferedCertificate {
  readonly tried: TriedKey;
  /** null where it cannot be read. */
  readonly certificate: Certificate | null;
  /** Whether a CA that some user trusts has signed it. */
  readonly signature: 'right' | 'wrong' | 'unknown-ca';
  /** By itself, its serial number, its key id, its key or its CA. */
  readonly revoked: boolean;
}

/** Why a certificate does not log a user in. `problem`: what the reason leaves open, for the log. */
interface Refusal {
  readonly reason: FailureReason;
  readonly problem?: string;
}

/** The bytes of a critical option that a log has room for. */
const MAX_SHOWN_CHARACTERS = 200;

/** The rules for certificates of one connection. */
export interface CertificateRules {
  readonly provider: Pick<IdentityProvider, 'findCa'>;
  /** Signature algorithms of users' keys and of CAs. */
  readonly userKeyAlgorithms: readonly SignatureAlgorithm[];
  readonly remoteAddress: string;
  readonly revokedKeys: RevocationList;
  /** Milliseconds since the epoch; the clock of the machine where it is left out. */
  readonly now?: () => number;
}

/**
 * Reads a certificate and verifies the signature of its CA, if that is one of the provider's: a stranger's CA costs nothing.
 * Never throws.
 */
export function readOfferedCertificate(
  { algorithm: algorithmName, blob }: Pick<PublicKeyFields, 'algorithm' | 'blob'>,
  { provider, userKeyAlgorithms, revokedKeys }: CertificateRules,
): OfferedCertificate {
  const certificate = readOrNull(() => parseCertificate(blob));
  const unknown = { signature: 'unknown-ca', revoked: false } as const;
  if (certificate === null) return { tried: triedKey(algorithmName, blob), certificate, ...unknown };
  const tried = triedCertificate(algorithmName, certificate);
  const caKey = provider.findCa?.(certificate.caKeyBlob);
  if (caKey === undefined) return { tried, certificate, ...unknown };
  const signature = certificate.isSignedBy(caKey, userKeyAlgorithms) ? 'right' : 'wrong';
  const revoked = signature === 'right' && isRevoked(certificate, revokedKeys);
  return { tried, certificate, signature, revoked };
}

/** null for what is malformed: it fails its attempt, not the connection. */
function readOrNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof KeyFormatError) return null;
    throw error;
  }
}

/** What is to be done with a certificate that a client offers. */
export type JudgedCertificate<T extends Identity> =
  | {
      readonly outcome: 'good';
      /** The client has not proved yet that it has the key. */
      readonly success: {
        readonly identity: T;
        readonly publicKey: PublicKey;
        readonly signatureAlgorithm: SignatureAlgorithm;
        readonly certificate: Certificate;
      };
    }
  | {
      readonly outcome: 'refused';
      readonly failure: { readonly key: TriedKey; readonly reason: FailureReason; readonly keyIsUsers: boolean };
    };

/** `identity`: null where there is no such user. */
export function judgeCertificate<T extends Identity>(
  offered: OfferedCertificate,
  identity: T | null,
  rules: CertificateRules,
): JudgedCertificate<T> {
  const { tried, certificate } = offered;
  const refused = ({ reason, problem }: Refusal): JudgedCertificate<T> => {
    const key =
      tried.certificate === undefined || problem === undefined
        ? tried
        : { ...tried, certificate: { ...tried.certificate, problem } };
    const keyIsUsers = identity !== null && isOfUsersCa(offered, identity);
    return { outcome: 'refused', failure: { key, reason, keyIsUsers } };
  };
  if (identity === null) return refused({ reason: 'unknown-user' });
  const certified = signatureAlgorithmOf(tried.algorithm);
  const algorithm = rules.userKeyAlgorithms.find((name) => name === certified);
  if (algorithm === undefined) return refused({ reason: 'algorithm-not-allowed' });
  if (certificate?.publicKey.signatureAlgorithms.includes(algorithm) !== true) {
    return refused({ reason: 'bad-certificate' });
  }
  const refusal = refuseCertificate(certificate, offered, identity, rules);
  if (refusal !== null) return refused(refusal);
  const { publicKey } = certificate;
  return { outcome: 'good', success: { identity, publicKey, signatureAlgorithm: algorithm, certificate } };
}

/** Whether the CA of a certificate is one of the user's, and has signed it. */
function isOfUsersCa({ certificate, signature }: OfferedCertificate, identity: Identity): boolean {
  return certificate !== null && signature === 'right' && trustsCa(identity, certificate);
}

/** Whether a user could log in with a certificate for good, whatever its times say. */
export function stillCertified(identity: Identity, certificate: Certificate): boolean {
  return trustsCa(identity, certificate) && refusePrincipals(certificate, identity) === null;
}

function trustsCa({ certificates }: Identity, { caKeyBlob }: Certificate): boolean {
  return certificates?.caKeys.some(({ blob }) => blob.equals(caKeyBlob)) === true;
}

/**
 * Why this certificate does not log this user in, or null where it does: PROTOCOL.certkeys of OpenSSH, and where it leaves
 * the choice what sshd does. Extensions are not looked at: none of them is about SFTP.
 */
function refuseCertificate(
  certificate: Certificate,
  offered: OfferedCertificate,
  identity: Identity,
  { remoteAddress, now = Date.now }: CertificateRules,
): Refusal | null {
  if (offered.signature === 'wrong') {
    return { reason: 'certificate-wrong-signature', problem: `signed with ${certificate.caSignatureAlgorithm}` };
  }
  if (!isOfUsersCa(offered, identity)) return { reason: 'certificate-ca-not-trusted' };
  if (offered.revoked) return { reason: 'certificate-revoked' };
  if (certificate.role !== 'user') return { reason: 'certificate-not-for-users' };
  return (
    refusePrincipals(certificate, identity) ??
    refuseTimes(certificate, now()) ??
    refuseOptions(certificate.criticalOptions, remoteAddress)
  );
}

/** Why a key or certificate that was right does not log in: a list revokes it. null where none does. */
export function revokedNow(
  { publicKey, certificate }: { readonly publicKey: PublicKey | null; readonly certificate: Certificate | null },
  revokedKeys: RevocationList,
): FailureReason | null {
  if (certificate !== null) return isRevoked(certificate, revokedKeys) ? 'certificate-revoked' : null;
  return publicKey !== null && revokedKeys.revokesKey(publicKey.blob) ? 'revoked-key' : null;
}

/** Whether a list revokes a certificate: by itself, its serial number, its key id, its key or its CA. */
export function isRevoked(certificate: Certificate, revokedKeys: RevocationList): boolean {
  const { caKeyBlob, serial, keyId, publicKey, blob } = certificate;
  return revokedKeys.revokesCertificate({ caKeyBlob, serial, keyId, keyBlob: publicKey.blob, certificateBlob: blob });
}

function refusePrincipals({ principals }: Certificate, { certificates }: Identity): Refusal | null {
  if (principals.length === 0) return { reason: 'certificate-without-principals' };
  if (certificates?.principals.some((name) => principals.includes(name)) === true) return null;
  return { reason: 'certificate-wrong-principal', problem: shown(`it has ${principals.join(', ')}`) };
}

function refuseTimes(certificate: Certificate, now: number): Refusal | null {
  switch (validityAt(certificate, now)) {
    case 'valid':
      return null;
    case 'not-yet-valid':
      return { reason: 'certificate-not-yet-valid', problem: `valid from ${timeInWords(certificate.validAfter)} on` };
    case 'expired':
      return { reason: 'certificate-expired', problem: `valid before ${timeInWords(certificate.validBefore)}` };
  }
}

function refuseOptions(options: Certificate['criticalOptions'], remoteAddress: string): Refusal | null {
  for (const [name, data] of options) {
    const refusal = refuseOption(name, data, remoteAddress);
    if (refusal !== null) return refusal;
  }
  return null;
}

function refuseOption(name: string, data: Buffer, remoteAddress: string): Refusal | null {
  switch (name) {
    case 'source-address': {
      const list = readOrNull(() => optionText(data));
      const isInside = list === null ? null : isInAddressList(list, remoteAddress);
      if (isInside === true) return null;
      const problem = list === null || isInside === null ? 'malformed list' : shown(`it has ${list}`);
      return { reason: 'certificate-source-address', problem };
    }
    case 'force-command': {
      const command = readOrNull(() => optionText(data));
      if (command === 'internal-sftp') return null;
      return { reason: 'certificate-force-command', problem: shown(command ?? 'malformed') };
    }
    case 'verify-required':
      return { reason: 'certificate-verify-required' };
    default:
      return { reason: 'certificate-unknown-option', problem: shown(name) };
  }
}

function shown(text: string): string {
  return text.slice(0, MAX_SHOWN_CHARACTERS);
}
