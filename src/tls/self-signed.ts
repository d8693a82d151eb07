import { createHash, createPublicKey, randomBytes, sign, type KeyObject } from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';
import { isCertificateHost } from './certificate-host.ts';

export interface SelfSignedOptions {
  /** Of the certificate: on P-256. */
  readonly privateKey: KeyObject;
  /** DNS names and addresses that clients connect to: at least one. */
  readonly hosts: readonly string[];
  readonly commonName: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

const BOOLEAN = 0x01;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OID = 0x06;
const UTF8_STRING = 0x0c;
const GENERALIZED_TIME = 0x18;
const UTC_TIME = 0x17;
const SEQUENCE = 0x30;
const SET = 0x31;
/** Context-specific tags 0 and 3 that hold others, and 0, 2 and 7 that hold bytes. */
const EXPLICIT_0 = 0xa0;
const EXPLICIT_3 = 0xa3;
const KEY_IDENTIFIER = 0x80;
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;

/** Contents of object identifiers, in DER. */
const ECDSA_WITH_SHA256 = '2a8648ce3d040302';
const COMMON_NAME = '550403';
const SUBJECT_KEY_IDENTIFIER = '551d0e';
const KEY_USAGE = '551d0f';
const SUBJECT_ALTERNATIVE_NAME = '551d11';
const BASIC_CONSTRAINTS = '551d13';
const AUTHORITY_KEY_IDENTIFIER = '551d23';
const EXTENDED_KEY_USAGE = '551d25';
const SERVER_AUTHENTICATION = '2b06010505070301';

/**
 * A certificate (X.509 v3, RFC 5280) that its own key signs, for a server whose clients are given the certificate to trust. It is
 * no authority: nobody who has the key can make certificates for other names.
 *
 * @returns PEM
 * @throws RangeError for a host that is neither an address nor a DNS name, and for a key that is not on P-256
 */
export function selfSigned({ privateKey, hosts, commonName, notBefore, notAfter }: SelfSignedOptions): string {
  if (privateKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new RangeError('the key is not one of P-256');
  const publicKey = createPublicKey(privateKey);
  const algorithm = der(SEQUENCE, oid(ECDSA_WITH_SHA256));
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, oid(COMMON_NAME), der(UTF8_STRING, Buffer.from(commonName)))));
  const toBeSigned = der(
    SEQUENCE,
    der(EXPLICIT_0, der(INTEGER, Buffer.from([2]))), // version 3
    der(INTEGER, serialNumber()),
    algorithm,
    name,
    der(SEQUENCE, time(notBefore), time(notAfter)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(EXPLICIT_3, der(SEQUENCE, ...extensions(hosts, keyIdentifier(publicKey)))),
  );
  const signature = sign('sha256', toBeSigned, privateKey);
  return pem(der(SEQUENCE, toBeSigned, algorithm, der(BIT_STRING, Buffer.from([0]), signature)));
}

function extensions(hosts: readonly string[], identifier: Buffer): Buffer[] {
  const digitalSignature = der(BIT_STRING, Buffer.from([7, 0x80]));
  return [
    extension(BASIC_CONSTRAINTS, true, der(SEQUENCE)),
    extension(KEY_USAGE, true, digitalSignature),
    extension(EXTENDED_KEY_USAGE, false, der(SEQUENCE, oid(SERVER_AUTHENTICATION))),
    extension(SUBJECT_ALTERNATIVE_NAME, false, der(SEQUENCE, ...hosts.map(alternativeName))),
    extension(SUBJECT_KEY_IDENTIFIER, false, der(OCTET_STRING, identifier)),
    extension(AUTHORITY_KEY_IDENTIFIER, false, der(SEQUENCE, der(KEY_IDENTIFIER, identifier))),
  ];
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  const flag = critical ? [der(BOOLEAN, Buffer.from([0xff]))] : [];
  return der(SEQUENCE, oid(id), ...flag, der(OCTET_STRING, value));
}

function alternativeName(host: string): Buffer {
  if (isIP(host) !== 0) return der(IP_ADDRESS, addressBytes(host));
  if (!isCertificateHost(host)) throw new RangeError(`${JSON.stringify(host)} is neither an address nor a DNS name`);
  return der(DNS_NAME, Buffer.from(host));
}

function addressBytes(host: string): Buffer {
  if (isIPv4(host)) return Buffer.from(host.split('.').map(Number));
  // A URL has IPv6 in groups of hexadecimal digits alone, whatever form it was given in.
  const plain = new URL(`http://[${host.split('%', 1).join('')}]`).hostname.slice(1, -1);
  const [front = [], back] = plain.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = back === undefined ? [] : Array.from({ length: 8 - front.length - back.length }, () => '0');
  return Buffer.from([...front, ...zeros, ...(back ?? [])].map((group) => group.padStart(4, '0')).join(''), 'hex');
}

/** RFC 5280 §4.1.2.2: positive, not zero, at most 20 bytes. */
function serialNumber(): Buffer {
  const serial = randomBytes(16);
  serial.writeUInt8((serial.readUInt8(0) & 0x3f) | 0x40, 0);
  return serial;
}

/** RFC 5280 §4.2.1.2, the first method. */
function keyIdentifier(publicKey: KeyObject): Buffer {
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
  return createHash('sha1').update(point).digest();
}

/** RFC 5280 §4.1.2.5: two digits for the year before 2050. */
function time(date: Date): Buffer {
  const text = `${date.toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`;
  return date.getUTCFullYear() < 2050
    ? der(UTC_TIME, Buffer.from(text.slice(2)))
    : der(GENERALIZED_TIME, Buffer.from(text));
}

function oid(content: string): Buffer {
  return der(OID, Buffer.from(content, 'hex'));
}

/** Contents are at most 64 KiB. */
function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function pem(certificate: Buffer): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
