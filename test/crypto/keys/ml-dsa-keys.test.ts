// ssh-mldsa-44, -65 and -87: one provider against the other, against liboqs, and against keys and signatures of OpenSSL.
import { execFileSync } from 'node:child_process';
import { randomBytes, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createMLDSA44, createMLDSA65, createMLDSA87 } from '@oqs/liboqs-js/sig';
import fc from 'fast-check';
import { DerReader, derInteger, derOctetString, derSequence } from '../../../src/crypto/kex/der.ts';
import { KeyFormatError } from '../../../src/crypto/keys/key.ts';
import { keyTypeNamed } from '../../../src/crypto/keys/key-registry.ts';
import { mlDsaKeys } from '../../../src/crypto/keys/ml-dsa-keys.ts';
import { expandSeed, nobleMlDsa, nodeHasMlDsa, nodeMlDsa } from '../../../src/crypto/keys/ml-dsa.ts';
import { ML_DSA_SIZES } from '../../../src/crypto/keys/ml-dsa-sizes.ts';
import type { MlDsaSet } from '../../../src/crypto/keys/ml-dsa-sizes.ts';
import { expandedMlDsaPkcs8 } from '../../../src/crypto/keys/ml-dsa-pkcs8.ts';
import { generatePrivateKey, parsePrivateKey } from '../../../src/crypto/keys/private-key.ts';
import { parseAuthorizedKey, parsePublicKey } from '../../../src/crypto/keys/public-key.ts';
import { SshReader } from '../../../src/wire/reader.ts';
import { SshWriter } from '../../../src/wire/writer.ts';
import { findProgram } from '../../peers/peers.ts';

const SETS: readonly MlDsaSet[] = [44, 65, 87];
const LIBOQS = { 44: createMLDSA44, 65: createMLDSA65, 87: createMLDSA87 } as const;
const VECTORS = path.join(import.meta.dirname, '../../vectors/mldsa65-x509');
const vector = (file: string): string => readFileSync(path.join(VECTORS, file), 'utf8');
const pem = (der: Buffer): string =>
  `-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n`;
const plain = (bytes: Buffer): Uint8Array => new Uint8Array(bytes);
const context = Buffer.alloc(0);
const data = Buffer.from('what is signed');

function implementationsOf(set: MlDsaSet) {
  return [...(nodeHasMlDsa ? [nodeMlDsa(set)] : []), nobleMlDsa(set)].map((dsa) => ({
    dsa,
    type: mlDsaKeys(set, dsa),
  }));
}
const written = (write: (writer: SshWriter) => void): Buffer => {
  const writer = new SshWriter();
  write(writer);
  return Buffer.from(writer.finish());
};

describe.each(SETS)('ssh-mldsa-%i', (set) => {
  const name = `ssh-mldsa-${set}` as const;
  const { publicKeyBytes, expandedBytes, signatureBytes } = ML_DSA_SIZES[set];
  const implementations = implementationsOf(set);

  test('the layout of key, signature and file', async () => {
    const made = generatePrivateKey(`mldsa-${set}`, undefined, 'a comment');
    const key = parsePrivateKey(made.privateKey);
    expect(key.comment).toBe('a comment');
    const blob = new SshReader(key.publicKey.blob);
    expect([blob.ascii(), blob.string().length, blob.remaining]).toEqual([name, publicKeyBytes, 0]);
    expect(parseAuthorizedKey(made.publicKey).fingerprint).toBe(key.publicKey.fingerprint);
    const signature = await key.sign(name, data);
    const reader = new SshReader(signature);
    expect([reader.ascii(), reader.string().length, reader.remaining]).toEqual([name, signatureBytes, 0]);
    expect(key.publicKey.verify(name, signature, data)).toBe(true);
    expect(key.publicKey.verify(name, signature, Buffer.from('another'))).toBe(false);
    const secret = written((writer) => keyTypeNamed(name)?.generate().writePrivate(writer));
    const fields = new SshReader(secret);
    expect([fields.string().length, fields.string().length, fields.remaining]).toEqual([publicKeyBytes, 32, 0]);
  });

  test('what one provider writes and signs the other reads and verifies', async () => {
    for (const { type } of implementations) {
      const key = type.generate();
      const [publicFields, privateFields] = [written((w) => key.writePublic(w)), written((w) => key.writePrivate(w))];
      const signature = await key.sign(name, data);
      for (const other of implementations) {
        const publicKey = other.type.readPublic(new SshReader(publicFields));
        expect(publicKey.verify(name, signature, data)).toBe(true);
        for (const at of [0, 100, signature.length - 1]) {
          const flipped = Buffer.from(signature);
          flipped.writeUInt8(flipped.readUInt8(at) ^ 1, at);
          expect(publicKey.verify(name, flipped, data)).toBe(false);
        }
        expect(publicKey.verify(name, signature.subarray(1), data)).toBe(false);
        const again = other.type.readPrivate(new SshReader(privateFields));
        expect(written((w) => again.writePrivate(w))).toEqual(privateFields);
      }
    }
  });

  test('a context makes another signature of it: these have none', async () => {
    for (const { dsa, type } of implementations) {
      const key = dsa.privateKey(randomBytes(32));
      const publicKey = type.readPublic(new SshReader(new SshWriter().string(key.publicKey).finish()));
      expect(publicKey.verify(name, await key.sign(data, context), data)).toBe(true);
      expect(publicKey.verify(name, await key.sign(data, Buffer.from('COMPSIG')), data)).toBe(false);
    }
  });

  test('liboqs: its keys are read in their expanded form, and each verifies what the other signs', async () => {
    const oqs = await LIBOQS[set]();
    try {
      const { publicKey, secretKey } = oqs.generateKeyPair();
      expect(secretKey).toHaveLength(expandedBytes);
      const fields = new SshWriter().string(publicKey).string(secretKey).finish();
      for (const { type } of implementations) {
        const key = type.readPrivate(new SshReader(fields));
        expect(written((w) => key.writePrivate(w))).toEqual(Buffer.from(fields));
        const signature = await key.sign(name, data);
        expect(oqs.verify(plain(data), plain(signature), publicKey)).toBe(true);
        const theirs = Buffer.from(oqs.sign(plain(data), secretKey));
        expect(
          type.readPublic(new SshReader(new SshWriter().string(publicKey).finish())).verify(name, theirs, data),
        ).toBe(true);
      }
      const file = pem(expandedMlDsaPkcs8(set, Buffer.from(secretKey)));
      expect(parsePrivateKey(file).publicKey.blob).toEqual(new SshWriter().string(name).string(publicKey).finish());
    } finally {
      oqs.destroy();
    }
  });

  test('PKCS#8 with the seed, the expanded key, and both', () => {
    const seed = randomBytes(32);
    const expanded = expandSeed(set, seed);
    const blob = new SshWriter().string(name).string(nobleMlDsa(set).privateKey(seed).publicKey).finish();
    const algorithm = derSequence([Buffer.from(`06096086480165030403${{ 44: '11', 65: '12', 87: '13' }[set]}`, 'hex')]);
    const file = (secret: Buffer, ...after: Buffer[]): string =>
      pem(derSequence([derInteger(Buffer.of(0)), algorithm, derOctetString(secret), ...after]));
    const seedAlone = Buffer.concat([Buffer.of(0x80, 32), seed]);
    const both = derSequence([derOctetString(seed), derOctetString(expanded)]);
    for (const secret of [seedAlone, derOctetString(expanded), both]) {
      expect(parsePrivateKey(file(secret)).publicKey.blob).toEqual(blob);
      // Attributes and a public key, as PKCS#8 allows, say nothing more.
      expect(parsePrivateKey(file(secret, Buffer.of(0xa0, 0), Buffer.of(0x81, 2, 0, 1))).publicKey.blob).toEqual(blob);
    }
    const otherSeed = derSequence([derOctetString(randomBytes(32)), derOctetString(expanded)]);
    expect(() => parsePrivateKey(file(otherSeed))).toThrow('the expanded key in the file is not that of the seed');
    const spoilt = Buffer.from(expanded);
    spoilt.writeUInt8(spoilt.readUInt8(70) ^ 1, 70);
    for (const wrong of [
      derOctetString(spoilt),
      derOctetString(expanded.subarray(1)),
      Buffer.concat([Buffer.of(0x80, 31), seed.subarray(1)]),
      derSequence([derOctetString(seed)]),
      derSequence([derOctetString(seed), derOctetString(expanded), derOctetString(seed)]),
      Buffer.alloc(0),
      Buffer.concat([seedAlone, Buffer.of(5, 0)]),
    ]) {
      expect(() => parsePrivateKey(file(wrong))).toThrow(KeyFormatError);
    }
    expect(() => parsePrivateKey(file(seedAlone, Buffer.of(5, 0)))).toThrow(KeyFormatError);
  });

  test('an expanded key that is changed anywhere is refused, or is of another public key', () => {
    const expanded = expandSeed(set, randomBytes(32));
    for (const { dsa } of implementations) {
      const { publicKey } = dsa.expandedKey(expanded);
      // Behind ρ, K and the hash come the polynomials. A change of K alone cannot be seen.
      for (const at of [0, 31, 64, 127, 128, 200]) {
        const changed = Buffer.from(expanded);
        changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
        expect(() => dsa.expandedKey(changed)).toThrow(KeyFormatError);
      }
      expect(dsa.expandedKey(expanded).secret()).toEqual(expanded);
      expect(publicKey).toHaveLength(publicKeyBytes);
    }
  });

  test('files of other lengths, and of two keys, are refused', () => {
    for (const { type } of implementations) {
      const fields = written((w) => type.generate().writePrivate(w));
      const other = written((w) => type.generate().writePrivate(w));
      const [publicKey, seed] = ((reader) => [reader.string(), reader.string()] as const)(new SshReader(fields));
      const read = (pub: Buffer, secret: Buffer) => () =>
        type.readPrivate(new SshReader(new SshWriter().string(pub).string(secret).finish()));
      expect(read(publicKey, seed)).not.toThrow();
      expect(read(new SshReader(other).string(), seed)).toThrow('not that of the private one');
      expect(read(publicKey, seed.subarray(1))).toThrow(KeyFormatError);
      expect(read(publicKey.subarray(1), seed)).toThrow(KeyFormatError);
      expect(() => type.readPublic(new SshReader(new SshWriter().string(publicKey.subarray(1)).finish()))).toThrow(
        KeyFormatError,
      );
    }
  });
});

describe('ML-DSA-65 of OpenSSL 3.6.5', () => {
  const file = `-----BEGIN PRIVATE KEY-----\n${vector('leaf.key.b64')}-----END PRIVATE KEY-----\n`;
  const certificate = (name: string) => new X509Certificate(vector(name)).raw;
  /** The bare key at the end of the SubjectPublicKeyInfo. */
  const keyIn = (raw: Buffer): Buffer => {
    const tbs = new DerReader(new DerReader(raw).sequence().element()).sequence();
    for (let field = 0; field < 6; field += 1) tbs.element();
    const info = tbs.sequence();
    info.element();
    return info.bitString();
  };

  test('the key of a certificate', () => {
    const { publicKey } = parsePrivateKey(file);
    expect(publicKey.blob).toEqual(
      new SshWriter()
        .string('ssh-mldsa-65')
        .string(keyIn(certificate('leaf.pem')))
        .finish(),
    );
  });

  test('the signature of one certificate on another', () => {
    const outer = new DerReader(certificate('leaf.pem')).sequence();
    const signed = outer.element();
    outer.element();
    const signature = outer.bitString();
    const blob = new SshWriter()
      .string('ssh-mldsa-65')
      .string(keyIn(certificate('sub.pem')))
      .finish();
    const ssh = new SshWriter().string('ssh-mldsa-65').string(signature).finish();
    expect(parsePublicKey(blob).verify('ssh-mldsa-65', ssh, signed)).toBe(true);
    expect(parsePublicKey(blob).verify('ssh-mldsa-65', ssh, signed.subarray(1))).toBe(false);
    for (const { dsa } of implementationsOf(65)) {
      expect(dsa.publicKey(keyIn(certificate('sub.pem'))).verify(signature, signed, context)).toBe(true);
    }
  });
});

test('noise in the place of PKCS#8, and changed files, throw nothing but KeyFormatError', () => {
  const good = Buffer.from(vector('leaf.key.b64'), 'base64');
  const attempt = (der: Buffer): void => {
    try {
      parsePrivateKey(pem(der));
    } catch (error) {
      expect(error).toBeInstanceOf(KeyFormatError);
    }
  };
  fc.assert(
    fc.property(fc.nat(60), fc.nat(255), (at, byte) => {
      const changed = Buffer.from(good);
      changed.writeUInt8(byte, at);
      attempt(changed);
    }),
    { numRuns: 60 },
  );
  for (let length = 0; length < 80; length += 1) attempt(good.subarray(0, length));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
      attempt(Buffer.from(noise));
    }),
  );
});

const openssl = findProgram('sid', 'openssl');
const given = openssl === null ? test.skip : test;

describe('openssl genpkey of the sid root', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'latticeport-mldsa-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const run = (...args: readonly string[]): string => {
    const [program = '', ...first] = openssl ?? [];
    return execFileSync(program, [...first, ...args], { encoding: 'utf8', stdio: 'pipe', cwd: folder });
  };
  const publicKey = (file: string): Buffer =>
    Buffer.from(
      run('pkey', '-in', file, '-pubout', ...(file.includes('encrypted') ? ['-passin', 'pass:secret'] : [])).replace(
        /-----[A-Z ]+-----/g,
        '',
      ),
      'base64',
    );

  given.each(
    SETS.flatMap((set) => (['seed-only', 'priv-only', 'seed-priv'] as const).map((form) => [set, form] as const)),
  )('ML-DSA-%i, %s', (set, form) => {
    const file = `${set}-${form}`;
    run('genpkey', '-algorithm', `ML-DSA-${set}`, '-provparam', `ml-dsa.output_formats=${form}`, '-out', file);
    const { type, blob } = parsePrivateKey(readFileSync(path.join(folder, file), 'utf8')).publicKey;
    expect(type).toBe(`ssh-mldsa-${set}`);
    const { publicKeyBytes } = ML_DSA_SIZES[set];
    expect(blob.subarray(-publicKeyBytes)).toEqual(publicKey(file).subarray(-publicKeyBytes));
  });

  (nodeHasMlDsa ? given : test.skip)('encrypted', () => {
    run('genpkey', '-algorithm', 'ML-DSA-44', '-aes256', '-pass', 'pass:secret', '-out', 'encrypted');
    const text = readFileSync(path.join(folder, 'encrypted'), 'utf8');
    expect(parsePrivateKey(text, 'secret').publicKey.blob.subarray(-1312)).toEqual(
      publicKey('encrypted').subarray(-1312),
    );
    expect(() => parsePrivateKey(text, 'Secret')).toThrow('wrong passphrase');
    expect(() => parsePrivateKey(text)).toThrow('private key is encrypted');
  });
});
