import { readFileSync } from 'node:fs';
import type { Certificate } from '../crypto/certificates/certificate.ts';
import { parseCertificateLine } from '../crypto/certificates/certificate-line.ts';
import { timeInWords, validityAt } from '../crypto/certificates/certificate.ts';
import type { PrivateKey } from '../crypto/keys/key.ts';
import { KeyFormatError } from '../crypto/keys/key.ts';
import { parsePublicKey } from '../crypto/keys/public-key.ts';
import { ConfigError } from '../policy/config-error.ts';
import type { HostCertificate } from '../transport/host-credential.ts';

export interface LoadedHostCertificates {
  readonly hostCertificates: readonly HostCertificate[];
  /** Of certificates that are left out, or that some clients refuse. */
  readonly warnings: readonly ConfigError[];
}

/**
 * Reads the host certificates that a configuration names. Throws ConfigError for one that can never be used: it is none, it is
 * for users, its signature is wrong, its key is none of `hostKeys`. One whose time has passed, or has not come, is left out
 * with a warning: clients that pin the key itself shall not be locked out because somebody forgot to renew a certificate.
 *
 * @param now milliseconds since the epoch
 */
export function loadHostCertificates(
  files: readonly string[],
  hostKeys: readonly PrivateKey[],
  configFile: string,
  now: number,
): LoadedHostCertificates {
  const hostCertificates: HostCertificate[] = [];
  const warnings: ConfigError[] = [];
  files.forEach((file, index) => {
    const at = `$.hostCertificates[${index}]`;
    const refuse = (problem: string): ConfigError => new ConfigError(configFile, at, `${file} ${problem}`);
    const certificate = readCertificate(file, configFile, at);
    if (certificate.role !== 'host') throw refuse('is a certificate for users: make one for hosts with ssh-keygen -h');
    if (!hasRightSignature(certificate)) throw refuse('has not the signature of its CA, or one with SHA-1');
    const hostKey = hostKeys.find(({ publicKey }) => publicKey.blob.equals(certificate.publicKey.blob));
    if (hostKey === undefined) {
      throw refuse(`is for the key ${certificate.publicKey.fingerprint}, which is none of "hostKeys"`);
    }
    const problem = timeProblem(certificate, now);
    if (problem === null) hostCertificates.push({ certificate, hostKey });
    else warnings.push(refuse(problem));
    if (certificate.principals.length === 0) {
      warnings.push(refuse('has no principals, and is refused by clients: name the hosts with ssh-keygen -n'));
    }
  });
  return { hostCertificates, warnings };
}

function readCertificate(file: string, configFile: string, at: string): Certificate {
  try {
    return parseCertificateLine(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof KeyFormatError) throw new ConfigError(configFile, at, `${file}: ${error.message}`);
    throw new ConfigError(configFile, at, `host certificate cannot be read: ${(error as Error).message}`);
  }
}

/** Whether clients could believe it at all: a damaged file is found here, not by them. */
function hasRightSignature(certificate: Certificate): boolean {
  try {
    const caKey = parsePublicKey(certificate.caKeyBlob);
    return certificate.isSignedBy(caKey, caKey.signatureAlgorithms);
  } catch (error) {
    if (error instanceof KeyFormatError) return false;
    throw error;
  }
}

function timeProblem(certificate: Certificate, now: number): string | null {
  switch (validityAt(certificate, now)) {
    case 'valid':
      return null;
    case 'not-yet-valid':
      return `is valid from ${timeInWords(certificate.validAfter)} on: it is not used`;
    case 'expired':
      return `has expired (${timeInWords(certificate.validBefore)}): it is not used`;
  }
}

/** A certificate that is used, for the log. */
export function inWords({ certificate }: HostCertificate): string {
  const { type, keyId, caFingerprint, validBefore } = certificate;
  return `${type} ${JSON.stringify(keyId)}, CA ${caFingerprint}, valid before ${timeInWords(validBefore)}`;
}
