import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { KEY_TYPES } from '../../../src/crypto/keys/key-registry.ts';
import { KeyFormatError } from '../../../src/crypto/keys/key.ts';
import { generatePrivateKey, parsePrivateKey } from '../../../src/crypto/keys/private-key.ts';
import { SshReader } from '../../../src/wire/reader.ts';
import { SshWriter } from '../../../src/wire/writer.ts';

/** A key that the ssh-keygen of OpenSSH 9.2 made. */
const OF_SSH_KEYGEN = `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACA6cBpeLQviJEOoTYibzvO9ywqZ5DCsDKzKC2D3a9d+JAAAAJgIvtnJCL7Z
yQAAAAtzc2gtZWQyNTUxOQAAACA6cBpeLQviJEOoTYibzvO9ywqZ5DCsDKzKC2D3a9d+JA
AAAEAEVG/Ne8263ywygT9gETND4pmdBOXDDaU+fEZp9QiBejpwGl4tC+IkQ6hNiJvO873L
CpnkMKwMrMoLYPdr134kAAAAEm1hZGUgYnkgc3NoLWtleWdlbgECAw==
-----END OPENSSH PRIVATE KEY-----
`;

function armoured(file: Buffer): string {
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${file.toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

function unarmoured(text: string): Buffer {
  return Buffer.from(text.replace(/-----[A-Z ]+-----/g, ''), 'base64');
}

/** The parts of a file, so that a test can exchange one of them. */
function split(text: string): { head: Buffer; publicBlob: Buffer; secret: Buffer } {
  const file = unarmoured(text);
  const reader = new SshReader(file, 'openssh-key-v1\0'.length);
  for (let field = 0; field < 3; field += 1) reader.string();
  reader.uint32();
  const head = Buffer.from(file.subarray(0, reader.offset));
  return { head, publicBlob: Buffer.from(reader.string()), secret: Buffer.from(reader.string()) };
}

function joined({ head, publicBlob, secret }: ReturnType<typeof split>): string {
  return armoured(new SshWriter().bytes(head).string(publicBlob).string(secret).finish());
}

test('a file of ssh-keygen, byte for byte', () => {
  const key = parsePrivateKey(OF_SSH_KEYGEN);
  expect(key.comment).toBe('made by ssh-keygen');
  expect(key.publicKey.fingerprint).toBe('SHA256:/GQDMyg+mukirVaXddhicUJ7jpedkXp6oLOshL6OuPo');
  expect(parsePrivateKey(OF_SSH_KEYGEN.replaceAll('\n', '\r\n')).publicKey.fingerprint).toBe(key.publicKey.fingerprint);
});

describe.each(KEY_TYPES)('$name', ({ keygen }) => {
  const file = generatePrivateKey(keygen.name, 2048, 'comment').privateKey;
  const other = generatePrivateKey(keygen.name, 2048, 'comment').privateKey;

  test('the private part is of this type and no other', () => {
    for (const type of KEY_TYPES.filter((row) => row.keygen !== keygen)) {
      const { secret, ...rest } = split(file);
      const reader = new SshReader(secret, 8);
      reader.string();
      const renamed = new SshWriter().bytes(secret.subarray(0, 8)).string(type.name).bytes(reader.rest()).finish();
      expect(() => parsePrivateKey(joined({ ...rest, secret: renamed }))).toThrow(KeyFormatError);
    }
  });

  test("another key's public blob is noticed", () => {
    const mixed = joined({ ...split(file), publicBlob: split(other).publicBlob });
    expect(() => parsePrivateKey(mixed)).toThrow('the public key in the file is not that of the private one');
  });

  test('a private part whose public numbers are those of another key is noticed', () => {
    const theirs = split(other);
    const spoilt = split(file);
    const reader = new SshReader(spoilt.secret, 8);
    reader.string();
    if (keygen.option === 'ecdsa') reader.string();
    const from = reader.offset;
    reader.string();
    const to = reader.offset;
    theirs.secret.copy(spoilt.secret, from, from, to);
    expect(() => parsePrivateKey(joined({ ...spoilt, publicBlob: theirs.publicBlob }))).toThrow(KeyFormatError);
  });

  test('a file that is cut, or changed anywhere, is read whole or refused, and nothing else is thrown', () => {
    const bytes = unarmoured(file);
    const { fingerprint } = parsePrivateKey(file).publicKey;
    const attempt = (changed: Buffer): void => {
      try {
        expect(parsePrivateKey(armoured(changed)).publicKey.fingerprint).toBe(fingerprint);
      } catch (error) {
        expect(error).toBeInstanceOf(KeyFormatError);
      }
    };
    for (let length = 0; length < bytes.length; length += 7) {
      expect(() => parsePrivateKey(armoured(bytes.subarray(0, length)))).toThrow(KeyFormatError);
    }
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(changed.readUInt8(at) ^ change, at);
        attempt(changed);
      }),
      { numRuns: 200 },
    );
  });
});

test('an RSA key whose primes are not those of the modulus', () => {
  const parts = split(generatePrivateKey('rsa', 2048).privateKey);
  const reader = new SshReader(parts.secret, 8);
  reader.string();
  const [n, e, d, qi, p] = [1, 2, 3, 4, 5].map(() => reader.unsignedMpint()) as [
    Buffer,
    Buffer,
    Buffer,
    Buffer,
    Buffer,
  ];
  for (const [wrongP, wrongQ] of [
    [p, p],
    [Buffer.of(1), n],
    [Buffer.alloc(0), Buffer.alloc(0)],
    [Buffer.alloc(4000, 0xff), p],
  ] as const) {
    const secret = new SshWriter().bytes(parts.secret.subarray(0, 8)).string('ssh-rsa');
    for (const number of [n, e, d, qi, wrongP, wrongQ]) secret.unsignedMpint(number);
    secret.string('');
    for (let pad = 1; secret.length % 8 !== 0; pad += 1) secret.byte(pad);
    expect(() => parsePrivateKey(joined({ ...parts, secret: secret.finish() }))).toThrow(/primes/);
  }
});

test('files of more than one key, of other ciphers, of unknown types', () => {
  const { publicBlob, secret } = split(generatePrivateKey('ed25519').privateKey);
  const file = (kdf: string, options: string, count: number): Buffer =>
    new SshWriter()
      .bytes(Buffer.from('openssh-key-v1\0'))
      .string('none')
      .string(kdf)
      .string(options)
      .uint32(count)
      .string(publicBlob)
      .string(secret)
      .finish();
  expect(parsePrivateKey(armoured(file('none', '', 1))).publicKey.type).toBe('ssh-ed25519');
  for (const wrong of [file('none', '', 2), file('none', '', 0), file('none', 'x', 1), file('bcrypt', '', 1)]) {
    expect(() => parsePrivateKey(armoured(wrong))).toThrow('not an OpenSSH private key file with one key');
  }
  const unknown = new SshWriter().uint32(7).uint32(7).string('ssh-xmss').finish();
  expect(() =>
    parsePrivateKey(joined({ head: file('none', '', 1).subarray(0, 39), publicBlob, secret: unknown })),
  ).toThrow('key type "ssh-xmss" is not supported');
});
