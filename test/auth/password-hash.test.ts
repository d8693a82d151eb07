import { describe, expect, test } from '@jest/globals';
import {
  decoyHash,
  hashPassword,
  parsePasswordHash,
  PasswordHashError,
  verifyPassword,
} from '../../src/auth/password-hash.ts';

describe.each(['scrypt', 'pbkdf2-sha256'] as const)('%s', (kind) => {
  test('the right password, and no other', async () => {
    const hash = await hashPassword('correct horse', kind);
    expect(hash.startsWith(`$${kind}$`)).toBe(true);
    expect(await verifyPassword('correct horse', hash)).toBe(true);
    expect(await verifyPassword('correct horsf', hash)).toBe(false);
    expect(await verifyPassword('', hash)).toBe(false);
  });

  test('zero bytes behind it, with which HMAC fills up its key, make another password', async () => {
    const hash = await hashPassword('correct horse', kind);
    for (const zeros of ['\0', '\0\0\0']) {
      expect(await verifyPassword(`correct horse${zeros}`, hash)).toBe(false);
      await expect(hashPassword(`correct horse${zeros}`, kind)).rejects.toThrow(PasswordHashError);
    }
  });

  test('salted: twice the same password gives two hashes', async () => {
    expect(await hashPassword('same', kind)).not.toBe(await hashPassword('same', kind));
  });
});

test('a published vector: RFC 7914 §12, "pleaseletmein", N=16384, r=8, p=1', async () => {
  const salt = Buffer.from('SodiumChloride').toString('base64').replace(/=+$/, '');
  const key = Buffer.from(
    '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887',
    'hex',
  );
  const text = `$scrypt$ln=14,r=8,p=1$${salt}$${key.toString('base64').replace(/=+$/, '')}`;
  expect(await verifyPassword('pleaseletmein', text)).toBe(true);
});

test('the same text composed differently is the same password', async () => {
  const hash = await hashPassword('caf\u00e9');
  expect(await verifyPassword('cafe\u0301', hash)).toBe(true);
});

test('no hash: false, after the work', async () => {
  expect(await verifyPassword('anything', null)).toBe(false);
});

describe('the decoy for users without a password', () => {
  const SALT_AND_HASH = `${'A'.repeat(22)}$${'A'.repeat(43)}`;
  const scrypt = `$scrypt$ln=14,r=8,p=1$${SALT_AND_HASH}`;
  const pbkdf2 = `$pbkdf2-sha256$i=1000$${SALT_AND_HASH}`;

  test('has the parameters of most of the hashes', () => {
    expect(parsePasswordHash(decoyHash([scrypt, pbkdf2, pbkdf2]))).toMatchObject({
      kind: 'pbkdf2-sha256',
      iterations: 1000,
    });
    expect(parsePasswordHash(decoyHash([scrypt]))).toMatchObject({ kind: 'scrypt', N: 2 ** 14, r: 8, p: 1 });
  });

  test('without any, those of hashPassword', async () => {
    const [, kind, parameters] = (await hashPassword('x')).split('$');
    expect(decoyHash([]).startsWith(`$${String(kind)}$${String(parameters)}$`)).toBe(true);
  });

  test('opens nothing', async () => {
    const decoy = await hashPassword('known', 'pbkdf2-sha256');
    expect(await verifyPassword('known', null, decoy)).toBe(false);
  });
});

test.each([
  ['plain text', 'secret'],
  ['another scheme', '$2b$12$abcdefghijklmnopqrstuv'],
  ['too much memory', '$scrypt$ln=24,r=8,p=1$AAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
  ['too few iterations', '$pbkdf2-sha256$i=1$AAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
  ['no salt', '$scrypt$ln=14,r=8,p=1$AA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
])('refused: %s', (_, text) => {
  expect(() => parsePasswordHash(text)).toThrow(PasswordHashError);
});
