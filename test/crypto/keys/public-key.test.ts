import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { KeyFormatError } from '../../../src/crypto/keys/key.ts';
import type { SignatureAlgorithm } from '../../../src/crypto/keys/key.ts';
import { generatePrivateKey, parsePrivateKey } from '../../../src/crypto/keys/private-key.ts';
import type { GeneratedKeyType } from '../../../src/crypto/keys/private-key.ts';
import { parseAuthorizedKey, parsePublicKey } from '../../../src/crypto/keys/public-key.ts';
import { SshReader } from '../../../src/wire/reader.ts';
import { SshWriter } from '../../../src/wire/writer.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

const KEYS = (
  [
    ['ed25519', 'ssh-ed25519', 256, ['ssh-ed25519']],
    ['ecdsa-256', 'ecdsa-sha2-nistp256', 256, ['ecdsa-sha2-nistp256']],
    ['ecdsa-384', 'ecdsa-sha2-nistp384', 384, ['ecdsa-sha2-nistp384']],
    ['ecdsa-521', 'ecdsa-sha2-nistp521', 521, ['ecdsa-sha2-nistp521']],
    ['rsa', 'ssh-rsa', 2048, ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa']],
    ['mldsa44-ed25519', 'ssh-mldsa44-ed25519', 512, ['ssh-mldsa44-ed25519']],
  ] as const
).map(([generated, type, bits, algorithms]) => {
  const made = generatePrivateKey(generated satisfies GeneratedKeyType, 2048, 'a comment');
  return { type, bits, algorithms, line: made.publicKey, key: parsePrivateKey(made.privateKey) };
});

/** RFC 8032 §7.1, tests 1 to 3. */
test.each([
  [
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
])('Ed25519, RFC 8032 §7.1: %s', (point, message, signature) => {
  const key = parsePublicKey(new SshWriter().string('ssh-ed25519').string(hex(point)).finish());
  const blob = new SshWriter().string('ssh-ed25519').string(hex(signature)).finish();
  expect(key.verify('ssh-ed25519', blob, hex(message))).toBe(true);
  expect(key.verify('ssh-ed25519', blob, Buffer.concat([hex(message), Buffer.of(0)]))).toBe(false);
});

describe.each(KEYS)('$type', ({ type, bits, algorithms, line, key }) => {
  const data = Buffer.from('what is signed');

  test('is read from its blob and its line', () => {
    const fromLine = parseAuthorizedKey(line);
    const fromBlob = parsePublicKey(fromLine.blob);
    for (const parsed of [fromLine, fromBlob, key.publicKey]) {
      expect([parsed.type, parsed.bits, parsed.signatureAlgorithms]).toEqual([type, bits, algorithms]);
      expect(parsed.fingerprint).toBe(key.publicKey.fingerprint);
      expect(parsed.fingerprint).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
      expect(parsed.blob.equals(key.publicKey.blob)).toBe(true);
    }
  });

  test.each(algorithms)('signs and verifies %s', async (algorithm) => {
    // Many times over, so that r or s with leading zeros or a set top bit turn up.
    for (let round = 0; round < (type === 'ssh-rsa' ? 3 : 40); round += 1) {
      const message = Buffer.concat([data, Buffer.of(round)]);
      const signature = await key.sign(algorithm, message);
      expect(new SshReader(signature).ascii()).toBe(algorithm);
      expect(key.publicKey.verify(algorithm, signature, message)).toBe(true);
      expect(key.publicKey.verify(algorithm, signature, data)).toBe(false);
      const spoilt = Buffer.from(signature);
      spoilt.writeUInt8(spoilt.readUInt8(spoilt.length - 5) ^ 1, spoilt.length - 5);
      expect(key.publicKey.verify(algorithm, spoilt, message)).toBe(false);
    }
  });

  test('does not take a signature under another name', async () => {
    const others: SignatureAlgorithm[] = [
      'ssh-ed25519',
      'ssh-mldsa44-ed25519',
      'ecdsa-sha2-nistp256',
      'rsa-sha2-256',
      'rsa-sha2-512',
      'ssh-rsa',
    ];
    for (const algorithm of algorithms) {
      const signature = await key.sign(algorithm, data);
      for (const other of others.filter((name) => name !== algorithm)) {
        expect(key.publicKey.verify(other, signature, data)).toBe(false);
      }
    }
    for (const other of others.filter((name) => !(algorithms as readonly string[]).includes(name))) {
      await expect(key.sign(other, data)).rejects.toThrow(RangeError);
    }
  });

  test('refuses signatures that are cut, extended or noise, and never throws', async () => {
    const algorithm = algorithms[0];
    const signature = await key.sign(algorithm, data);
    for (let length = 0; length < signature.length; length += 1) {
      expect(key.publicKey.verify(algorithm, signature.subarray(0, length), data)).toBe(false);
    }
    expect(key.publicKey.verify(algorithm, Buffer.concat([signature, Buffer.of(0)]), data)).toBe(false);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (noise) => {
        const framed = new SshWriter().string(algorithm).string(noise).finish();
        expect(key.publicKey.verify(algorithm, Buffer.from(noise), data)).toBe(false);
        expect(key.publicKey.verify(algorithm, framed, data)).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  test('refuses a blob that is cut or extended, and noise', () => {
    const { blob } = key.publicKey;
    for (let length = 0; length < blob.length; length += 1) {
      expect(() => parsePublicKey(blob.subarray(0, length))).toThrow(KeyFormatError);
    }
    expect(() => parsePublicKey(Buffer.concat([blob, Buffer.of(0)]))).toThrow(KeyFormatError);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        const framed = new SshWriter().string(type).bytes(noise).finish();
        for (const bytes of [Buffer.from(noise), framed]) {
          try {
            parsePublicKey(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(KeyFormatError);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  test('is not changed by a change of the buffer that it came from', () => {
    const blob = Buffer.from(key.publicKey.blob);
    const parsed = parsePublicKey(blob);
    blob.fill(0);
    expect(parsed.blob.equals(key.publicKey.blob)).toBe(true);
  });
});

describe('ECDSA', () => {
  const { key } = KEYS[1]!;
  const data = Buffer.from('data');
  const signed = (r: Buffer, s: Buffer): Buffer =>
    new SshWriter().string('ecdsa-sha2-nistp256').string(new SshWriter().string(r).string(s).finish()).finish();

  test('refuses r and s that are zero, negative, padded or too long', async () => {
    const reader = new SshReader(await key.sign('ecdsa-sha2-nistp256', data));
    reader.string();
    const body = new SshReader(reader.string());
    const [r, s] = [body.string(), body.string()];
    expect(key.publicKey.verify('ecdsa-sha2-nistp256', signed(r, s), data)).toBe(true);
    const wrong = [
      [Buffer.alloc(0), s],
      [r, Buffer.alloc(0)],
      [Buffer.concat([Buffer.of(0xff), r]), s],
      [Buffer.concat([Buffer.of(0, 0), r]), s],
      [r, Buffer.concat([Buffer.of(1), Buffer.alloc(40), s])],
      [s, r],
    ] as const;
    for (const [wrongR, wrongS] of wrong) {
      expect(key.publicKey.verify('ecdsa-sha2-nistp256', signed(wrongR, wrongS), data)).toBe(false);
    }
  });

  test('refuses the wrong curve name, a point off the curve, a compressed one', () => {
    const reader = new SshReader(key.publicKey.blob);
    reader.string();
    reader.string();
    const point = Buffer.from(reader.string());
    const blob = (type: string, curve: string, q: Buffer): Buffer =>
      new SshWriter().string(type).string(curve).string(q).finish();
    expect(parsePublicKey(blob('ecdsa-sha2-nistp256', 'nistp256', point)).bits).toBe(256);
    expect(() => parsePublicKey(blob('ecdsa-sha2-nistp256', 'nistp384', point))).toThrow(/curve/);
    expect(() => parsePublicKey(blob('ecdsa-sha2-nistp384', 'nistp384', point))).toThrow(/uncompressed point/);
    const compressed = Buffer.concat([Buffer.of(2 + (point.readUInt8(64) & 1)), point.subarray(1, 33)]);
    expect(() => parsePublicKey(blob('ecdsa-sha2-nistp256', 'nistp256', compressed))).toThrow(/uncompressed point/);
    point.writeUInt8(point.readUInt8(64) ^ 1, 64);
    expect(() => parsePublicKey(blob('ecdsa-sha2-nistp256', 'nistp256', point))).toThrow(/not valid/);
  });
});

describe('RSA', () => {
  const modulus = (bits: number): Buffer =>
    Buffer.from(
      generateKeyPairSync('rsa', { modulusLength: bits }).publicKey.export({ format: 'jwk' }).n ?? '',
      'base64url',
    );
  const blob = (e: Buffer, n: Buffer): Buffer =>
    new SshWriter().string('ssh-rsa').unsignedMpint(e).unsignedMpint(n).finish();
  const F4 = Buffer.of(1, 0, 1);
  const n = modulus(2048);

  test('refuses moduli that are too small, too large, even', () => {
    expect(parsePublicKey(blob(F4, n)).bits).toBe(2048);
    expect(() => parsePublicKey(blob(F4, modulus(1024)))).toThrow(/1024 bits/);
    const almost = Buffer.from(n);
    almost.writeUInt8(0x7f, 0);
    expect(() => parsePublicKey(blob(F4, almost))).toThrow(/2047 bits/);
    expect(() => parsePublicKey(blob(F4, Buffer.alloc(2049, 0xff)))).toThrow(/16392 bits/);
    const even = Buffer.from(n);
    even.writeUInt8(even.readUInt8(255) & 0xfe, 255);
    expect(() => parsePublicKey(blob(F4, even))).toThrow(/even/);
  });

  test('refuses exponents that are no use or only slow', () => {
    expect(parsePublicKey(blob(Buffer.of(3), n)).type).toBe('ssh-rsa');
    for (const e of [Buffer.alloc(0), Buffer.of(1), Buffer.of(2), Buffer.of(1, 0, 0), Buffer.alloc(5, 0xff), n]) {
      expect(() => parsePublicKey(blob(e, n))).toThrow(/exponent/);
    }
  });

  test('takes a signature without its leading zeros', async () => {
    const { key } = KEYS[4]!;
    for (let round = 0; round < 3000; round += 1) {
      const data = Buffer.from(`message ${round}`);
      const reader = new SshReader(await key.sign('rsa-sha2-256', data));
      reader.string();
      const body = reader.string();
      expect(body).toHaveLength(256);
      if (body[0] !== 0) continue;
      const short = new SshWriter().string('rsa-sha2-256').string(body.subarray(1)).finish();
      expect(key.publicKey.verify('rsa-sha2-256', short, data)).toBe(true);
      const long = new SshWriter()
        .string('rsa-sha2-256')
        .string(Buffer.concat([Buffer.of(0), body]))
        .finish();
      expect(key.publicKey.verify('rsa-sha2-256', long, data)).toBe(false);
      return;
    }
    throw new Error('no signature with a leading zero in 3000');
  });
});

describe('lines of authorized_keys', () => {
  const { line } = KEYS[0]!;
  const [type, base64] = line.split(' ') as [string, string];

  test.each([[line], [`  ${line}\r\n`], [`${type}\t${base64}`], [`${type} ${base64} several words ssh-rsa`]])(
    'takes %j',
    (text) => {
      expect(parseAuthorizedKey(text).fingerprint).toBe(KEYS[0]!.key.publicKey.fingerprint);
    },
  );

  test.each([
    ['', /empty/],
    ['# comment', /comment/],
    [`${line}\n${line}`, /more than one line/],
    [`from="10.0.0.1" ${line}`, /options/],
    [`restrict,pty ${line}`, /options/],
    [`cert-authority ${line}`, /options/],
    [type, /no base64/],
    [`${type} ${base64.slice(0, -3)}*${base64.slice(-2)}`, /not base64/],
    [`${type} ${base64.slice(0, -6)}`, /./],
    [`ssh-rsa ${base64}`, /line says ssh-rsa/],
    [`ssh-dss ${base64}`, /"ssh-dss" is not supported/],
    [`ssh-ed25519-cert-v01@openssh.com ${base64}`, /not supported/],
    ['-----BEGIN OPENSSH PRIVATE KEY-----', /a key file/],
    [`${type} ${'A'.repeat(20000)}`, /longer/],
  ])('refuses %j', (text, message) => {
    expect(() => parseAuthorizedKey(text)).toThrow(KeyFormatError);
    expect(() => parseAuthorizedKey(text)).toThrow(message);
  });
});
