import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { selfSigned } from '../tls/self-signed.ts';

export interface OwnCertificate {
  /** Also what clients are given to trust: `AWS_CA_BUNDLE`, `NODE_EXTRA_CA_CERTS`. */
  readonly certificateFile: string;
  readonly keyFile: string;
  /** SHA-256 of the certificate: hexadecimal bytes with colons between them, as `openssl x509 -fingerprint -sha256` shows it. */
  readonly fingerprint: string;
  /** It was made now. */
  readonly isNew: boolean;
}

/** Ten years: nobody renews it but by deleting the files. Who wants shorter ones brings a certificate. */
const VALID_YEARS = 10;

/** A client's clock may be behind. */
const CLOCK_SKEW_MS = 60 * 60_000;

/**
 * The certificate of a management API whose operator has none: made at the first start, self-signed, for `hosts`. Files that are
 * there are used, whatever they hold. Both go: a new one is made at the next start.
 *
 * @throws the file system's error; RangeError for a host that is neither an address nor a DNS name
 */
export function ownCertificate(
  directory: string,
  { hosts, now = new Date() }: { readonly hosts: readonly string[]; readonly now?: Date },
): OwnCertificate {
  const certificateFile = path.join(directory, 'management-api.crt');
  const keyFile = path.join(directory, 'management-api.key');
  const isNew = !existsSync(certificateFile) && !existsSync(keyFile);
  if (isNew) {
    const notAfter = new Date(now);
    notAfter.setUTCFullYear(notAfter.getUTCFullYear() + VALID_YEARS);
    const notBefore = new Date(now.getTime() - CLOCK_SKEW_MS);
    const made = selfSigned({ hosts, commonName: 'Latticeport management API', notBefore, notAfter });
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // The certificate comes last: where it is, the key is.
    writeWhole(keyFile, made.privateKey, 0o600);
    writeWhole(certificateFile, made.certificate, 0o644);
  }
  const { fingerprint256 } = new X509Certificate(readFileSync(certificateFile));
  return { certificateFile, keyFile, fingerprint: fingerprint256, isNew };
}

/** A reader sees the whole file or none. */
function writeWhole(file: string, content: string, mode: number): void {
  const unfinished = `${file}.${process.pid}.new`;
  writeFileSync(unfinished, content, { mode, flag: 'wx' });
  renameSync(unfinished, file);
}
