import { createHash, generateKeyPairSync } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import ssh2 from 'ssh2';
import { KeyFormatError } from '../../../src/crypto/keys/key.ts';
import { generatePrivateKey, needsPassphrase, parsePrivateKey } from '../../../src/crypto/keys/private-key.ts';
import { parseAuthorizedKey, parsePublicKey } from '../../../src/crypto/keys/public-key.ts';
import { SshReader } from '../../../src/wire/reader.ts';
import { SshWriter } from '../../../src/wire/writer.ts';

const TYPES = [
  { generated: 'ed25519', keygen: ['-t', 'ed25519'], pem: false },
  { generated: 'ecdsa-256', keygen: ['-t', 'ecdsa', '-b', '256'], pem: true },
  { generated: 'ecdsa-384', keygen: ['-t', 'ecdsa', '-b', '384'], pem: true },
  { generated: 'ecdsa-521', keygen: ['-t', 'ecdsa', '-b', '521'], pem: true },
  { generated: 'rsa', keygen: ['-t', 'rsa', '-b', '2048'], pem: true },
] as const;

const hasSshKeygen = ((): boolean => {
  try {
    execFileSync('ssh-keygen', ['-?'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
})();
const withSshKeygen = hasSshKeygen ? test : test.skip;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'latticeport-keys-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function sshKeygen(...args: string[]): string {
  return execFileSync('ssh-keygen', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

let files = 0;
/** A key of the machine's own ssh-keygen. */
function keygenFile(...args: string[]): string {
  files += 1;
  const file = join(folder, `key-${files}`);
  sshKeygen('-q', '-f', file, '-C', 'made by ssh-keygen', ...args);
  return file;
}

/** What an SSH signature of a file covers, and how it is wrapped: OpenSSH's PROTOCOL.sshsig. */
const NAMESPACE = 'test';
function signedData(message: Buffer): Buffer {
  return new SshWriter()
    .bytes(Buffer.from('SSHSIG'))
    .string(NAMESPACE)
    .string('')
    .string('sha512')
    .string(createHash('sha512').update(message).digest())
    .finish();
}

describe.each(TYPES)('$generated', ({ generated, keygen, pem }) => {
  const made = generatePrivateKey(generated, 2048, 'two words');

  test('a generated key is read back, with its comment', async () => {
    const key = parsePrivateKey(made.privateKey);
    expect(key.comment).toBe('two words');
    expect(parseAuthorizedKey(made.publicKey).blob.equals(key.publicKey.blob)).toBe(true);
    expect(made.publicKey.endsWith(' two words')).toBe(true);
    const algorithm = key.publicKey.signatureAlgorithms[0]!;
    const signature = await key.sign(algorithm, Buffer.from('data'));
    expect(parseAuthorizedKey(made.publicKey).verify(algorithm, signature, Buffer.from('data'))).toBe(true);
  });

  test('a generated key is read by ssh2', () => {
    const parsed = ssh2.utils.parseKey(made.privateKey);
    if (parsed instanceof Error) throw parsed;
    expect(parsed.isPrivateKey()).toBe(true);
    expect(Buffer.from(parsed.getPublicSSH()).equals(parseAuthorizedKey(made.publicKey).blob)).toBe(true);
  });

  withSshKeygen('a key that is encrypted is read by ssh-keygen, and by us', () => {
    const encrypted = generatePrivateKey(generated, 2048, 'two words', 'correct horse');
    const file = join(folder, `encrypted-${generated}`);
    writeFileSync(file, encrypted.privateKey, { mode: 0o600 });
    expect(sshKeygen('-y', '-P', 'correct horse', '-f', file).trim()).toBe(encrypted.publicKey);
    const key = parsePrivateKey(encrypted.privateKey, 'correct horse');
    expect([key.comment, key.publicKey.blob]).toEqual(['two words', parseAuthorizedKey(encrypted.publicKey).blob]);
  });

  withSshKeygen('a generated key is read by ssh-keygen', () => {
    const file = join(folder, `generated-${generated}`);
    writeFileSync(file, made.privateKey, { mode: 0o600 });
    expect(sshKeygen('-y', '-f', file).trim()).toBe(made.publicKey);
    writeFileSync(`${file}.pub`, `${made.publicKey}\n`);
    const { bits, fingerprint } = parseAuthorizedKey(made.publicKey);
    expect(sshKeygen('-l', '-f', `${file}.pub`)).toContain(`${bits} ${fingerprint} two words`);
  });

  const formats: [string, string[], string?][] = [
    ['OpenSSH', ['-N', '']],
    ['OpenSSH with a passphrase', ['-N', 'correct horse', '-a', '2'], 'correct horse'],
  ];
  if (pem) {
    formats.push(
      ['PEM', ['-m', 'PEM', '-N', '']],
      ['PEM with a passphrase', ['-m', 'PEM', '-N', 'correct horse'], 'correct horse'],
      ['PKCS#8', ['-m', 'PKCS8', '-N', '']],
      ['PKCS#8 with a passphrase', ['-m', 'PKCS8', '-N', 'correct horse'], 'correct horse'],
    );
  }
  for (const [name, args, passphrase] of formats) {
    withSshKeygen(`a key of ssh-keygen in ${name} form is read`, () => {
      const file = keygenFile(...keygen, ...args);
      const text = readFileSync(file, 'utf8');
      const key = parsePrivateKey(text, passphrase);
      const line = parseAuthorizedKey(readFileSync(`${file}.pub`, 'utf8'));
      expect(key.publicKey.blob.equals(line.blob)).toBe(true);
      expect(sshKeygen('-l', '-f', `${file}.pub`)).toContain(`${line.bits} ${line.fingerprint} `);
      if (name.startsWith('OpenSSH')) expect(key.comment).toBe('made by ssh-keygen');
      if (passphrase !== undefined) {
        expect(() => parsePrivateKey(text)).toThrow(KeyFormatError);
        expect(() => parsePrivateKey(text, 'wrong')).toThrow(KeyFormatError);
      }
    });
  }

  withSshKeygen('verifies a signature of ssh-keygen -Y sign', () => {
    const file = keygenFile(...keygen, '-N', '');
    const message = join(folder, `message-${generated}`);
    writeFileSync(message, 'a message');
    sshKeygen('-q', '-Y', 'sign', '-f', file, '-n', NAMESPACE, message);
    const armoured = readFileSync(`${message}.sig`, 'utf8').replace(/-----[A-Z ]+-----/g, '');
    const reader = new SshReader(Buffer.from(armoured, 'base64'));
    expect(reader.bytes(6).toString()).toBe('SSHSIG');
    expect(reader.uint32()).toBe(1);
    const key = parsePublicKey(reader.string());
    expect([reader.utf8(), reader.utf8(), reader.utf8()]).toEqual([NAMESPACE, '', 'sha512']);
    const signature = reader.string();
    const algorithm = key.signatureAlgorithms[0]!;
    expect(key.verify(algorithm, signature, signedData(Buffer.from('a message')))).toBe(true);
    expect(key.verify(algorithm, signature, signedData(Buffer.from('another')))).toBe(false);
  });

  withSshKeygen('makes signatures that ssh-keygen -Y check-novalidate takes', async () => {
    const key = parsePrivateKey(made.privateKey);
    const message = Buffer.from('signed by us');
    const check = (file: string): string =>
      execFileSync('ssh-keygen', ['-Y', 'check-novalidate', '-n', NAMESPACE, '-s', file], {
        encoding: 'utf8',
        input: message,
        stdio: ['pipe', 'pipe', 'pipe'],
      });
    // SHA-1 has no place in this format.
    for (const algorithm of key.publicKey.signatureAlgorithms.filter((name) => name !== 'ssh-rsa')) {
      const blob = new SshWriter()
        .bytes(Buffer.from('SSHSIG'))
        .uint32(1)
        .string(key.publicKey.blob)
        .string(NAMESPACE)
        .string('')
        .string('sha512')
        .string(await key.sign(algorithm, signedData(message)))
        .finish();
      const file = join(folder, `ours-${algorithm}.sig`);
      const lines = blob.toString('base64').match(/.{1,70}/g)!;
      writeFileSync(file, ['-----BEGIN SSH SIGNATURE-----', ...lines, '-----END SSH SIGNATURE-----', ''].join('\n'));
      expect(check(file)).toContain(key.publicKey.fingerprint);
    }
  });
});

test('an encrypted key is read with its passphrase alone, and no two files of one passphrase are alike', () => {
  const files = [1, 2].map(() => generatePrivateKey('ed25519', undefined, '', 'pässword').privateKey);
  const [file = ''] = files;
  expect(parsePrivateKey(file, 'pässword').publicKey.type).toBe('ssh-ed25519');
  expect(() => parsePrivateKey(file, 'password')).toThrow('wrong passphrase');
  expect(() => parsePrivateKey(file)).toThrow('private key is encrypted, and no passphrase was given');
  expect(needsPassphrase(file)).toBe(true);
  // The salt is behind the names of cipher and key derivation, with the lengths.
  const salts = files.map((text) => Buffer.from(text.replace(/-----[A-Z ]+-----/g, ''), 'base64').subarray(47, 63));
  expect(salts[0]).not.toEqual(salts[1]);
});

test('what needs a passphrase', () => {
  expect(() => generatePrivateKey('ed25519', undefined, '', '')).toThrow(KeyFormatError);
  const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const options = { format: 'pem', type: 'pkcs8' } as const;
  expect(needsPassphrase(pem.export(options))).toBe(false);
  expect(needsPassphrase(pem.export({ ...options, cipher: 'aes-256-cbc', passphrase: 'x' }))).toBe(true);
  for (const noKey of ['', 'hello', '-----BEGIN OPENSSH PRIVATE KEY-----']) expect(needsPassphrase(noKey)).toBe(false);
});

test('sizes and comments that make no sense are refused', () => {
  for (const bits of [0, 1024, 2047, 16385, 2048.5, Number.NaN]) {
    expect(() => generatePrivateKey('rsa', bits)).toThrow(RangeError);
  }
  for (const comment of ['a\nssh-ed25519 AAAA', 'tab\t', 'nul\0']) {
    expect(() => generatePrivateKey('ed25519', undefined, comment)).toThrow(RangeError);
  }
  expect(generatePrivateKey('ed25519').publicKey.split(' ')).toHaveLength(2);
});

describe('a passphrase in OpenSSH form', () => {
  const CIPHERS = [
    ...['aes256-ctr', 'aes192-ctr', 'aes128-ctr', 'aes256-cbc', 'aes192-cbc', 'aes128-cbc'],
    ...['aes256-gcm@openssh.com', 'aes128-gcm@openssh.com'],
  ];
  for (const cipher of CIPHERS) {
    withSshKeygen(cipher, () => {
      const file = keygenFile('-t', 'ed25519', '-N', 'pässword', '-a', '2', '-Z', cipher);
      const text = readFileSync(file, 'utf8');
      const { blob } = parseAuthorizedKey(readFileSync(`${file}.pub`, 'utf8'));
      expect(parsePrivateKey(text, 'pässword').publicKey.blob).toEqual(blob);
      expect(() => parsePrivateKey(text, 'password')).toThrow('wrong passphrase');
      expect(() => parsePrivateKey(text)).toThrow('private key is encrypted, and no passphrase was given');
    });
  }

  withSshKeygen('ciphers that are not known, and work without end, are refused', () => {
    const chacha = keygenFile('-t', 'ed25519', '-N', 'secret', '-a', '1', '-Z', 'chacha20-poly1305@openssh.com');
    expect(() => parsePrivateKey(readFileSync(chacha, 'utf8'), 'secret')).toThrow(
      'cipher "chacha20-poly1305@openssh.com" of a key file is not supported',
    );
    const text = readFileSync(keygenFile('-t', 'ed25519', '-N', 'secret', '-a', '1'), 'utf8');
    const changed = (change: (file: Buffer, rounds: number) => void): string => {
      const file = Buffer.from(text.replace(/-----[A-Z ]+-----/g, ''), 'base64');
      // The magic, the names of cipher and key derivation, the length of the options, the salt with its length.
      change(file, 15 + 14 + 10 + 4 + 20);
      return `-----BEGIN OPENSSH PRIVATE KEY-----\n${file.toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`;
    };
    const withRounds = (rounds: number) => changed((file, at) => file.writeUInt32BE(rounds, at));
    expect(parsePrivateKey(withRounds(1), 'secret').publicKey.type).toBe('ssh-ed25519');
    expect(() => parsePrivateKey(withRounds(0xffff_ffff), 'secret')).toThrow('more than');
    expect(() => parsePrivateKey(withRounds(0), 'secret')).toThrow('no rounds');
    expect(() => parsePrivateKey(text, '')).toThrow('the passphrase is empty');
    for (let length = 0; length < 200; length += 7) {
      const cut = changed((file) => file.fill(0, length));
      expect(() => parsePrivateKey(cut, 'secret')).toThrow(KeyFormatError);
    }
  });
});

test('files that are not usable say why', () => {
  const { privateKey, publicKey } = generatePrivateKey('ed25519');
  const pemOf = (key: { export(options: { format: 'pem'; type: 'pkcs8' }): string | Buffer }): string =>
    key.export({ format: 'pem', type: 'pkcs8' }).toString();
  const cases: [string, RegExp][] = [
    ['', /no "-----BEGIN"/],
    ['hello', /no "-----BEGIN"/],
    [publicKey, /no "-----BEGIN"/],
    ['-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n', /./],
    [privateKey.slice(0, 150), /./],
    ['-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', /cannot|can be read/],
    ['x'.repeat(70000), /too large/],
    [pemOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey), /1024 bits/],
    [pemOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey), /curve/],
    [pemOf(generateKeyPairSync('x25519').privateKey), /x25519/],
    [pemOf(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey), /rsa-pss/],
  ];
  for (const [text, message] of cases) {
    expect(() => parsePrivateKey(text)).toThrow(KeyFormatError);
    expect(() => parsePrivateKey(text)).toThrow(message);
  }
});
