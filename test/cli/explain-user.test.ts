// `policy explain --user`: what the settings of a user and of the server make of a client.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { hashPassword } from '../../src/auth/password-hash.ts';
import { CliError } from '../../src/cli/cli-error.ts';
import { generatePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { ConfigError } from '../../src/policy/config-error.ts';
import type { ConfigInput } from '../server/test-server.ts';
import { runCommand, type CommandResult } from './run-command.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'latticeport-explain-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const CLASSICAL = generatePrivateKey('ed25519', undefined, 'a').publicKey;
const POST_QUANTUM = generatePrivateKey('mldsa44-ed25519', undefined, 'b').publicKey;
const PASSWORD_HASH = await hashPassword('a password that is printed nowhere');

let count = 0;
function configFile(changes: Partial<ConfigInput>): string {
  count += 1;
  const file = path.join(folder, `${count}.json`);
  const config = { hostKeys: ['key'], storage: { type: 'memory' }, ...changes };
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  return file;
}

type User = NonNullable<ConfigInput['users']>[number];
const user = (name: string, settings: Partial<User> = {}): User => ({ name, publicKeys: [CLASSICAL], ...settings });

function explain(changes: Partial<ConfigInput>, name: string, ...args: string[]): Promise<CommandResult> {
  return runCommand(['policy', 'explain', '--config', configFile(changes), '--user', name, ...args]);
}

const OLD = ['--client', 'curve25519-sha256'];
const NEW = ['--client-preset', 'openssh-10'];

test('certificates of a CA that the server or the user trusts', async () => {
  const users: User[] = [{ name: 'acme', trustedCaKeys: [POST_QUANTUM], requirePostQuantumKey: true }];
  const { output, exitCode } = await explain({ auth: { trustedUserCaKeys: [CLASSICAL] }, users }, 'acme', ...NEW);
  const by = 'refused, by requirePostQuantumKey of the user';
  expect(output).toMatch(new RegExp(`certificates of the CA ssh-ed25519 SHA256:\\S+ for keys: ${by}`));
  expect(output).toMatch(/certificates of the CA ssh-mldsa44-ed25519 SHA256:\S+ for post-quantum keys: let in/);
  expect(output).toMatch(new RegExp(`CA ssh-mldsa44-ed25519 SHA256:\\S+ for classical keys: ${by}`));
  expect(exitCode).toBe(0);
  // A user who has nothing but the CA of the server may log in.
  const other = await explain({ auth: { trustedUserCaKeys: [CLASSICAL] }, users: [{ name: 'acme' }] }, 'acme', ...NEW);
  expect(other.output).toMatch(/certificates of the CA ssh-ed25519 SHA256:\S+ for keys: let in/);
});

describe('the key exchange', () => {
  test.each<[what: string, settings: Partial<ConfigInput>, own: Partial<User>, code: number, words: string]>([
    ['nothing required', {}, {}, 3, 'the key exchange: let in\n'],
    [
      'of the user',
      {},
      { requirePostQuantum: true },
      5,
      'the key exchange: refused, by requirePostQuantum of the user\n',
    ],
    [
      'of the server',
      { requirePostQuantum: { from: '2020-01-01' } },
      {},
      5,
      'the key exchange: refused since 2020-01-01, by requirePostQuantum of the server\n',
    ],
    [
      'later',
      {},
      { requirePostQuantum: { from: '9999-12-31' } },
      3,
      'the key exchange: let in; refused from 9999-12-31 on, by requirePostQuantum of the user\n',
    ],
    ['exempt', { requirePostQuantum: true }, { requirePostQuantum: false }, 3, 'the key exchange: let in\n'],
  ])('%s', async (_what, settings, own, code, words) => {
    const { output, exitCode } = await explain({ ...settings, users: [user('acme', own)] }, 'acme', ...OLD);
    expect(output).toContain(words);
    expect(exitCode).toBe(code);
    // What the client would be told goes with what is refused.
    expect(output.includes('the client is told: Use a client that can')).toBe(!words.includes(': let in\n'));
  });

  test('that is post-quantum is let in', async () => {
    const users = [user('acme', { requirePostQuantum: true })];
    const { output, exitCode } = await explain({ users }, 'acme', ...NEW);
    expect(output).toContain('the key exchange: let in\n');
    expect(exitCode).toBe(0);
  });

  test('that there is not is not judged', async () => {
    const users = [user('acme', { requirePostQuantum: true })];
    const { output, exitCode } = await explain({ users, postQuantum: 'require' }, 'acme', ...OLD);
    expect(output).not.toContain('the key exchange: ');
    expect(exitCode).toBe(4);
  });
});

describe('each credential', () => {
  const all = { publicKeys: [CLASSICAL, POST_QUANTUM], passwordHash: PASSWORD_HASH, requirePostQuantumKey: true };

  test('is judged, and what would do is let in', async () => {
    const { output, exitCode } = await explain({ users: [user('acme', all)] }, 'acme', ...NEW);
    const by = 'refused, by requirePostQuantumKey of the user';
    expect(output).toMatch(new RegExp(`^  ssh-ed25519 SHA256:[^ ]+: ${by}$`, 'm'));
    expect(output).toMatch(/^ {2}ssh-mldsa44-ed25519 SHA256:[^ ]+: let in$/m);
    expect(output).toContain(`  a password: ${by}\n`);
    expect(output).toContain('the client is told: OpenSSH 10.6 can: make one with ssh-keygen -t mldsa44-ed25519');
    expect(output).not.toContain(PASSWORD_HASH);
    expect(exitCode).toBe(0);
  });

  test('of a method that is off is none', async () => {
    const auth = { methods: ['publickey' as const] };
    const { output } = await explain({ auth, users: [user('acme', all)] }, 'acme', ...NEW);
    expect(output).not.toContain('a password');
  });

  test('where all are refused so is the user', async () => {
    const { exitCode } = await explain({ requirePostQuantumKey: true, users: [user('acme')] }, 'acme', ...NEW);
    expect(exitCode).toBe(5);
  });
});

test('--json says it for programs', async () => {
  const users = [user('acme', { requirePostQuantumKey: { from: '9999-12-31' } })];
  const { output } = await explain({ requirePostQuantum: true, users }, 'acme', ...OLD, '--json');
  expect(JSON.parse(output)).toMatchObject({
    policy: 'TransferPQSecurityPolicy-2026-11',
    setting: 'insist',
    user: {
      name: 'acme',
      keyExchange: { refused: 'now', requirement: { setting: 'requirePostQuantum', setBy: 'server', value: true } },
      credentials: [
        {
          method: 'publickey',
          keyType: 'ssh-ed25519',
          postQuantum: false,
          refused: 'later',
          requirement: { setting: 'requirePostQuantumKey', setBy: 'user', value: { from: '9999-12-31' } },
        },
      ],
    },
  });
});

test('what is not said on the command line is as the configuration has it', async () => {
  const file = configFile({ securityPolicy: 'TransferSecurityPolicy-2025-03', postQuantum: 'offer' });
  const client = ['--client', 'curve25519-sha256, mlkem768x25519-sha256'];
  const { output } = await runCommand(['policy', 'explain', '--config', file, ...client]);
  expect(output).toContain('TransferSecurityPolicy-2025-03 with a client');
  expect(output).toContain('1. key exchange method: curve25519-sha256');
  const said = ['TransferPQSecurityPolicy-2026-11', '--post-quantum', 'insist'];
  const other = await runCommand(['policy', 'explain', ...said, '--config', file, ...client]);
  expect(other.output).toContain('TransferPQSecurityPolicy-2026-11 with a client');
  expect(other.output).toContain('1. key exchange method: mlkem768x25519-sha256');
});

test.each<[what: string, name: string, message: RegExp]>([
  ['a user that is not there', 'acne', /has no user "acne"; nearest: acme/],
  ['a user that is disabled', 'gone', /user "gone" of .* is disabled: it may not log in/],
])('%s is an error', async (_what, name, message) => {
  const failed = explain({ users: [user('acme'), user('gone', { disabled: true })] }, name, ...NEW);
  await expect(failed).rejects.toThrow(CliError);
  await expect(failed).rejects.toThrow(message);
});

test('neither policy nor configuration is an error, and so is a broken configuration', async () => {
  await expect(runCommand(['policy', 'explain', ...NEW])).rejects.toThrow(
    new CliError('say which policy: its name, or --config FILE'),
  );
  await expect(explain({ postQuantum: 'perhaps' as 'offer' }, 'acme', ...NEW)).rejects.toThrow(ConfigError);
});
