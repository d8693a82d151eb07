import { KeyFormatError } from '../keys/key-format-error.ts';
import { blobOfLine } from '../keys/public-key.ts';
import type { Certificate } from './certificate.ts';
import { parseCertificate } from './certificate.ts';
import { certifiedKeyType } from './certificate-names.ts';

/** More than any certificate has that a client would take. */
const MAX_TEXT_LENGTH = 65536;

/** Parses the content of a `KEY-cert.pub` file: one line `type base64 [comment]`. Throws KeyFormatError with what is wrong. */
export function parseCertificateLine(text: string): Certificate {
  if (text.length > MAX_TEXT_LENGTH) throw new KeyFormatError(`longer than ${MAX_TEXT_LENGTH} characters`);
  const line = text.trim();
  if (/[\r\n]/.test(line)) throw new KeyFormatError('more than one line');
  const [type = '', base64] = line.split(/[ \t]+/);
  if (certifiedKeyType(type) === undefined) {
    throw new KeyFormatError(
      'not a certificate: a line like "ssh-ed25519-cert-v01@openssh.com AAAA… comment" is expected',
    );
  }
  const certificate = parseCertificate(blobOfLine(type, base64));
  if (certificate.type !== type) {
    throw new KeyFormatError(`line says ${type}, but the certificate in it is ${certificate.type}`);
  }
  return certificate;
}
