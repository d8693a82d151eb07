import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { hashPassword, verifyPassword } from '../../src/auth/password-hash.ts';
import { parseConfig } from '../../src/config/load.ts';
import { generatePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { parseAuthorizedKey } from '../../src/crypto/keys/public-key.ts';
import { ConfigError } from '../../src/policy/config-error.ts';
import { credentialInWords, credentialKind, credentialsOf } from '../../src/server/user-credentials.ts';
import { ConfiguredUsers } from '../../src/server/users.ts';

let folder = '';
let hash = '';
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'latticeport-users-'));
  hash = await hashPassword('secret');
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const users = (...list: object[]): ConfiguredUsers => usersWith([], ...list);

function usersWith(trustedUserCaKeys: readonly string[], ...list: object[]): ConfiguredUsers {
  const file = path.join(folder, 'latticeport.json');
  const text = JSON.stringify({
    hostKeys: ['x'],
    storage: { type: 'memory' },
    auth: { trustedUserCaKeys },
    users: list,
  });
  return new ConfiguredUsers(parseConfig(text, file).config, file, false);
}
const find = (from: ConfiguredUsers, name: string) => from.find(name, { remoteAddress: '192.0.2.1' });

describe('a password hash in a file of its own', () => {
  test('counts like one in the configuration, with or without the end of its line', async () => {
    for (const end of ['', '\n', '\r\n']) {
      writeFileSync(path.join(folder, 'hash'), `${hash}${end}`);
      const found = await find(users({ name: 'x', passwordHashFile: 'hash' }), 'x');
      expect(await verifyPassword('secret', found?.passwordHash ?? null)).toBe(true);
    }
  });

  test.each<[string, object, RegExp]>([
    ['is not there', { passwordHashFile: 'nowhere' }, /passwordHashFile: cannot be read: ENOENT/],
    ['is no hash', { passwordHashFile: 'wrong' }, /passwordHashFile: /],
    ['is one of two', { passwordHashFile: 'wrong', passwordHash: '$x' }, /only one of them can count/],
  ])('is refused where it %s', (_what, settings, message) => {
    writeFileSync(path.join(folder, 'wrong'), 'hello');
    const make = () => users({ name: 'x', ...settings });
    expect(make).toThrow(ConfigError);
    expect(make).toThrow(message);
  });
});

test('a user that is disabled is not found', async () => {
  const both = users({ name: 'x', passwordHash: hash, disabled: true }, { name: 'y', passwordHash: hash });
  expect(await find(both, 'x')).toBeNull();
  expect((await find(both, 'y'))?.name).toBe('y');
  expect(both.size).toBe(2);
});

describe('keys of certificate authorities', () => {
  const [shared, own] = [generatePrivateKey('ed25519').publicKey, generatePrivateKey('ecdsa-256').publicKey];
  const blobOf = (line: string): Buffer => parseAuthorizedKey(line).blob;
  const trustOf = async (from: ConfiguredUsers, name: string) => {
    const certificates = (await find(from, name))?.certificates;
    return certificates && { ...certificates, caKeys: certificates.caKeys.map(({ blob }) => blob) };
  };

  test("are the server's and the user's; the user's name is its principal where it has no others", async () => {
    const from = usersWith([shared], { name: 'x', trustedCaKeys: [own], principals: ['a', 'b'] }, { name: 'y' });
    expect(await trustOf(from, 'x')).toEqual({ caKeys: [blobOf(shared), blobOf(own)], principals: ['a', 'b'] });
    expect(await trustOf(from, 'y')).toEqual({ caKeys: [blobOf(shared)], principals: ['y'] });
    expect(from.findCa(blobOf(own))?.type).toBe('ecdsa-sha2-nistp256');
    expect(from.findCa(blobOf(shared))?.type).toBe('ssh-ed25519');
    expect(from.findCa(Buffer.from('no key'))).toBeUndefined();
  });

  test('are of nobody where there are none', async () => {
    const from = users({ name: 'x', passwordHash: hash, principals: ['a'] });
    expect(await trustOf(from, 'x')).toBeUndefined();
    expect(from.findCa(blobOf(shared))).toBeUndefined();
  });

  test.each<[string, () => unknown, RegExp]>([
    ['of the server', () => usersWith(['nonsense'], { name: 'x' }), /\$\.auth\.trustedUserCaKeys\[0\]: not a usable/],
    ['of a user', () => users({ name: 'x', trustedCaKeys: [own, 'x'] }), /\$\.users\[0\]\.trustedCaKeys\[1\]: not a/],
    ['that are none', () => users({ name: 'x' }), /neither publicKeys nor a passwordHash nor trustedCaKeys/],
    ['without principals', () => users({ name: 'x', trustedCaKeys: [own], principals: [] }), /principals/],
  ])('%s that cannot be used end the start', (_what, make, message) => {
    expect(make).toThrow(ConfigError);
    expect(make).toThrow(message);
  });
});

test('what a user may log in with names the CAs: a post-quantum one may certify either kind of key', async () => {
  const [classical, strong] = [
    generatePrivateKey('ed25519').publicKey,
    generatePrivateKey('mldsa44-ed25519').publicKey,
  ];
  const user = await find(usersWith([classical], { name: 'x', trustedCaKeys: [strong], publicKeys: [classical] }), 'x');
  const credentials = user === null ? [] : credentialsOf(user, ['publickey', 'password']);
  expect(credentials.map((each) => [credentialKind(each), each.postQuantum])).toEqual([
    ['ssh-ed25519', false],
    ['certificates of ssh-ed25519 for keys', false],
    ['certificates of ssh-mldsa44-ed25519 for post-quantum keys', true],
    ['certificates of ssh-mldsa44-ed25519 for classical keys', false],
  ]);
  const { fingerprint } = parseAuthorizedKey(strong);
  expect(credentials.map(credentialInWords)).toContain(
    `certificates of the CA ssh-mldsa44-ed25519 ${fingerprint} for classical keys`,
  );
});
