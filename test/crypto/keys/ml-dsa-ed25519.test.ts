// ssh-mldsa44-ed25519 against the known answers of OpenSSH 10.6, against its ssh-keygen, and one provider against the other.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mlDsa44Ed25519With } from '../../../src/crypto/keys/ml-dsa-ed25519.ts';
import { nobleMlDsa, nodeHasMlDsa, nodeMlDsa } from '../../../src/crypto/keys/ml-dsa.ts';
import { KeyFormatError } from '../../../src/crypto/keys/key.ts';
import { generatePrivateKey, parsePrivateKey } from '../../../src/crypto/keys/private-key.ts';
import { parseAuthorizedKey, parsePublicKey } from '../../../src/crypto/keys/public-key.ts';
import { SshReader } from '../../../src/wire/reader.ts';
import { SshWriter } from '../../../src/wire/writer.ts';
import { findPeer } from '../../peers/peers.ts';

const NAME = 'ssh-mldsa44-ed25519';
const VECTORS = path.join(import.meta.dirname, '../../vectors/mldsa44-ed25519');
const vector = (file: string): string => readFileSync(path.join(VECTORS, file), 'utf8');
const keyFile = (base64: string): string =>
  `-----BEGIN OPENSSH PRIVATE KEY-----\n${base64.trim()}\n-----END OPENSSH PRIVATE KEY-----\n`;

/** PROTOCOL.sshsig: the signature, and what it covers. */
function signatureOf(armoured: string): { publicKey: Buffer; namespace: string; signature: Buffer } {
  const reader = new SshReader(Buffer.from(armoured.replace(/-----[A-Z ]+-----/g, ''), 'base64'));
  expect(reader.bytes(6).toString()).toBe('SSHSIG');
  expect(reader.uint32()).toBe(1);
  const publicKey = reader.string();
  const namespace = reader.utf8();
  expect([reader.utf8(), reader.utf8()]).toEqual(['', 'sha512']);
  const signature = reader.string();
  reader.end();
  return { publicKey, namespace, signature };
}
function signedData(message: Buffer, namespace: string): Buffer {
  const digest = createHash('sha512').update(message).digest();
  return new SshWriter()
    .bytes(Buffer.from('SSHSIG'))
    .string(namespace)
    .string('')
    .string('sha512')
    .string(digest)
    .finish();
}

const known = parsePrivateKey(keyFile(vector('id_mldsa44_ed25519.b64')));
const message = Buffer.from(vector('message'));

describe('the known answers of OpenSSH 10.6', () => {
  test('the private key, its line and its fingerprint', () => {
    const line = parseAuthorizedKey(vector('id_mldsa44_ed25519.pub'));
    expect(line.type).toBe(NAME);
    expect(line.blob).toHaveLength(1371);
    expect(line.fingerprint).toBe('SHA256:bbYWNlf9eLGJka15GOW7WD8YT6q87QuPsmIBCTonIaw');
    expect(known.publicKey.blob).toEqual(line.blob);
    expect(known.comment).toBe('latticeport-kat');
  });

  test('a key that is encrypted', () => {
    const encrypted = keyFile(vector('id_encrypted.b64'));
    const { blob } = parsePrivateKey(encrypted, 'secret').publicKey;
    expect(blob).toEqual(parseAuthorizedKey(vector('id_encrypted.pub')).blob);
    expect(() => parsePrivateKey(encrypted, 'Secret')).toThrow('wrong passphrase');
    expect(() => parsePrivateKey(encrypted)).toThrow('private key is encrypted, and no passphrase was given');
  });

  test('the signature of ssh-keygen -Y sign', () => {
    const { publicKey, namespace, signature } = signatureOf(vector('message.sig'));
    expect(publicKey).toEqual(known.publicKey.blob);
    expect(signature).toHaveLength(2511);
    const key = parsePublicKey(publicKey);
    expect(key.verify(NAME, signature, signedData(message, namespace))).toBe(true);
    expect(key.verify(NAME, signature, signedData(message, 'another'))).toBe(false);
  });

  test('a flipped bit anywhere in the signature or in the key refuses', () => {
    const { publicKey, namespace, signature } = signatureOf(vector('message.sig'));
    const data = signedData(message, namespace);
    const flipped = (bytes: Buffer, at: number): Buffer => {
      const copy = Buffer.from(bytes);
      copy.writeUInt8(copy.readUInt8(at) ^ (1 << (at % 8)), at);
      return copy;
    };
    const key = parsePublicKey(publicKey);
    // The Ed25519 half is the last 64 bytes of the one, the last 32 of the other; before it, samples of the ML-DSA half.
    const places = (length: number, ed: number): number[] =>
      Array.from({ length: length - 27 }, (_, index) => index + 27).filter(
        (at) => at >= length - ed || at % 41 === 0 || at >= length - ed - 8,
      );
    for (const at of places(signature.length, 64)) {
      expect([at, key.verify(NAME, flipped(signature, at), data)]).toEqual([at, false]);
    }
    for (const at of places(publicKey.length, 32)) {
      const other = parsePublicKey(flipped(publicKey, at));
      expect([at, other.verify(NAME, signature, data)]).toEqual([at, false]);
    }
  });
});

const implementations = [
  ...(nodeHasMlDsa ? [{ provider: 'node', type: mlDsa44Ed25519With(nodeMlDsa(44)) }] : []),
  { provider: 'noble', type: mlDsa44Ed25519With(nobleMlDsa(44)) },
];

/** The fields of the known key, behind the name: of the public blob, and of the private part. */
const publicFields = new SshWriter().string(new SshReader(known.publicKey.blob, 4 + NAME.length).string()).finish();
function privateFields(): Buffer {
  const reader = new SshReader(Buffer.from(vector('id_mldsa44_ed25519.b64'), 'base64'), 15);
  for (let field = 0; field < 3; field += 1) reader.string();
  reader.uint32();
  reader.string();
  const secret = new SshReader(reader.string(), 8);
  secret.string();
  return new SshWriter().string(secret.string()).string(secret.string()).finish();
}

describe.each(implementations)('with ML-DSA of $provider', ({ type }) => {
  const data = Buffer.from('what is signed');

  test('the known key is read, written and used as the other provider does', async () => {
    const key = type.readPrivate(new SshReader(privateFields()));
    const written = [new SshWriter(), new SshWriter()] as const;
    key.writePublic(written[0]);
    key.writePrivate(written[1]);
    expect(written[0].finish()).toEqual(publicFields);
    expect(written[1].finish()).toEqual(privateFields());
    const signature = await key.sign(NAME, data);
    expect(signature).toHaveLength(2484);
    for (const other of implementations) {
      const publicKey = other.type.readPublic(new SshReader(publicFields));
      expect(publicKey.verify(NAME, signature, data)).toBe(true);
      expect(publicKey.verify(NAME, signature, Buffer.from('another'))).toBe(false);
    }
    const { namespace, signature: theirs } = signatureOf(vector('message.sig'));
    const body = new SshReader(theirs, 4 + NAME.length).string();
    const publicKey = type.readPublic(new SshReader(publicFields));
    expect(publicKey.verify(NAME, body, signedData(message, namespace))).toBe(true);
  });

  test('one good half is not enough, whichever it is', async () => {
    const [mine, others] = [type.generate(), type.generate()];
    const publicOf = (key: typeof mine) => {
      const writer = new SshWriter();
      key.writePublic(writer);
      return type.readPublic(new SshReader(writer.finish()));
    };
    const [good, wrong] = [await mine.sign(NAME, data), await others.sign(NAME, data)];
    const key = publicOf(mine);
    expect(key.verify(NAME, good, data)).toBe(true);
    for (const [first, second] of [
      [good, wrong],
      [wrong, good],
      [wrong, wrong],
    ] as const) {
      const mixed = Buffer.concat([first.subarray(0, 2420), second.subarray(2420)]);
      expect(key.verify(NAME, mixed, data)).toBe(false);
    }
    for (const length of [0, 64, 2420, 2483]) expect(key.verify(NAME, good.subarray(0, length), data)).toBe(false);
    expect(key.verify(NAME, Buffer.concat([good, Buffer.of(0)]), data)).toBe(false);
  });

  test('halves of two keys in one file are noticed, and wrong lengths', () => {
    const [publicKey, seeds] = ((reader) => [reader.string(), reader.string()] as const)(
      new SshReader(privateFields()),
    );
    const read = (pub: Buffer, secret: Buffer) => () =>
      type.readPrivate(new SshReader(new SshWriter().string(pub).string(secret).finish()));
    expect(read(publicKey, seeds)).not.toThrow();
    for (const at of [0, 31, 32, 63]) {
      const changed = Buffer.from(seeds);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(read(publicKey, changed)).toThrow(KeyFormatError);
    }
    for (const at of [0, 1311, 1312, 1343]) {
      const changed = Buffer.from(publicKey);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(read(changed, seeds)).toThrow(KeyFormatError);
    }
    expect(read(publicKey, seeds.subarray(1))).toThrow(KeyFormatError);
    expect(read(publicKey.subarray(1), seeds)).toThrow(KeyFormatError);
  });
});

const peer = findPeer('openssh-mldsa');
const keygen = peer?.program('ssh-keygen') ?? null;
const given = keygen === null ? test.skip : test;

describe(`ssh-keygen of OpenSSH ${peer?.version ?? '(not installed)'}`, () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'latticeport-mldsa-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const run = (args: readonly string[], input?: Buffer): string => {
    const [program = '', ...first] = keygen ?? [];
    return execFileSync(program, [...first, ...args], { encoding: 'utf8', stdio: 'pipe', ...(input && { input }) });
  };

  given('reads a key of ours, and says the same of it', () => {
    const made = generatePrivateKey('mldsa44-ed25519', undefined, 'two words');
    const file = path.join(folder, 'ours');
    writeFileSync(file, made.privateKey, { mode: 0o600 });
    writeFileSync(`${file}.pub`, `${made.publicKey}\n`);
    expect(run(['-y', '-f', file]).trim()).toBe(made.publicKey);
    const { bits, fingerprint } = parseAuthorizedKey(made.publicKey);
    expect(run(['-l', '-f', `${file}.pub`])).toBe(`${bits} ${fingerprint} two words (MLDSA44-ED25519)\n`);
  });

  given('makes a key that we read, byte for byte', () => {
    const file = path.join(folder, 'theirs');
    run(['-q', '-t', 'mldsa44-ed25519', '-N', '', '-C', 'made by ssh-keygen', '-f', file]);
    const key = parsePrivateKey(readFileSync(file, 'utf8'));
    expect(key.comment).toBe('made by ssh-keygen');
    expect(key.publicKey.blob).toEqual(parseAuthorizedKey(readFileSync(`${file}.pub`, 'utf8')).blob);
  });

  given('makes an encrypted key that we read', () => {
    const file = path.join(folder, 'encrypted');
    run(['-q', '-t', 'mldsa44-ed25519', '-N', 'correct horse', '-a', '2', '-f', file]);
    const { blob } = parseAuthorizedKey(readFileSync(`${file}.pub`, 'utf8'));
    expect(parsePrivateKey(readFileSync(file, 'utf8'), 'correct horse').publicKey.blob).toEqual(blob);
  });

  given('verifies our signature of the known key, and not a changed one', async () => {
    const signers = path.join(folder, 'allowed_signers');
    writeFileSync(signers, `somebody ${vector('id_mldsa44_ed25519.pub')}`);
    const verified = (signature: Buffer): (() => string) => {
      const blob = new SshWriter()
        .bytes(Buffer.from('SSHSIG'))
        .uint32(1)
        .string(known.publicKey.blob)
        .string('file')
        .string('')
        .string('sha512')
        .string(signature)
        .finish();
      const lines = blob.toString('base64').match(/.{1,70}/g) ?? [];
      const file = path.join(folder, 'message.sig');
      writeFileSync(file, ['-----BEGIN SSH SIGNATURE-----', ...lines, '-----END SSH SIGNATURE-----', ''].join('\n'));
      return () => run(['-Y', 'verify', '-f', signers, '-I', 'somebody', '-n', 'file', '-s', file], message);
    };
    const signature = await known.sign(NAME, signedData(message, 'file'));
    expect(verified(signature)()).toContain('Good "file" signature for somebody with MLDSA44-ED25519 key');
    for (const at of [100, signature.length - 1]) {
      const spoilt = Buffer.from(signature);
      spoilt.writeUInt8(spoilt.readUInt8(at) ^ 1, at);
      expect(verified(spoilt)).toThrow();
    }
  });
});
