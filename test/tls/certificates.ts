// Authorities and certificates that a test makes for itself: X.509 v3 (RFC 5280) for localhost and 127.0.0.1.
import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';

/** Of what kind keys are; Node 24.7 and newer have the second. */
export type KeyKind = 'ec' | 'ml-dsa-65';

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OID = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const BOOLEAN = 0x01;
const context = (tag: number, constructed: boolean): number => 0x80 | (constructed ? 0x20 : 0) | tag;

function der(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  const bytes = length.subarray(length.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.from([tag, 0x80 | bytes.length]), bytes, content]);
}

/** `2.5.29.19` */
function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...others] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of others) {
    const groups = [arc & 0x7f];
    for (let rest = arc >> 7; rest > 0; rest >>= 7) groups.unshift(0x80 | (rest & 0x7f));
    bytes.push(...groups);
  }
  return der(OID, Buffer.from(bytes));
}

const SIGNATURE: Readonly<Record<KeyKind, { readonly algorithm: Buffer; readonly digest: string | null }>> = {
  ec: { algorithm: der(SEQUENCE, oid('1.2.840.10045.4.3.2')), digest: 'sha256' },
  'ml-dsa-65': { algorithm: der(SEQUENCE, oid('2.16.840.1.101.3.4.3.18')), digest: null },
};

const name = (commonName: string): Buffer =>
  der(SEQUENCE, der(SET, der(SEQUENCE, oid('2.5.4.3'), der(UTF8_STRING, Buffer.from(commonName)))));

const time = (date: Date): Buffer =>
  der(UTC_TIME, Buffer.from(`${date.toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)}Z`));

const extension = (id: string, critical: boolean, value: Buffer): Buffer =>
  der(SEQUENCE, oid(id), ...(critical ? [der(BOOLEAN, Buffer.from([0xff]))] : []), der(OCTET_STRING, value));

export interface CertificateOptions {
  readonly commonName?: string;
  readonly key?: KeyKind;
  /** DNS names; beside 127.0.0.1 where it is 'localhost', the default. */
  readonly dnsName?: string;
  readonly notAfter?: Date;
}

export interface Certificate {
  /** PEM */
  readonly certificate: string;
  /** PEM, PKCS#8 */
  readonly key: string;
}

const DAY_MS = 24 * 3600 * 1000;

/** An authority of a test, which it trusts or does not. */
export class TestAuthority {
  /** PEM */
  readonly certificate: string;
  readonly #name: string;
  readonly #kind: KeyKind;
  readonly #key: KeyObject;

  constructor(commonName = 'a test authority', kind: KeyKind = 'ec') {
    const { publicKey, privateKey } = pair(kind);
    this.#name = commonName;
    this.#kind = kind;
    this.#key = privateKey;
    this.certificate = this.#sign(commonName, publicKey, [
      extension('2.5.29.19', true, der(SEQUENCE, der(BOOLEAN, Buffer.from([0xff])))), // CA
      extension('2.5.29.15', true, der(BIT_STRING, Buffer.from([1, 0x06]))), // keyCertSign, cRLSign
    ]);
  }

  issue({
    commonName = 'a test server',
    key = 'ec',
    dnsName = 'localhost',
    notAfter,
  }: CertificateOptions = {}): Certificate {
    const { publicKey, privateKey } = pair(key);
    const names = [der(context(2, false), Buffer.from(dnsName))];
    if (dnsName === 'localhost') names.push(der(context(7, false), Buffer.from([127, 0, 0, 1])));
    const certificate = this.#sign(
      commonName,
      publicKey,
      [
        extension('2.5.29.15', true, der(BIT_STRING, Buffer.from([7, 0x80]))), // digitalSignature
        extension('2.5.29.17', false, der(SEQUENCE, ...names)),
      ],
      notAfter,
    );
    return { certificate, key: privateKey.export({ format: 'pem', type: 'pkcs8' }) };
  }

  #sign(
    subject: string,
    publicKey: KeyObject,
    extensions: Buffer[],
    notAfter = new Date(Date.now() + 30 * DAY_MS),
  ): string {
    const { algorithm, digest } = SIGNATURE[this.#kind];
    const serial = randomBytes(8);
    serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40; // positive, and no shorter form
    const toBeSigned = der(
      SEQUENCE,
      der(context(0, true), der(INTEGER, Buffer.from([2]))),
      der(INTEGER, serial),
      algorithm,
      name(this.#name),
      der(SEQUENCE, time(new Date(Date.now() - 30 * DAY_MS)), time(notAfter)),
      name(subject),
      publicKey.export({ format: 'der', type: 'spki' }),
      der(context(3, true), der(SEQUENCE, ...extensions)),
    );
    const signature = der(BIT_STRING, Buffer.from([0]), sign(digest, toBeSigned, this.#key));
    const base64 = der(SEQUENCE, toBeSigned, algorithm, signature).toString('base64');
    return `-----BEGIN CERTIFICATE-----\n${base64.replaceAll(/.{64}/g, '$&\n').trimEnd()}\n-----END CERTIFICATE-----\n`;
  }
}

function pair(kind: KeyKind): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return kind === 'ec' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ml-dsa-65');
}

/** Writes a certificate and its key, which must be private; answers the two files. */
export function writeCertificate(
  folder: string,
  { certificate, key }: Certificate,
  base = 'server',
): { readonly certificateFile: string; readonly keyFile: string } {
  const [certificateFile, keyFile] = [path.join(folder, `${base}.crt`), path.join(folder, `${base}.key`)];
  writeFileSync(certificateFile, certificate);
  writeFileSync(keyFile, key, { mode: 0o600 });
  return { certificateFile, keyFile };
}
