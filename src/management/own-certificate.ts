import { createPrivateKey, generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import path from 'node:path';
import { isCertificateHost } from '../tls/certificate-host.ts';
import { selfSigned } from '../tls/self-signed.ts';

export interface OwnCertificate extends OwnCertificateFiles {
  /** SHA-256 of the certificate: hexadecimal bytes with colons between them, as `openssl x509 -fingerprint -sha256` shows it. */
  readonly fingerprint: string;
  /** It was made now. */
  readonly isNew: boolean;
  /** Those of the hosts that it is not for: it was made for others. */
  readonly missingHosts: readonly string[];
}

export interface OwnCertificateFiles {
  /** Also what clients are given to trust: `AWS_CA_BUNDLE`, `NODE_EXTRA_CA_CERTS`. */
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** Ten years: nobody renews it but by deleting the files. Who wants shorter ones brings a certificate. */
const VALID_YEARS = 10;

/** A client's clock may be behind. */
const CLOCK_SKEW_MS = 60 * 60_000;

/** Addresses that stand for every one of the machine. */
const ANY_ADDRESS = ['0.0.0.0', '::'];

/** Its files, whether they are there or not. */
export function ownCertificateFiles(directory: string): OwnCertificateFiles {
  return {
    certificateFile: path.join(directory, 'management-api.crt'),
    keyFile: path.join(directory, 'management-api.key'),
  };
}

/**
 * The certificate of a management API whose operator has none: made at the first start, self-signed, for `hosts` and for the names
 * that the machine has for itself. A certificate that is there is used, whatever it holds. Where there is a key alone, as a start
 * leaves it that was killed between the two, it gets a certificate.
 *
 * @throws the file system's error; RangeError for a host that is neither an address nor a DNS name, and for a key that is not on
 * P-256; Error for a certificate without its key
 */
export function ownCertificate(
  directory: string,
  { hosts, now = new Date() }: { readonly hosts: readonly string[]; readonly now?: Date },
): OwnCertificate {
  const files = ownCertificateFiles(directory);
  const { certificateFile, keyFile } = files;
  let isNew = false;
  if (!existsSync(certificateFile)) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // The key comes first and the certificate is made of what the file holds: two processes that start at once get one pair.
    if (!existsSync(keyFile)) createWhole(keyFile, newKey(), 0o600);
    const key = createPrivateKey(readFileSync(keyFile));
    isNew = createWhole(certificateFile, certificateOf(key, hosts, now), 0o644);
  } else if (!existsSync(keyFile)) {
    throw new Error(`${keyFile} is missing: delete ${certificateFile} too, and the next start makes a new pair`);
  }
  const certificate = new X509Certificate(readFileSync(certificateFile));
  return {
    ...files,
    isNew,
    fingerprint: certificate.fingerprint256,
    missingHosts: hosts.filter((host) => !isFor(certificate, host)),
  };
}

/** What its clients connect to: where it listens, and the names of the configuration. */
export function certificateHosts(listenHost: string, configured: readonly string[]): string[] {
  const listening = ANY_ADDRESS.includes(listenHost) || !isCertificateHost(listenHost) ? [] : [listenHost];
  return [...new Set([...listening, ...configured])];
}

function certificateOf(privateKey: KeyObject, hosts: readonly string[], now: Date): string {
  const notAfter = new Date(now);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + VALID_YEARS);
  const notBefore = new Date(now.getTime() - CLOCK_SKEW_MS);
  // A machine may have a name that is none in DNS.
  const ofMachine = ['localhost', '127.0.0.1', '::1', hostname()].filter(isCertificateHost);
  const all = [...new Set([...hosts, ...ofMachine])];
  return selfSigned({ privateKey, hosts: all, commonName: 'Latticeport management API', notBefore, notAfter });
}

function newKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
}

function isFor(certificate: X509Certificate, host: string): boolean {
  // A certificate knows no zone of an address.
  if (isIP(host) !== 0) return certificate.checkIP(host.replace(/%.*/, '')) !== undefined;
  return certificate.checkHost(host.replace(/^\*/, 'any')) !== undefined;
}

/** A reader sees the whole file or none. @returns false where the file was there already: it stays */
function createWhole(file: string, content: string, mode: number): boolean {
  const unfinished = `${file}.${process.pid}.new`;
  try {
    writeFileSync(unfinished, content, { mode });
    linkSync(unfinished, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(unfinished, { force: true });
  }
}
