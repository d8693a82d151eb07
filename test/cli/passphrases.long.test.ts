// Encrypted private keys, as an operator meets them: keygen makes them, serve and check-config ask for the passphrase.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { parseAuthorizedKey } from '../../src/crypto/keys/public-key.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import { findPeer } from '../peers/peers.ts';
import type { Finished } from '../peers/process.ts';
import { runProgram } from '../peers/process.ts';
import { MODERN } from '../transport/transport-pair.ts';
import { hasTerminals, OnTerminal } from './on-terminal.ts';

const MAIN = path.resolve(import.meta.dirname, '../../dist/cli/main.js');
const base = mkdtempSync(path.join(tmpdir(), 'latticeport-passphrases-'));
const terminals: OnTerminal[] = [];
let folder = '';
let count = 0;

beforeEach(() => {
  count += 1;
  folder = path.join(base, String(count));
  mkdirSync(folder);
});
afterEach(() => {
  for (const terminal of terminals.splice(0)) terminal.kill();
});
afterAll(() => {
  rmSync(base, { recursive: true, force: true });
});

const at = (name: string): string => path.join(folder, name);
const latticeport = (...args: readonly string[]): Promise<Finished> =>
  runProgram([process.execPath, MAIN, ...args], { cwd: folder, input: '', timeoutMs: 60_000 });
function onTerminal(...args: readonly string[]): OnTerminal {
  const terminal = new OnTerminal([process.execPath, MAIN, ...args], folder);
  terminals.push(terminal);
  return terminal;
}
const read = (file: string): string => readFileSync(at(file), 'utf8');

async function encryptedKey(file: string, passphrase: string, ...args: readonly string[]): Promise<void> {
  writeFileSync(at('passphrase'), `${passphrase}\n`);
  const { code, stderr } = await latticeport('keygen', file, '--passphrase-file', 'passphrase', ...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  rmSync(at('passphrase'));
}

describe('keygen', () => {
  test('encrypts with the first line of a file', async () => {
    await encryptedKey('key', 'correct horse');
    expect(statSync(at('key')).mode & 0o777).toBe(0o600);
    expect(parsePrivateKey(read('key'), 'correct horse').publicKey.blob).toEqual(
      parseAuthorizedKey(read('key.pub')).blob,
    );
    expect(() => parsePrivateKey(read('key'), 'correct')).toThrow('wrong passphrase');
    expect(() => parsePrivateKey(read('key'))).toThrow('private key is encrypted');
  });

  test.each([
    [['--passphrase'], 'there is no terminal to ask for a passphrase: use --passphrase-file FILE'],
    [['--passphrase-file', 'empty'], 'empty has an empty first line'],
    [['--passphrase-file', 'nowhere'], 'the passphrase cannot be read: ENOENT'],
  ])('refuses %j, and writes nothing', async (options, message) => {
    writeFileSync(at('empty'), '\nsecond line\n');
    const { code, stdout, stderr } = await latticeport('keygen', 'key', ...options);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(message);
    expect(() => statSync(at('key'))).toThrow('ENOENT');
  });
});

const withTerminal = hasTerminals ? test : test.skip;

describe('keygen on a terminal', () => {
  withTerminal('asks twice, and shows nothing of it', async () => {
    const terminal = onTerminal('keygen', 'key', '--passphrase');
    const first = await terminal.shows('Passphrase: ');
    // A letter too many, and taken back.
    terminal.type('pässwordX\u007f\r');
    await terminal.shows('The same again: ', first);
    terminal.type('pässword\r');
    await terminal.shows('SHA256:');
    expect(await terminal.end()).toBe(0);
    expect(terminal.screen).not.toContain('sswor');
    expect(parsePrivateKey(read('key'), 'pässword').publicKey.blob).toEqual(parseAuthorizedKey(read('key.pub')).blob);
  });

  withTerminal('takes both where they are typed ahead', async () => {
    const terminal = onTerminal('keygen', 'key', '--passphrase');
    await terminal.shows('Passphrase: ');
    terminal.type('secret\rsecret\r');
    await terminal.shows('SHA256:');
    expect(await terminal.end()).toBe(0);
    expect(parsePrivateKey(read('key'), 'secret').publicKey.type).toBe('ssh-ed25519');
  });

  withTerminal.each([
    ['another one the second time', ['secret\r', 'Secret\r'], 'the two passphrases differ'],
    ['an empty one', ['\r'], 'the passphrase is empty'],
    ['Ctrl-C', ['sec\u0003'], 'interrupted'],
  ])('%s: no key', async (_what, answers, message) => {
    const terminal = onTerminal('keygen', 'key', '--passphrase');
    let from = 0;
    for (const [index, answer] of answers.entries()) {
      from = await terminal.shows(index === 0 ? 'Passphrase: ' : 'The same again: ', from);
      terminal.type(answer);
    }
    await terminal.shows(message, from);
    expect(await terminal.end()).toBe(1);
    expect(() => statSync(at('key'))).toThrow('ENOENT');
  });
});

function configure(hostKeys: readonly string[], more: object = {}): void {
  const config = { listen: { host: '127.0.0.1', port: 0 }, hostKeys, storage: { type: 'memory' }, ...more };
  writeFileSync(at('latticeport.json'), JSON.stringify(config));
}

describe('host keys', () => {
  test('without a terminal the start says that there is no passphrase', async () => {
    await encryptedKey('host', 'secret');
    configure(['host']);
    for (const command of ['serve', 'check-config']) {
      const { code, stderr } = await latticeport(command);
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /latticeport\.json: \$\.hostKeys\[0\]: \S+host: private key is encrypted, and no passphrase was given\n$/,
      );
    }
  });

  withTerminal(
    'check-config asks once for a passphrase that opens several, three times for one that is wrong',
    async () => {
      await encryptedKey('one', 'secret');
      await encryptedKey('two', 'secret', '-t', 'ecdsa');
      configure(['one', 'two']);
      const good = onTerminal('check-config');
      let from = await good.shows('one: ');
      good.type('Secret\r');
      from = await good.shows('Wrong passphrase.', from);
      await good.shows('one: ', from);
      good.type('secret\r');
      await good.shows('2 host keys');
      expect(await good.end()).toBe(0);
      expect(good.screen).not.toContain('Passphrase of two');
      const wrong = onTerminal('check-config');
      from = 0;
      for (let attempt = 0; attempt < 3; attempt += 1) {
        from = await wrong.shows('one: ', from);
        wrong.type('x\r');
      }
      await wrong.shows('wrong passphrase', from);
      expect(await wrong.end()).toBe(1);
    },
  );

  withTerminal.each([1, 2])(
    'serve with %i worker(s) asks before it listens, and reloads without asking',
    async (workers) => {
      await encryptedKey('host', 'secret');
      configure(['host'], { workers, log: { format: 'json' } });
      const terminal = onTerminal('serve');
      await terminal.shows('host: ');
      terminal.type('secret\r');
      await terminal.shows(workers === 1 ? '"server.listening"' : '"primary.ready"');
      const port = Number(/"port":(\d+)/.exec(terminal.screen)?.[1]);
      const hostKey = async (): Promise<Buffer> => {
        const client = SshTestClient.connect(port, { algorithms: MODERN });
        const exchanged = await client.keyExchange();
        client.end();
        return exchanged.hostKey.blob;
      };
      const expected = parseAuthorizedKey(read('host.pub')).blob;
      expect(await hostKey()).toEqual(expected);
      process.kill(terminal.pid, 'SIGHUP');
      await terminal.shows('"config.reloaded"');
      expect(await hostKey()).toEqual(expected);
      terminal.type('\u0003');
      expect(await terminal.end()).toBe(0);
      expect(terminal.screen.split('Passphrase of')).toHaveLength(2);
    },
  );
});

const peer = findPeer('openssh-mldsa');
const given = peer === null ? test.skip : test;

given(
  `ssh-keygen ${peer?.version ?? '(not installed)'} reads what keygen encrypted, and only with its passphrase`,
  async () => {
    await encryptedKey('key', 'correct horse', '-t', 'mldsa44-ed25519');
    const [program = '', ...first] = peer?.program('ssh-keygen') ?? [];
    const publicKey = (passphrase: string): string =>
      execFileSync(program, [...first, '-y', '-P', passphrase, '-f', at('key')], { encoding: 'utf8', stdio: 'pipe' });
    expect(publicKey('correct horse')).toBe(read('key.pub'));
    expect(() => publicKey('wrong')).toThrow('incorrect passphrase');
  },
);
