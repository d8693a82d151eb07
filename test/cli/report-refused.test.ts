// `report --require-from`: who would be refused on a day.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { CliError } from '../../src/cli/cli-error.ts';
import type { RefusedOn } from '../../src/cli/report/would-be-refused.ts';
import { closed, negotiated, type SessionChanges } from '../policy/session-log.ts';
import { CommanderError, runCommand } from './run-command.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'latticeport-refused-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Login {
  readonly event?: string;
  readonly reason?: string;
  readonly method?: string;
  readonly keyType?: string;
  readonly signatureAlgorithm?: string;
  readonly algorithm?: string;
  readonly fingerprint?: string;
  readonly certificate?: object;
}

const ED25519: Login = { keyType: 'ssh-ed25519', signatureAlgorithm: 'ssh-ed25519', fingerprint: 'SHA256:old' };
const ML_DSA: Login = {
  keyType: 'ssh-mldsa44-ed25519',
  signatureAlgorithm: 'ssh-mldsa44-ed25519',
  fingerprint: 'SHA256:new',
};
const certified = (caSignatureAlgorithm: string): Login => ({
  ...ML_DSA,
  keyType: 'ssh-mldsa44-ed25519-cert',
  certificate: { serial: '1', keyId: 'id', caFingerprint: 'SHA256:ca', caSignatureAlgorithm },
});
const PASSWORD: Login = { method: 'password' };

let sessions = 0;
/** The lines of one session. */
function session(user: string, day: string, kex: SessionChanges, login: Login): object[] {
  sessions += 1;
  const id = String(sessions);
  const time = `2026-11-${day}T08:00:00.000Z`;
  const event = { sessionId: id, time, event: 'auth.success', user, method: 'publickey', ...login };
  return [negotiated(id, { ...kex, time }), event, closed(id)];
}

const OLD = { classical: true, clientVersion: 'SSH-2.0-OpenSSH_8.0' };
const NEW = { clientVersion: 'SSH-2.0-OpenSSH_10.6p1' };

const LINES = [
  ...session('old', '01', OLD, ED25519),
  ...session('old', '03', OLD, ED25519),
  ...session('half', '02', NEW, ED25519),
  ...session('changed', '01', { ...NEW, classical: true }, PASSWORD),
  ...session('changed', '09', NEW, ML_DSA),
  ...session('safe', '04', NEW, ML_DSA),
  ...session('certified', '06', NEW, certified('ssh-mldsa44-ed25519')),
  ...session('vouched-for', '07', NEW, certified('rsa-sha2-512')),
  // Refused already: it has the right credential, and will come again.
  ...session('refused', '05', OLD, {
    ...ML_DSA,
    event: 'auth.failure',
    reason: 'not-post-quantum',
    algorithm: 'ssh-mldsa44-ed25519',
  }),
  // A stranger is nobody's partner.
  ...session('stranger', '06', OLD, { ...PASSWORD, event: 'auth.failure', reason: 'wrong-password' }),
];

const log = path.join(folder, 'sessions.log');
writeFileSync(log, LINES.map((line) => `${JSON.stringify(line)}\n`).join(''));

function configFile(users: object[], server: object = {}): string {
  const file = path.join(folder, 'latticeport.json');
  writeFileSync(file, JSON.stringify({ hostKeys: ['key'], storage: { type: 'memory' }, ...server, users }));
  return file;
}

async function refused(...args: string[]): Promise<RefusedOn> {
  const { output } = await runCommand(['report', '--json', '--require-from', '2027-01-31', ...args, log]);
  return (JSON.parse(output) as { refused: RefusedOn }).refused;
}

const named = ({ partners }: RefusedOn): string[] => partners.map(({ user, setting }) => `${user} ${setting}`).sort();

describe('without a configuration all are required to have all', () => {
  test('who is listed, by what, and when it was seen', async () => {
    const found = await refused();
    expect(found).toMatchObject({ date: '2027-01-31', config: null, notSeen: [] });
    expect(named(found)).toEqual([
      'changed requirePostQuantum',
      'changed requirePostQuantumKey',
      'half requirePostQuantumKey',
      'old requirePostQuantum',
      'old requirePostQuantumKey',
      'refused requirePostQuantum',
      'vouched-for requirePostQuantumKey',
    ]);
    expect(found.partners.find(({ user }) => user === 'vouched-for')?.because).toBe(
      'ssh-mldsa44-ed25519-cert SHA256:new of a CA with rsa-sha2-512',
    );
    const times = found.partners.map(({ lastSeen }) => lastSeen ?? '');
    expect(times).toEqual([...times].sort().reverse());
    expect(found.partners.find(({ user, setting }) => user === 'old' && setting === 'requirePostQuantum')).toEqual({
      user: 'old',
      clientVersion: 'SSH-2.0-OpenSSH_8.0',
      setting: 'requirePostQuantum',
      setBy: null,
      because: 'curve25519-sha256',
      logins: 2,
      lastSeen: '2026-11-03T08:00:00.000Z',
      lastPostQuantum: null,
      advice: 'OpenSSH 8.0 cannot; 9.0 and newer can without configuration.',
    });
  });

  test('who has changed over is known by its last post-quantum login', async () => {
    const { partners } = await refused();
    const changed = partners.filter(({ user }) => user === 'changed');
    expect(changed.map(({ because, lastPostQuantum }) => [because, lastPostQuantum]).sort()).toEqual([
      ['curve25519-sha256', '2026-11-09T08:00:00.000Z'],
      ['password', '2026-11-09T08:00:00.000Z'],
    ]);
  });
});

describe('with a configuration its settings count on that day', () => {
  test('of the users and of the server', async () => {
    const config = configFile(
      [
        { name: 'old', requirePostQuantum: { from: '2027-01-31' } },
        { name: 'half', requirePostQuantumKey: { from: '2027-02-01' } },
        { name: 'changed', requirePostQuantumKey: false },
        { name: 'unseen', requirePostQuantum: true },
        { name: 'unseen and gone', requirePostQuantum: true, disabled: true },
      ].map((user) => ({ ...user, name: user.name.replaceAll(' ', '-') })),
      { requirePostQuantumKey: { from: '2027-01-01' } },
    );
    const found = await refused('--config', config);
    expect(found.partners.map(({ user, setting, setBy }) => [user, setting, setBy]).sort()).toEqual([
      ['old', 'requirePostQuantum', 'user'],
      ['old', 'requirePostQuantumKey', 'server'],
    ]);
    expect(found).toMatchObject({ config, notSeen: ['unseen'] });
  });

  test('of a user of whom nothing is required nothing is said', async () => {
    expect((await refused('--config', configFile([{ name: 'old' }]))).partners).toEqual([]);
  });
});

test('a table on the terminal, with what the clients would be told', async () => {
  const { output } = await runCommand(['report', '--require-from', '2027-01-31', log]);
  expect(output).toMatch(/^Who would be refused on 2027-01-31, were all users required to be post-quantum$/m);
  expect(output).toMatch(
    /^ {2}old +SSH-2\.0-OpenSSH_8\.0 +requirePostQuantum +curve25519-sha256 +2 +2026-11-03T08:00:00\.000Z +-$/m,
  );
  expect(output).toMatch(/^ {2}half +SSH-2\.0-OpenSSH_10\.6p1 +requirePostQuantumKey +ssh-ed25519 SHA256:old +1 /m);
  expect(output).toMatch(/^ {2}SSH-2\.0-OpenSSH_8\.0: OpenSSH 8\.0 cannot; 9\.0 and newer can/m);
  const bounded = await runCommand(['report', '--require-from', '2027-01-31', '--top', '2', log]);
  expect(bounded.output).toContain('  … and 4 more\n');
});

test('a section of the page, with every name escaped', async () => {
  const page = path.join(folder, 'page.html');
  const hostile = path.join(folder, 'hostile.log');
  const lines = session('<b>user', '01', { classical: true, clientVersion: 'SSH-2.0-<i>' }, PASSWORD);
  writeFileSync(hostile, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  await runCommand(['report', '--require-from', '2027-01-31', '--html', page, hostile]);
  const html = readFileSync(page, 'utf8');
  expect(html).toContain('<h2>Who would be refused on 2027-01-31, were all users required to be post-quantum</h2>');
  expect(html).toContain('<td>&lt;b&gt;user</td><td class="name">SSH-2.0-&lt;i&gt;</td><td>requirePostQuantum</td>');
  expect(html).not.toMatch(/<b>user|<i>|<script|https?:/);
});

test('nobody, in words', async () => {
  const safe = path.join(folder, 'safe.log');
  writeFileSync(
    safe,
    session('safe', '01', NEW, ML_DSA)
      .map((line) => `${JSON.stringify(line)}\n`)
      .join(''),
  );
  const { output, exitCode } = await runCommand(['report', '--require-from', '2027-01-31', '--strict', safe]);
  expect(output).toContain('  nobody of whom these logs tell\n');
  expect(exitCode).toBe(0);
});

test('--strict counts them', async () => {
  const half = path.join(folder, 'half.log');
  writeFileSync(
    half,
    session('half', '02', NEW, ED25519)
      .map((line) => `${JSON.stringify(line)}\n`)
      .join(''),
  );
  expect((await runCommand(['report', '--strict', half])).exitCode).toBe(0);
  expect((await runCommand(['report', '--strict', '--require-from', '2027-01-31', half])).exitCode).toBe(3);
});

test.each(['tomorrow', '2027-13-01', '2027-02-30', '2027-1-31'])('%s is no date', async (date) => {
  await expect(runCommand(['report', '--require-from', date, log])).rejects.toThrow(CommanderError);
});

test('--config alone is an error', async () => {
  await expect(runCommand(['report', '--config', 'x.json', log])).rejects.toThrow(CliError);
});
