// The built command on a configuration as people have it: what it says to change is changed, until nothing is left.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Change, Finding } from '../../../src/cli/doctor/finding.ts';
import { generatePrivateKey } from '../../../src/crypto/keys/private-key.ts';
import type { Finished } from '../../peers/process.ts';
import { runProgram } from '../../peers/process.ts';

const MAIN = path.resolve(import.meta.dirname, '../../../dist/cli/main.js');
const folder = mkdtempSync(path.join(tmpdir(), 'latticeport-doctor-'));
const file = path.join(folder, 'latticeport.json');

afterAll(() => {
  rmSync(folder, { recursive: true });
});

type Setting = Record<string | number, unknown>;

function latticeport(...args: string[]): Promise<Finished> {
  return runProgram([process.execPath, MAIN, ...args], { cwd: folder, timeoutMs: 60_000 });
}

beforeAll(async () => {
  mkdirSync(path.join(folder, 'keys'));
  const made = await latticeport('keygen', 'keys/ssh_host_ed25519_key', '--type', 'ed25519');
  expect(made).toMatchObject({ code: 0 });
  const publicKeys = [
    generatePrivateKey('ed25519', undefined, 'a').publicKey,
    generatePrivateKey('mldsa44-ed25519', undefined, 'b').publicKey,
  ];
  const config = {
    hostKeys: ['keys/ssh_host_ed25519_key'],
    storage: { type: 'local', root: 'data' },
    postQuantum: 'offer',
    metrics: { host: '0.0.0.0' },
    users: [{ name: 'acme', publicKeys }],
  };
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
});

/** `$.users[0].publicKeys` as its steps. */
function stepsOf(setting: string): (string | number)[] {
  return [...setting.matchAll(/\.(\w+)|\[(\d+)\]/g)].map(([, name, index]) => name ?? Number(index));
}

async function apply(change: Change): Promise<void> {
  if ('command' in change) {
    const [program, ...args] = change.command.split(' ');
    expect(program).toBe('latticeport');
    expect(await latticeport(...args)).toMatchObject({ code: 0 });
    return;
  }
  expect(change.file).toBe('latticeport.json');
  const config = JSON.parse(readFileSync(file, 'utf8')) as Setting;
  const steps = stepsOf(change.setting);
  let at: Setting = config;
  for (const step of steps.slice(0, -1)) at = at[step] as Setting;
  at[steps.at(-1) ?? ''] = change.value;
  writeFileSync(file, JSON.stringify(config));
}

async function findings(): Promise<{ code: number | null; open: Finding[] }> {
  const { code, stdout, stderr } = await latticeport('doctor', '--json');
  expect(stderr).toBe('');
  const told = JSON.parse(stdout) as { findings: Finding[] };
  return { code, open: told.findings.filter(({ verdict }) => verdict !== 'ok') };
}

test('from a usual configuration to one without findings, by what it says itself', async () => {
  const first = await findings();
  expect(first.code).toBe(1);
  expect(first.open.map(({ id }) => id)).toEqual([
    'key-exchange.offer',
    'key-exchange.classical',
    'host-keys.classical-only',
    'users.classical-beside',
    'metrics.plain',
  ]);
  for (const { changes } of first.open) for (const change of changes) await apply(change);
  // Whether clients still need the classical key only people know.
  const second = await findings();
  expect(second.open.map(({ id }) => id)).toEqual(['host-keys.classical-beside']);
  const config = JSON.parse(readFileSync(file, 'utf8')) as { hostKeys: string[] };
  config.hostKeys.shift();
  writeFileSync(file, JSON.stringify(config));
  expect(await findings()).toEqual({ code: 0, open: [] });
  // And a server would start with it.
  expect(await latticeport('check-config')).toMatchObject({ code: 0 });
});

test('for people, without colours where no terminal is; exit code 2 where there is nothing to read', async () => {
  const page = await latticeport('doctor', '--config', file);
  expect(page).toMatchObject({ code: 0, stderr: '' });
  expect(page.stdout).toContain('Quantum-safe, as far as can be seen from here.');
  expect(page.stdout).not.toContain('\u001b');
  const none = await latticeport('doctor', '--config', 'nowhere.json');
  expect(none).toMatchObject({ code: 2, stdout: '' });
  expect(none.stderr).toMatch(/^latticeport: nowhere\.json: \$: cannot be read: [^\n]+\n$/);
});
