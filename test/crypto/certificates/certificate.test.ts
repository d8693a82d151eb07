// Certificates of OpenSSH: its own files, ours, and everything that is wrong with one.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  certificateAlgorithmOf,
  certifiedKeyType,
  signatureAlgorithmOf,
  withCertificateAlgorithms,
} from '../../../src/crypto/certificates/certificate-names.ts';
import { parseCertificateLine } from '../../../src/crypto/certificates/certificate-line.ts';
import {
  optionText,
  parseCertificate,
  timeInWords,
  validityAt,
  type Certificate,
} from '../../../src/crypto/certificates/certificate.ts';
import { KeyFormatError } from '../../../src/crypto/keys/key.ts';
import { KEY_TYPES, type RegisteredKeyType } from '../../../src/crypto/keys/key-registry.ts';
import { generatePrivateKey, parsePrivateKey } from '../../../src/crypto/keys/private-key.ts';
import { parseAuthorizedKey } from '../../../src/crypto/keys/public-key.ts';
import { randomRuns, timeoutFor } from '../../random-runs.ts';
import { FOREVER, makeCertificate, option, optionData, type CertificateFields } from './make-certificate.ts';

const VECTORS = path.join(import.meta.dirname, '../../vectors');
const vector = (file: string): string => readFileSync(path.join(VECTORS, file), 'utf8');
const privateKey = (type: Parameters<typeof generatePrivateKey>[0]) =>
  parsePrivateKey(generatePrivateKey(type, type === 'rsa' ? 2048 : undefined).privateKey);

const ca = privateKey('ed25519');
const { publicKey: key } = privateKey('ed25519');
const EVERY_ALGORITHM = KEY_TYPES.flatMap(({ signatures }) => signatures.map(({ name }) => name));
const TYPES: readonly RegisteredKeyType[] = KEY_TYPES;
const CERTIFIED = TYPES.filter(({ certificateSuffix }) => certificateSuffix !== null);
const made = (fields: Partial<CertificateFields> = {}) => makeCertificate(key, ca, fields);
const isSigned = (certificate: Certificate): boolean => certificate.isSignedBy(ca.publicKey, EVERY_ALGORITHM);

describe('names', () => {
  test('of the types that OpenSSH has, and of their algorithms', () => {
    expect(CERTIFIED.map(({ name, certificateSuffix }) => `${name}${certificateSuffix}`)).toEqual([
      'ssh-ed25519-cert-v01@openssh.com',
      'ssh-mldsa44-ed25519-cert',
      'ecdsa-sha2-nistp256-cert-v01@openssh.com',
      'ecdsa-sha2-nistp384-cert-v01@openssh.com',
      'ecdsa-sha2-nistp521-cert-v01@openssh.com',
      'ssh-rsa-cert-v01@openssh.com',
    ]);
    expect(certificateAlgorithmOf('rsa-sha2-512')).toBe('rsa-sha2-512-cert-v01@openssh.com');
    expect(withCertificateAlgorithms(['ssh-mldsa44-ed25519', 'rsa-sha2-256'])).toEqual([
      'ssh-mldsa44-ed25519',
      'rsa-sha2-256',
      'ssh-mldsa44-ed25519-cert',
      'rsa-sha2-256-cert-v01@openssh.com',
    ]);
  });

  test('lead back', () => {
    for (const name of CERTIFIED.flatMap(({ signatures }) => signatures.map((row) => row.name))) {
      expect(signatureAlgorithmOf(certificateAlgorithmOf(name) ?? '')).toBe(name);
    }
    // No certificates are defined for ML-DSA alone.
    expect(certificateAlgorithmOf('ssh-mldsa-44')).toBeUndefined();
    expect(withCertificateAlgorithms(['ssh-mldsa-44'])).toEqual(['ssh-mldsa-44']);
    expect(signatureAlgorithmOf('ssh-ed25519')).toBeUndefined();
    // An algorithm of certificates, and no type of one.
    expect(certifiedKeyType('rsa-sha2-512-cert-v01@openssh.com')).toBeUndefined();
    expect(certifiedKeyType('ssh-rsa-cert-v01@openssh.com')?.name).toBe('ssh-rsa');
    expect(certifiedKeyType('ssh-rsa')).toBeUndefined();
  });
});

describe('the file of OpenSSH 10.6', () => {
  const certificate = parseCertificateLine(vector('mldsa44-ed25519/id_mldsa44_ed25519-cert.pub'));
  const openSshCa = parseAuthorizedKey(vector('mldsa44-ed25519/ca.pub'));

  test('is read', () => {
    expect(certificate).toMatchObject({
      type: 'ssh-mldsa44-ed25519-cert',
      role: 'user',
      caFingerprint: openSshCa.fingerprint,
      caSignatureAlgorithm: 'ssh-mldsa44-ed25519',
    });
    expect(certificate.blob).toHaveLength(5492);
    const line = parseAuthorizedKey(vector('mldsa44-ed25519/id_mldsa44_ed25519.pub'));
    expect(certificate.publicKey).toMatchObject({ blob: line.blob, fingerprint: line.fingerprint, type: line.type });
    expect(certificate.criticalOptions.size).toBe(0);
    expect([...certificate.extensions.keys()]).toContain('permit-pty');
  });

  test('has the signature of its CA, and of no other', () => {
    expect(certificate.isSignedBy(openSshCa, ['ssh-mldsa44-ed25519'])).toBe(true);
    expect(certificate.isSignedBy(openSshCa, ['ssh-ed25519'])).toBe(false);
    expect(certificate.isSignedBy(certificate.publicKey, ['ssh-mldsa44-ed25519'])).toBe(false);
  });

  test('with one bit flipped it is malformed, or not signed', () => {
    // In each field and in both halves of the signature.
    const length = certificate.blob.length;
    for (const at of [35, 60, 900, 1400, 1420, 1435, 1500, length - 5000, length - 2000, length - 65, length - 1]) {
      const flipped = Buffer.from(certificate.blob);
      flipped.writeUInt8(flipped.readUInt8(at) ^ 0x01, at);
      const read = parsedOrNull(flipped);
      expect([at, read?.isSignedBy(openSshCa, ['ssh-mldsa44-ed25519']) ?? false]).toEqual([at, false]);
    }
  });
});

/** Whatever is wrong, it is told as KeyFormatError. */
function parsedOrNull(blob: Buffer): Certificate | null {
  try {
    return parseCertificate(blob);
  } catch (error) {
    expect(error).toBeInstanceOf(KeyFormatError);
    return null;
  }
}

describe.each(CERTIFIED)('a certificate for $name', ({ keygen, name }) => {
  const subject = privateKey(keygen.name);

  test('is read, with the key as if it had come alone', async () => {
    const certificate = parseCertificate(await makeCertificate(subject.publicKey, ca));
    expect(certificate).toMatchObject({ serial: 5n, role: 'user', keyId: 'the key of alice', principals: ['alice'] });
    expect(certificate.publicKey.blob).toEqual(subject.publicKey.blob);
    expect(isSigned(certificate)).toBe(true);
  });

  test('may be signed by a key of this type', async () => {
    const { publicKey } = subject;
    for (const caAlgorithm of publicKey.signatureAlgorithms) {
      const certificate = parseCertificate(await makeCertificate(key, subject, { caAlgorithm }));
      expect(certificate.caSignatureAlgorithm).toBe(caAlgorithm);
      expect(certificate.isSignedBy(publicKey, EVERY_ALGORITHM)).toBe(caAlgorithm !== 'ssh-rsa');
      expect(
        certificate.isSignedBy(
          publicKey,
          EVERY_ALGORITHM.filter((each) => each !== caAlgorithm),
        ),
      ).toBe(false);
    }
    expect(name).toBe(publicKey.type);
  });
});

describe('what is in one', () => {
  test('numbers of 64 bits, many principals, options', async () => {
    const principals = Array.from({ length: 256 }, (_, index) => `user-${index}`);
    const certificate = parseCertificate(
      await made({
        serial: FOREVER,
        validAfter: 1n << 63n,
        principals,
        criticalOptions: [option('force-command', 'internal-sftp'), option('verify-required')],
      }),
    );
    expect(certificate).toMatchObject({ serial: FOREVER, validAfter: 1n << 63n, validBefore: FOREVER, principals });
    expect(optionText(certificate.criticalOptions.get('force-command') ?? Buffer.alloc(0))).toBe('internal-sftp');
    expect(certificate.criticalOptions.get('verify-required')).toEqual(Buffer.alloc(0));
  });

  test.each<[string, Partial<CertificateFields>, RegExp]>([
    ['a role that is none', { role: 3 }, /neither a user nor a host/],
    ['more principals than OpenSSH takes', { principals: Array<string>(257).fill('a') }, /more than 256 principals/],
    ['an option twice', { criticalOptions: [option('x'), option('x')] }, /option "x" twice/],
    [
      'no end of extensions',
      { extensions: Array.from({ length: 129 }, (_, index) => option(`x${index}`)) },
      /more than 128 options/,
    ],
    ['a key id that is no UTF-8', { keyId: Buffer.from([0xff]) }, /UTF-8/],
    ['a NUL in the key id', { keyId: 'alice\0bob' }, /key id of the certificate has a NUL/],
    ['a NUL in a principal', { principals: ['alice\0'] }, /principal of the certificate has a NUL/],
    ['something behind it', { trailing: Buffer.of(0) }, /1 bytes too many/],
    ['a type that is no certificate', { type: 'ssh-ed25519' }, /"ssh-ed25519" is no type of certificate/],
    ['the name of an algorithm for its type', { type: 'rsa-sha2-512-cert-v01@openssh.com' }, /no type of certificate/],
    ['a key of another type than it says', { type: 'ssh-mldsa44-ed25519-cert' }, /key of 32 bytes/],
    ['a CA that this build does not know', { caKeyBlob: optionData('ssh-dss') }, /"ssh-dss" of the CA/],
  ])('%s is malformed', async (_what, fields, message) => {
    const blob = await made(fields);
    expect(() => parseCertificate(blob)).toThrow(KeyFormatError);
    expect(() => parseCertificate(blob)).toThrow(message);
  });

  test('a CA that is a certificate itself', async () => {
    const caKeyBlob = await made();
    const blob = await made({ caKeyBlob });
    expect(() => parseCertificate(blob)).toThrow('the CA of the certificate is a certificate');
  });

  test('a CA key that only calls itself the right one', async () => {
    const certificate = parseCertificate(await makeCertificate(key, ca, { caKeyBlob: key.blob }));
    expect(certificate.isSignedBy(key, EVERY_ALGORITHM)).toBe(false);
    expect(isSigned(certificate)).toBe(false);
  });

  test('an option that should be a text and is none', () => {
    for (const data of [Buffer.alloc(0), Buffer.of(0, 0, 0, 9), Buffer.concat([optionData('a'), Buffer.of(0)])]) {
      expect(() => optionText(data)).toThrow(KeyFormatError);
    }
  });
});

describe('times', () => {
  const times = { validAfter: 100n, validBefore: 200n };

  test('from the first second on, and not in the last', () => {
    expect([99_999, 100_000, 199_999, 200_000].map((now) => validityAt(times, now))).toEqual([
      'not-yet-valid',
      'valid',
      'valid',
      'expired',
    ]);
    expect(validityAt({ validAfter: 0n, validBefore: FOREVER }, Date.now())).toBe('valid');
    expect(validityAt({ validAfter: 200n, validBefore: 100n }, 150_000)).toBe('not-yet-valid');
  });

  test('in words', () => {
    expect(timeInWords(1_800_000_000n)).toBe('2027-01-15T08:00:00Z');
    expect(timeInWords(8_640_000_000_000n)).toBe('+275760-09-13T00:00:00Z');
    expect(timeInWords(8_640_000_000_001n)).toBe('forever');
    expect(timeInWords(FOREVER)).toBe('forever');
  });
});

describe('a line of a file', () => {
  test.each<[string, (line: string) => string, RegExp]>([
    ['a key', () => `ssh-ed25519 ${key.blob.toString('base64')}`, /not a certificate/],
    ['nothing', () => '', /not a certificate/],
    ['two lines', (line) => `${line}\n${line}`, /more than one line/],
    ['no base64', () => 'ssh-ed25519-cert-v01@openssh.com', /no base64/],
    ['what is no base64', (line) => line.replace(' ', ' *'), /not base64/],
    [
      'another type',
      (line) => line.replace('ssh-ed25519-cert-v01@openssh.com', 'ssh-mldsa44-ed25519-cert'),
      /line says/,
    ],
    ['a book', (line) => line + ' '.repeat(65536), /longer than/],
  ])('%s is refused', async (_what, change, message) => {
    const line = `ssh-ed25519-cert-v01@openssh.com ${(await made()).toString('base64')} comment with blanks`;
    expect(parseCertificateLine(`${line}\n`).serial).toBe(5n);
    expect(() => parseCertificateLine(change(line))).toThrow(message);
    expect(() => parseCertificateLine(change(line))).toThrow(KeyFormatError);
  });
});

describe('hostile bytes', () => {
  const RUNS = randomRuns(3000);

  test(
    'of any kind: a certificate or a KeyFormatError, and never the signature of the CA',
    async () => {
      const good = await made({ criticalOptions: [option('source-address', '192.0.2.0/24')] });
      const edit = fc.record({
        at: fc.nat(good.length - 1),
        remove: fc.oneof(fc.constant(0), fc.nat(8), fc.nat(good.length)),
        insert: fc.oneof(fc.uint8Array({ maxLength: 12 }), fc.constantFrom(Uint8Array.of(0xff, 0xff, 0xff, 0xff))),
      });
      fc.assert(
        fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
          let blob: Buffer = good;
          for (const { at, remove, insert } of edits) {
            blob = Buffer.concat([blob.subarray(0, at), insert, blob.subarray(at + remove)]);
          }
          const certificate = parsedOrNull(blob);
          if (certificate !== null && !blob.equals(good)) expect(isSigned(certificate)).toBe(false);
        }),
        { numRuns: RUNS },
      );
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
          parsedOrNull(Buffer.from(bytes));
        }),
        { numRuns: RUNS },
      );
    },
    timeoutFor(RUNS),
  );
});
