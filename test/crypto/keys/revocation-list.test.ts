// Revocation lists: KRLs byte by byte and noise, plain lists, and those of ssh-keygen -k, with ssh-keygen -Q as the oracle.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { generatePrivateKey } from '../../../src/crypto/keys/private-key.ts';
import { parseAuthorizedKey } from '../../../src/crypto/keys/public-key.ts';
import type { RevocableCertificate, RevocationList } from '../../../src/crypto/keys/revocation-list.ts';
import {
  MAX_REVOCATION_LIST_BYTES,
  parseRevocationList,
  revokedByAny,
  RevocationListError,
} from '../../../src/crypto/keys/revocation-list.ts';
import { SshReader } from '../../../src/wire/reader.ts';
import { SshWriter } from '../../../src/wire/writer.ts';
import { findPeer } from '../../peers/peers.ts';

const newBlob = (): Buffer => parseAuthorizedKey(generatePrivateKey('ed25519').publicKey).blob;
const [listed, other, ca, otherCa] = [newBlob(), newBlob(), newBlob(), newBlob()] as const;
const uint64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
};
const hash = (algorithm: string, blob: Buffer): Buffer => createHash(algorithm).update(blob).digest();

type Section = readonly [type: number, contents: Buffer];

function krl(...sections: readonly Section[]): Buffer {
  const writer = new SshWriter()
    .bytes(Buffer.from('SSHKRL\n\0'))
    .uint32(1)
    .bytes(uint64(7n))
    .bytes(uint64(1_700_000_000n))
    .bytes(uint64(0n))
    .string('')
    .string('a comment');
  for (const [type, contents] of sections) writer.byte(type).string(contents);
  return Buffer.from(writer.finish());
}
const strings = (...values: readonly (Buffer | string)[]): Buffer =>
  values.reduce<SshWriter>((writer, value) => writer.string(value), new SshWriter()).finish();
function certificates(signer: Buffer, ...sections: readonly Section[]): Section {
  const writer = new SshWriter().string(signer).string('');
  for (const [type, contents] of sections) writer.byte(type).string(contents);
  return [1, writer.finish()];
}
const extension = (critical: boolean): Buffer =>
  new SshWriter().string('new@example.com').boolean(critical).string('whatever').finish();

const certificate = (changes: Partial<RevocableCertificate> = {}): RevocableCertificate => ({
  caKeyBlob: ca,
  serial: 5n,
  keyId: 'alice',
  keyBlob: other,
  certificateBlob: Buffer.from('a certificate'),
  ...changes,
});
const revokedSerials = (list: RevocationList, serials: readonly bigint[], caKeyBlob = ca): bigint[] =>
  serials.filter((serial) => list.revokesCertificate(certificate({ serial, caKeyBlob })));

describe('a KRL', () => {
  test.each<[string, Section]>([
    ['keys', [2, strings(otherCa, listed)]],
    ['SHA-1 hashes', [3, strings(hash('sha1', otherCa), hash('sha1', listed))]],
    ['SHA-256 hashes', [5, strings(hash('sha256', listed))]],
  ])('of %s revokes the key, certificates for it, and certificates of a CA that has it', (_what, section) => {
    const list = parseRevocationList(krl(section));
    expect([list.revokesKey(listed), list.revokesKey(other)]).toEqual([true, false]);
    expect(list.revokesCertificate(certificate({ keyBlob: listed }))).toBe(true);
    expect(list.revokesCertificate(certificate({ caKeyBlob: listed }))).toBe(true);
    expect(list.revokesCertificate(certificate({ certificateBlob: listed }))).toBe(true);
    expect(list.revokesCertificate(certificate())).toBe(false);
  });

  test('without sections revokes nothing', () => {
    const list = parseRevocationList(krl());
    expect(list.revokesKey(listed)).toBe(false);
    expect(list.revokesCertificate(certificate())).toBe(false);
  });

  test('of serials, in any order, is for certificates of its CA alone', () => {
    const list = parseRevocationList(
      krl(certificates(ca, [0x20, Buffer.concat([9n, 5n, 2n ** 64n - 1n].map(uint64))])),
    );
    const tried = [0n, 1n, 4n, 5n, 6n, 9n, 10n, 2n ** 64n - 2n, 2n ** 64n - 1n];
    expect(revokedSerials(list, tried)).toEqual([5n, 9n, 2n ** 64n - 1n]);
    expect(revokedSerials(list, tried, otherCa)).toEqual([]);
    expect(list.revokesKey(ca)).toBe(false);
  });

  test('of ranges, also where they touch, overlap and are of one', () => {
    const range = (from: bigint, to: bigint): Section => [0x21, Buffer.concat([uint64(from), uint64(to)])];
    const list = parseRevocationList(
      krl(
        certificates(ca, range(20n, 30n), range(4n, 8n), range(6n, 7n)),
        certificates(ca, range(25n, 35n), range(40n, 40n)),
      ),
    );
    const all = Array.from({ length: 50 }, (_, index) => BigInt(index));
    const inside = (serial: bigint): boolean =>
      (serial >= 4n && serial <= 8n) || (serial >= 20n && serial <= 35n) || serial === 40n;
    expect(revokedSerials(list, all)).toEqual(all.filter(inside));
  });

  test('of a bitmap', () => {
    const bitmap = new SshWriter().bytes(uint64(100n)).unsignedMpint(Buffer.of(0b1000_0010, 0b0000_0101)).finish();
    const list = parseRevocationList(krl(certificates(ca, [0x22, bitmap])));
    const all = Array.from({ length: 40 }, (_, index) => BigInt(90 + index));
    expect(revokedSerials(list, all)).toEqual([100n, 102n, 109n, 115n]);
  });

  test('serial 0 is that of every certificate without one, and is revoked by no list', () => {
    const sections: Section[] = [
      [0x20, uint64(0n)],
      [0x21, Buffer.concat([uint64(0n), uint64(3n)])],
    ];
    const list = parseRevocationList(krl(certificates(ca, ...sections)));
    expect(revokedSerials(list, [0n, 1n, 3n, 4n])).toEqual([1n, 3n]);
  });

  test('of key ids', () => {
    const list = parseRevocationList(krl(certificates(ca, [0x23, strings('bob', 'alice')])));
    expect(list.revokesCertificate(certificate({ serial: 0n }))).toBe(true);
    expect(list.revokesCertificate(certificate({ keyId: 'alic' }))).toBe(false);
    expect(list.revokesCertificate(certificate({ caKeyBlob: otherCa }))).toBe(false);
  });

  test('without a CA key is for certificates of any', () => {
    const list = parseRevocationList(krl(certificates(Buffer.alloc(0), [0x20, uint64(5n)], [0x23, strings('bob')])));
    expect(revokedSerials(list, [4n, 5n], otherCa)).toEqual([5n]);
    expect(list.revokesCertificate(certificate({ serial: 0n, keyId: 'bob' }))).toBe(true);
  });

  test('with extensions that are not critical, and signatures at its end', () => {
    const signature: Section = [4, listed];
    const signed = Buffer.concat([
      krl([255, extension(false)], certificates(ca, [0x39, extension(false)], [0x20, uint64(5n)]), signature),
      strings('a signature'),
    ]);
    expect(revokedSerials(parseRevocationList(signed), [5n])).toEqual([5n]);
    expect(() => parseRevocationList(Buffer.concat([signed, krl([2, strings(listed)]).subarray(-100)]))).toThrow(
      RevocationListError,
    );
  });

  test.each<[string, Buffer, string | RegExp]>([
    ['a critical extension', krl([255, extension(true)]), 'the KRL needs the extension "new@example.com"'],
    ['a critical extension of certificates', krl(certificates(ca, [0x39, extension(true)])), 'needs the extension'],
    ['a section that is not known', krl([9, Buffer.alloc(3)]), 'section of type 9'],
    ['a certificate section that is not known', krl(certificates(ca, [0x40, Buffer.alloc(3)])), 'section of type 64'],
    ['a hash that is none', krl([5, strings(Buffer.alloc(20))]), 'hash of 20 bytes in a KRL, not 32'],
    ['a SHA-1 hash that is none', krl([3, strings(Buffer.alloc(32))]), 'hash of 32 bytes in a KRL, not 20'],
    ['half a serial', krl(certificates(ca, [0x20, Buffer.alloc(12)])), 'ends within one'],
    [
      'a range that ends before it begins',
      krl(certificates(ca, [0x21, Buffer.concat([uint64(9n), uint64(8n)])])),
      'ends at 8, before its start at 9',
    ],
    [
      'a bitmap beyond the last serial',
      krl(
        certificates(ca, [
          0x22,
          new SshWriter()
            .bytes(uint64(2n ** 64n - 3n))
            .unsignedMpint(Buffer.of(8))
            .finish(),
        ]),
      ),
      'beyond 2^64 - 1',
    ],
    ['a range with more behind it', krl(certificates(ca, [0x21, Buffer.alloc(17)])), 'malformed KRL'],
    ['a header alone, cut', krl().subarray(0, 30), 'malformed KRL'],
    ['another format', Buffer.concat([krl().subarray(0, 11), Buffer.of(2), krl().subarray(12)]), 'KRL of format 2'],
    ['a file that is too long', Buffer.alloc(MAX_REVOCATION_LIST_BYTES + 1), 'longer than'],
  ])('%s is refused', (_what, file, message) => {
    expect(() => parseRevocationList(file)).toThrow(RevocationListError);
    expect(() => parseRevocationList(file)).toThrow(message);
  });

  const whole = krl(
    [255, extension(false)],
    certificates(
      ca,
      [0x20, Buffer.concat([uint64(5n), uint64(9n)])],
      [0x21, Buffer.concat([uint64(20n), uint64(30n)])],
      [0x22, new SshWriter().bytes(uint64(100n)).unsignedMpint(Buffer.of(0x82, 5)).finish()],
      [0x23, strings('bob', 'alice')],
    ),
    [2, strings(listed)],
    [3, strings(hash('sha1', listed))],
    [5, strings(hash('sha256', listed))],
  );

  test('cut anywhere is refused or read as far as its whole sections go, and nothing else is thrown', () => {
    for (let length = 8; length < whole.length; length += 1) {
      try {
        parseRevocationList(whole.subarray(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(RevocationListError);
      }
    }
  });

  test('changed anywhere, or noise behind the magic, is refused or read, and asked without a throw', () => {
    const attempt = (file: Buffer): void => {
      let list: RevocationList;
      try {
        list = parseRevocationList(file);
      } catch (error) {
        expect(error).toBeInstanceOf(RevocationListError);
        return;
      }
      list.revokesKey(listed);
      revokedSerials(list, [0n, 5n, 25n, 107n, 2n ** 64n - 1n]);
    };
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const changed = Buffer.from(whole);
          for (const [at, byte] of changes) changed.writeUInt8(byte, at);
          attempt(changed);
        },
      ),
      { numRuns: 1500 },
    );
    const header = krl();
    const type = fc.constantFrom(1, 2, 3, 4, 5, 255, 0x20, 0x21, 0x22, 0x23, 0x39);
    fc.assert(
      fc.property(fc.array(fc.tuple(type, fc.uint8Array({ maxLength: 80 })), { maxLength: 6 }), (sections) => {
        attempt(krl(...sections.map(([of, noise]): Section => [of, Buffer.from(noise)])));
        attempt(krl(certificates(ca, ...sections.map(([of, noise]): Section => [of, Buffer.from(noise)]))));
        attempt(Buffer.concat([header, ...sections.map(([, noise]) => noise)]));
      }),
      { numRuns: 500 },
    );
  });
});

describe('a plain list', () => {
  const lineOf = (blob: Buffer): string => `${new SshReader(blob).ascii()} ${blob.toString('base64')}`;
  const fingerprint = `SHA256:${hash('sha256', listed).toString('base64').replace('=', '')}`;

  test.each([
    ['a line of authorized_keys', `${lineOf(listed)} alice@example`],
    ['one with options', `from="192.0.2.0/24",command="echo hello world" ${lineOf(listed)} alice`],
    ['a fingerprint', fingerprint],
    ['a fingerprint with its padding and a comment', `${fingerprint}= stolen in May`],
    ['what ssh-keygen -l prints', `256 ${fingerprint} alice@example (ED25519)`],
  ])('%s', (_what, line) => {
    for (const text of [line, `# a comment\n\n  ${line}  \r\n${lineOf(otherCa)}\n`]) {
      const list = parseRevocationList(Buffer.from(text));
      expect([list.revokesKey(listed), list.revokesKey(other)]).toEqual([true, false]);
      expect(list.revokesCertificate(certificate({ keyBlob: listed }))).toBe(true);
      expect(list.revokesCertificate(certificate({ caKeyBlob: listed }))).toBe(true);
      expect(list.revokesCertificate(certificate())).toBe(false);
    }
  });

  test('keys of types that this build does not know', () => {
    const blob = strings('sk-ssh-ed25519@openssh.com', Buffer.alloc(32, 1), 'ssh:');
    const list = parseRevocationList(Buffer.from(lineOf(blob)));
    expect([list.revokesKey(blob), list.revokesKey(listed)]).toEqual([true, false]);
  });

  test.each([
    ['nothing', ''],
    ['comments', '# nobody yet\n\n'],
  ])('of %s revokes nothing', (_what, text) => {
    expect(parseRevocationList(Buffer.from(text)).revokesKey(listed)).toBe(false);
  });

  test.each([
    ['words', `${lineOf(other)}\nalice`, 'line 2 is neither'],
    ['a cut key', lineOf(listed).slice(0, 20), 'line 1 is neither'],
    ['a key that was cut at a group of base64', lineOf(listed).slice(0, -8), 'line 1 is neither'],
    [
      'a certificate that was cut',
      lineOf(strings('ssh-ed25519-cert-v01@openssh.com', 'nonce', 'short')),
      'line 1 is neither',
    ],
    ['a key under another name', `ssh-rsa ${listed.toString('base64')}`, 'line 1 is neither'],
    ['what is not base64', 'ssh-ed25519 AAAA!!!!', 'line 1 is neither'],
    ['a short fingerprint', fingerprint.slice(0, -1), 'line 1 is neither'],
    ['an MD5 fingerprint', 'MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48', 'line 1 is neither'],
    ['lines for ssh-keygen -k', 'serial: 5', 'line 1 is neither'],
  ])('%s: refused', (_what, text, message) => {
    expect(() => parseRevocationList(Buffer.from(text))).toThrow(RevocationListError);
    expect(() => parseRevocationList(Buffer.from(text))).toThrow(message);
  });

  test('bytes that are no text are refused', () => {
    expect(() => parseRevocationList(Buffer.of(0x53, 0xff, 0xfe))).toThrow('neither a KRL nor a text file');
  });

  test('noise is refused or revokes nothing, and nothing else is thrown', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), (text) => {
        try {
          expect(parseRevocationList(Buffer.from(text)).revokesKey(listed)).toBe(false);
        } catch (error) {
          expect(error).toBeInstanceOf(RevocationListError);
        }
      }),
      { numRuns: 300 },
    );
  });
});

test('of several lists each counts', () => {
  const lists = revokedByAny([
    parseRevocationList(Buffer.from('')),
    parseRevocationList(krl([2, strings(listed)])),
    parseRevocationList(krl(certificates(ca, [0x20, uint64(5n)]))),
  ]);
  expect([lists.revokesKey(listed), lists.revokesKey(other)]).toEqual([true, false]);
  expect(revokedSerials(lists, [5n, 6n])).toEqual([5n]);
  expect(revokedByAny([]).revokesKey(listed)).toBe(false);
});

const peer = findPeer('openssh-mldsa');
const keygen = peer?.program('ssh-keygen') ?? null;
const given = keygen === null ? test.skip : test;

describe(`KRLs of ssh-keygen ${peer?.version ?? '(not installed)'}`, () => {
  let folder = '';
  const at = (name: string): string => path.join(folder, name);
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'latticeport-krl-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const run = (...args: readonly string[]): string => {
    const [program = '', ...first] = keygen ?? [];
    return execFileSync(program, [...first, ...args], { encoding: 'utf8', stdio: 'pipe', cwd: folder });
  };

  const TYPES = ['ed25519', 'ecdsa-256', 'rsa', 'mldsa44-ed25519'] as const;
  const keys = new Map<string, Buffer>();
  function makeKey(name: string, type: (typeof TYPES)[number] = 'ed25519'): void {
    const { privateKey, publicKey } = generatePrivateKey(type, type === 'rsa' ? 2048 : undefined, name);
    writeFileSync(at(name), privateKey, { mode: 0o600 });
    writeFileSync(at(`${name}.pub`), `${publicKey}\n`);
    keys.set(name, parseAuthorizedKey(publicKey).blob);
  }
  const blobOf = (name: string): Buffer => keys.get(name) ?? Buffer.alloc(0);

  interface Issued extends RevocableCertificate {
    readonly file: string;
  }
  /** A user certificate of `signer` for the key `name`. */
  function issue(name: string, signer: string, serial: bigint, keyId: string): Issued {
    run('-q', '-s', signer, '-I', keyId, '-z', String(serial), '-n', 'demo', `${name}.pub`);
    const file = `${name}-${signer}-${serial}-${keyId}-cert.pub`;
    const line = readFileSync(at(`${name}-cert.pub`), 'utf8');
    writeFileSync(at(file), line);
    const certificateBlob = Buffer.from(line.split(' ')[1] ?? '', 'base64');
    return { file, caKeyBlob: blobOf(signer), serial, keyId, keyBlob: blobOf(name), certificateBlob };
  }
  /** What ssh-keygen -Q says of files with a key or a certificate each. */
  function oracle(list: string, files: readonly string[]): boolean[] {
    const [program = '', ...first] = keygen ?? [];
    const { stdout } = spawnSync(program, [...first, '-Q', '-f', list, ...files], { encoding: 'utf8', cwd: folder });
    const answers = stdout.trim().split('\n');
    return files.map((file, index) => {
      const [, answer] = /: (ok|REVOKED)$/.exec(answers[index] ?? '') ?? [];
      expect([answers[index], answer]).toEqual([expect.stringContaining(file), expect.any(String)]);
      return answer === 'REVOKED';
    });
  }
  const load = (list: string): RevocationList => parseRevocationList(readFileSync(at(list)));

  const issued: Issued[] = [];
  beforeAll(() => {
    if (keygen === null) return;
    for (const type of TYPES) for (const name of ['a', 'b']) makeKey(`${name}-${type}`, type);
    for (const name of ['ca', 'ca2', 'user']) makeKey(name);
    for (const serial of [0n, 1n, 5n, 6n, 7n, 100n, 101n, 163n, 9000n, 2n ** 63n])
      issued.push(issue('user', 'ca', serial, `id ${serial}`));
    for (const serial of [5n, 100n]) issued.push(issue('user', 'ca2', serial, `id ${serial}`));
    issued.push(issue('a-rsa', 'ca', 5n, 'rsa'), issue('a-mldsa44-ed25519', 'ca', 77n, 'post-quantum'));
  });
  /** Every key and every certificate, asked here and there. Returns what is revoked. */
  function compare(list: string): string[] {
    const ours = load(list);
    const answers = [
      ...[...keys].map(([name, blob]) => [`${name}.pub`, ours.revokesKey(blob)] as const),
      ...issued.map((each) => [each.file, ours.revokesCertificate(each)] as const),
    ];
    const files = answers.map(([file]) => file);
    const theirs = oracle(list, files);
    expect(answers).toEqual(files.map((file, index) => [file, theirs[index]]));
    return answers.filter(([, revoked]) => revoked).map(([file]) => file);
  }

  given('of keys', () => {
    run('-k', '-f', 'keys.krl', ...TYPES.map((type) => `a-${type}.pub`));
    expect(compare('keys.krl')).toEqual([
      ...TYPES.map((type) => `a-${type}.pub`),
      'a-rsa-ca-5-rsa-cert.pub',
      'a-mldsa44-ed25519-ca-77-post-quantum-cert.pub',
    ]);
  });

  given('by SHA-1, by SHA-256 and by fingerprint', () => {
    const text = (name: string): string => readFileSync(at(`${name}.pub`), 'utf8');
    const { fingerprint } = parseAuthorizedKey(text('a-ecdsa-256'));
    writeFileSync(at('hashes'), `sha1: ${text('a-ed25519')}sha256: ${text('a-rsa')}hash: ${fingerprint}\n`);
    run('-k', '-f', 'hashes.krl', 'hashes');
    expect(compare('hashes.krl').filter((file) => !file.includes('cert'))).toEqual([
      'a-ed25519.pub',
      'a-ecdsa-256.pub',
      'a-rsa.pub',
    ]);
  });

  given.each([
    ['one serial', 'serial: 5\n', 2],
    ['a range', 'serial: 5-100\n', 6],
    ['many, far apart', 'serial: 5\nserial: 9000\nserial: 9223372036854775808\nserial: 1000000\n', 4],
    ['so many that they become a bitmap', Array.from({ length: 200 }, (_, i) => `serial: ${2 * i + 1}\n`).join(''), 7],
    ['key ids', 'id: id 5\nid: post-quantum\nid: id 0\n', 3],
  ])('of %s', (_what, text, count) => {
    writeFileSync(at('spec'), text);
    run('-k', '-f', 'spec.krl', '-s', 'ca.pub', 'spec');
    expect(compare('spec.krl')).toHaveLength(count);
    // For certificates of any CA.
    run('-k', '-f', 'any.krl', '-s', 'none', 'spec');
    expect(compare('any.krl').length).toBeGreaterThanOrEqual(count);
  });

  given('bitmaps are among them', () => {
    writeFileSync(at('odd'), Array.from({ length: 200 }, (_, index) => `serial: ${2 * index + 1}\n`).join(''));
    run('-k', '-f', 'odd.krl', '-s', 'ca.pub', 'odd');
    const reader = new SshReader(readFileSync(at('odd.krl')), 8 + 4 + 24);
    reader.string();
    reader.string();
    expect(reader.byte()).toBe(1);
    const section = new SshReader(reader.string());
    section.string();
    section.string();
    expect(section.byte()).toBe(0x22);
  });

  given('of certificates, by their serial or key id', () => {
    const [first] = issued;
    run('-k', '-f', 'certs.krl', first?.file ?? '', 'a-rsa-ca-5-rsa-cert.pub');
    expect(compare('certs.krl')).toEqual([first?.file, 'user-ca-5-id 5-cert.pub', 'a-rsa-ca-5-rsa-cert.pub']);
  });

  given('of a CA', () => {
    run('-k', '-f', 'ca.krl', 'ca.pub');
    expect(compare('ca.krl')).toHaveLength(1 + issued.filter(({ caKeyBlob }) => caKeyBlob.equals(blobOf('ca'))).length);
  });

  given('that is updated', () => {
    run('-k', '-f', 'grows.krl', '-z', '1', 'a-ed25519.pub');
    writeFileSync(at('more'), 'serial: 6-7\n');
    run('-k', '-u', '-f', 'grows.krl', '-s', 'ca.pub', '-z', '2', 'more');
    run('-k', '-u', '-f', 'grows.krl', 'b-rsa.pub');
    expect(compare('grows.krl').sort()).toEqual(
      ['a-ed25519.pub', 'b-rsa.pub', 'user-ca-6-id 6-cert.pub', 'user-ca-7-id 7-cert.pub'].sort(),
    );
  });

  given('a plain list, with a certificate in it', () => {
    const lines = ['b-ed25519.pub', 'a-rsa-ca-5-rsa-cert.pub'].map((file) => readFileSync(at(file), 'utf8'));
    const list = parseRevocationList(Buffer.from(lines.join('')));
    expect(
      [...keys]
        .filter(([, blob]) => list.revokesKey(blob))
        .map(([name]) => name)
        .sort(),
    ).toEqual(['a-rsa', 'b-ed25519']);
    expect(issued.filter((each) => list.revokesCertificate(each)).map(({ keyId }) => keyId)).toEqual(['rsa']);
  });
});
