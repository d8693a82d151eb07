// `keygen`, `hash-password` and `check-config` as an operator meets them: the built program, what it writes and says.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { verifyPassword } from '../../src/auth/password-hash.ts';
import { parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { parseAuthorizedKey } from '../../src/crypto/keys/public-key.ts';
import type { Finished } from '../peers/process.ts';
import { runProgram } from '../peers/process.ts';

const MAIN = path.resolve(import.meta.dirname, '../../dist/cli/main.js');
const base = mkdtempSync(path.join(tmpdir(), 'latticeport-keys-'));
let folder = '';
let count = 0;

beforeEach(() => {
  count += 1;
  folder = path.join(base, String(count));
  mkdirSync(folder);
});
afterAll(() => {
  rmSync(base, { recursive: true, force: true });
});

async function latticeport(args: readonly string[], input = ''): Promise<Finished> {
  return runProgram([process.execPath, MAIN, ...args], { cwd: folder, input, timeoutMs: 20_000 });
}

/** One line that says what is wrong, no stack. */
async function refused(args: readonly string[], message: string | RegExp, input = ''): Promise<void> {
  const { code, stdout, stderr } = await latticeport(args, input);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/^\s+at /m);
}

describe('keygen', () => {
  test.each([
    [[], 'ssh-ed25519', 256],
    [['-t', 'mldsa44-ed25519'], 'ssh-mldsa44-ed25519', 512],
    [['-t', 'ecdsa'], 'ecdsa-sha2-nistp256', 256],
    [['-t', 'ecdsa', '-b', '521'], 'ecdsa-sha2-nistp521', 521],
    [['-t', 'rsa'], 'ssh-rsa', 3072],
  ])('%j', async (options, type, bits) => {
    const { code, stdout } = await latticeport(['keygen', ...options, '-c', 'a comment', 'key']);
    expect(code).toBe(0);
    const file = path.join(folder, 'key');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { publicKey } = parsePrivateKey(readFileSync(file, 'utf8'));
    expect(publicKey).toMatchObject({ type, bits });
    const line = readFileSync(`${file}.pub`, 'utf8');
    expect(line).toMatch(/ a comment\n$/);
    expect(parseAuthorizedKey(line).fingerprint).toBe(publicKey.fingerprint);
    expect(stdout).toBe(`key: ${type} ${bits} ${publicKey.fingerprint}\n`);
  });

  test('overwrites a key only when told to', async () => {
    await latticeport(['keygen', 'key']);
    const before = readFileSync(path.join(folder, 'key'), 'utf8');
    await refused(['keygen', 'key'], 'key is there already');
    expect(readFileSync(path.join(folder, 'key'), 'utf8')).toBe(before);
    expect((await latticeport(['keygen', '--force', 'key'])).code).toBe(0);
    expect(readFileSync(path.join(folder, 'key'), 'utf8')).not.toBe(before);
  });

  test.each([
    [['-t', 'dsa', 'key'], /Allowed choices are ed25519, mldsa44-ed25519, ecdsa, rsa/],
    [['-t', 'rsa', '-b', '1024', 'key'], '2048'],
    [['-t', 'ecdsa', '-b', '255', 'key'], '256, 384 or 521'],
    [['-b', 'many', 'key'], 'expected a number of bits'],
    [['nowhere/key'], 'cannot be written: ENOENT'],
  ])('refuses %j', async (options, message) => {
    await refused(['keygen', ...options], message);
  });
});

describe('hash-password', () => {
  test.each([[[]], [['--kind', 'pbkdf2-sha256']]])('%j: what it prints opens with the password', async (options) => {
    const { code, stdout } = await latticeport(['hash-password', ...options], 'correct horse\n');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\$\S+\n$/);
    expect(await verifyPassword('correct horse', stdout.trim())).toBe(true);
  });

  test('refuses an empty password', async () => {
    await refused(['hash-password'], 'the password is empty', '\n');
  });
});

describe('check-config', () => {
  async function configured(changes: Record<string, unknown> = {}): Promise<string> {
    await latticeport(['keygen', 'host_key']);
    const config = { hostKeys: ['host_key'], storage: { type: 'local', root: 'files' }, ...changes };
    writeFileSync(path.join(folder, 'latticeport.json'), JSON.stringify(config));
    return readFileSync(path.join(folder, 'host_key.pub'), 'utf8');
  }

  test('good, in the working directory where no file is named', async () => {
    const key = await configured();
    await configured({ users: [{ name: 'x', publicKeys: [key] }] });
    expect(await latticeport(['check-config'])).toMatchObject({
      code: 0,
      stdout:
        'latticeport.json: good. Policy TransferPQSecurityPolicy-2026-11, 1 host key, 1 user.\n' +
        'Every user sees files of its own only.\n',
    });
  });

  test('says who can see whose home, and warns of what does not stop a start', async () => {
    const key = await configured();
    mkdirSync(path.join(folder, 'policies'));
    writeFileSync(path.join(folder, 'policies', 'unused.json'), 'not JSON');
    await latticeport(['hash-password', '--kind', 'pbkdf2-sha256'], 'secret\n').then(({ stdout }) =>
      configured({
        policyDirectories: ['policies'],
        users: [
          { name: 'admin', publicKeys: [key], home: '/' },
          { name: 'acme', passwordHash: stdout.trim() },
        ],
      }),
    );
    chmodSync(path.join(folder, 'latticeport.json'), 0o644);
    const { code, stdout } = await latticeport(['check-config']);
    expect(code).toBe(0);
    expect(stdout).toContain(
      'Who can see whose files:\n  /acme of acme is also seen by admin (read and write, from /)\n',
    );
    expect(stdout).toMatch(/^Warning: .*unused\.json: \$: is not JSON/m);
    expect(stdout).toMatch(/^Warning: latticeport\.json: \$\.users\[1\]\.passwordHash: everybody on this machine/m);
  });

  test('good, but nobody can log in', async () => {
    await configured();
    expect((await latticeport(['check-config'])).stdout).toMatch(/0 users\.\nNobody can log in/);
  });

  test('a public key in the place of a host key', async () => {
    await configured({ hostKeys: ['host_key.pub'] });
    chmodSync(path.join(folder, 'host_key.pub'), 0o644);
    await refused(['check-config'], /\$\.hostKeys\[0\]: .*host_key\.pub is a public key/);
  });

  test('a policy that no host key fits names the command that makes one, and that command does', async () => {
    await configured({ securityPolicy: 'TransferPQSecurityPolicy-CNSA2-2026-11' });
    const { code, stderr } = await latticeport(['check-config']);
    expect(code).toBe(1);
    const command = /latticeport (keygen \S*ecdsa\S* .*)$/m.exec(stderr)?.[1]?.split(' ') ?? [];
    mkdirSync(path.join(folder, 'keys'));
    expect((await latticeport(command)).code).toBe(0);
    await configured({ securityPolicy: 'TransferPQSecurityPolicy-CNSA2-2026-11', hostKeys: [command[1]] });
    expect((await latticeport(['check-config'])).code).toBe(0);
  });

  test('a file that is not there', async () => {
    await refused(['check-config', 'nowhere.json'], 'nowhere.json: $: cannot be read: ENOENT');
  });
});
