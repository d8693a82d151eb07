import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { hashPassword, verifyPassword } from '../../src/auth/password-hash.ts';
import { parseConfig } from '../../src/config/load.ts';
import { ConfigError } from '../../src/policy/config-error.ts';
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

function users(...list: object[]): ConfiguredUsers {
  const file = path.join(folder, 'latticeport.json');
  const text = JSON.stringify({ hostKeys: ['x'], storage: { type: 'memory' }, users: list });
  return new ConfiguredUsers(parseConfig(text, file).config.users, file, false);
}
const find = (from: ConfiguredUsers, name: string) => from.find(name);

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
