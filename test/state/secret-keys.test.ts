import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { loadSecretBox, makeSecretKeyFile, SecretKeyError } from '../../src/state/secret-keys.ts';

const KEY = Buffer.alloc(32, 0xfb);
const PLACE = ['access-key', '', 'LPAK'];

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'latticeport-keys-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

let count = 0;
function keyFile(text: string, mode = 0o600): string {
  count += 1;
  const file = join(directory, `keys-${count}`);
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

const load = (text: string, mode?: number) => loadSecretBox({ type: 'file', file: keyFile(text, mode) });

describe('a file of secret keys', () => {
  test('base64, base64url and hexadecimal are the same key, and the first line encrypts', () => {
    const sealed = load(`k1:${KEY.toString('base64')}\n`).seal('secret', PLACE);
    for (const encoded of [KEY.toString('base64url'), KEY.toString('hex'), KEY.toString('hex').toUpperCase()]) {
      const box = load(`# keys\r\n\r\nk2:${'00'.repeat(32)}\r\nk1:${encoded}`);
      expect(box.keyId).toBe('k2');
      expect(box.open(sealed, PLACE)).toBe('secret');
    }
  });

  test.each([
    ['nothing', '\n# only a comment\n', 'holds no key'],
    ['no id', `${KEY.toString('hex')}\n`, 'line 1: id:key is expected'],
    ['a strange id', `k 1:${KEY.toString('hex')}`, 'line 1: id:key is expected'],
    ['a long id', `${'k'.repeat(65)}:${KEY.toString('hex')}`, 'line 1: id:key is expected'],
    [
      'a short key',
      `\nk1:${KEY.subarray(1).toString('hex')}`,
      'line 2: 32 bytes in base64 or hexadecimal are expected',
    ],
    ['a long key', `k1:${KEY.toString('hex')}00`, 'line 1: 32 bytes'],
    ['no base64', `k1:${'!'.repeat(44)}`, 'line 1: 32 bytes'],
    ['an id twice', `k1:${KEY.toString('hex')}\nk1:${'00'.repeat(32)}`, 'line 2: there are two keys "k1"'],
    [
      'too many',
      Array.from({ length: 101 }, (_, index) => `k${index}:${'00'.repeat(32)}`).join('\n'),
      'more than 100 keys',
    ],
    ['a huge file', '#'.repeat(70_000), 'has more than 65536 bytes'],
  ])('is refused with %s, and nothing of a key is in the message', (_, text, expected) => {
    const refused = (): unknown => load(text);
    expect(refused).toThrow(SecretKeyError);
    expect(refused).toThrow(expected);
    try {
      refused();
    } catch (error) {
      expect(String(error)).not.toContain('fbfbfb');
    }
  });

  test.each([0o644, 0o640, 0o604, 0o660])('is refused where others can read it: mode %o', (mode) => {
    expect(() => load(`k1:${KEY.toString('hex')}`, mode)).toThrow('can be read by others: run chmod 600 on it');
  });

  test('is named where it is not there', () => {
    expect(() => loadSecretBox({ type: 'file', file: join(directory, 'none') })).toThrow(join(directory, 'none'));
  });

  test('is made once, for its owner only, and not made again', () => {
    const file = join(directory, 'new', 'deep', 'keys');
    expect(makeSecretKeyFile(file)).toBe(true);
    const made = readFileSync(file, 'latin1');
    expect(made).toMatch(/^k[0-9a-f]{8}:[A-Za-z0-9+/]{43}=\n$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, 'new')).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(directory, 'new', 'deep'))).toEqual(['keys']);
    expect(makeSecretKeyFile(file)).toBe(false);
    expect(readFileSync(file, 'latin1')).toBe(made);
    expect(readdirSync(join(directory, 'new', 'deep'))).toEqual(['keys']);
    const box = loadSecretBox({ type: 'file', file });
    expect(box.open(box.seal('secret', PLACE), PLACE)).toBe('secret');
  });

  test('that cannot be made is named', () => {
    expect(() => makeSecretKeyFile(join(keyFile(''), 'below-a-file'))).toThrow(SecretKeyError);
  });
});

describe('a variable with secret keys', () => {
  const VARIABLE = 'LATTICEPORT_TEST_SECRET_KEYS';

  test('has them in lines or words', () => {
    try {
      process.env[VARIABLE] = `k2:${'00'.repeat(32)} k1:${KEY.toString('base64')}`;
      const box = loadSecretBox({ type: 'environment', variable: VARIABLE });
      expect(box.keyId).toBe('k2');
      expect(box.open(load(`k1:${KEY.toString('hex')}`).seal('secret', PLACE), PLACE)).toBe('secret');
      process.env[VARIABLE] = `\n  # the key of: 2026\nk3:${'00'.repeat(32)}\r\n# k4:none\nk1:${'11'.repeat(32)}\n`;
      expect(loadSecretBox({ type: 'environment', variable: VARIABLE }).keyId).toBe('k3');
      process.env[VARIABLE] = 'k1';
      expect(() => loadSecretBox({ type: 'environment', variable: VARIABLE })).toThrow(VARIABLE);
    } finally {
      Reflect.deleteProperty(process.env, VARIABLE);
    }
    expect(() => loadSecretBox({ type: 'environment', variable: VARIABLE })).toThrow('is not set');
  });
});

test('a file that is there is not touched, nor is its directory: a mounted secret may be read-only', () => {
  const file = join(directory, 'mounted', 'secret.key');
  expect(makeSecretKeyFile(file)).toBe(true);
  const before = statSync(join(directory, 'mounted'), { bigint: true }).mtimeNs;
  expect(makeSecretKeyFile(file)).toBe(false);
  expect(statSync(join(directory, 'mounted'), { bigint: true }).mtimeNs).toBe(before);
});
