import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { loadPolicies } from '../../src/policy/catalogue.ts';
import { ConfigError } from '../../src/policy/config-error.ts';
import { configErrorOf, policyDirectory, policyJson, writePolicy } from './policy-files.ts';

const named = (name: string, changes: Record<string, unknown> = {}) =>
  policyJson({ SecurityPolicyName: `TransferSecurityPolicy-${name}`, ...changes });
const A = 'TransferSecurityPolicy-A';
const B = 'TransferSecurityPolicy-B';
const kexOf = (catalogue: ReturnType<typeof loadPolicies>, name: string) => catalogue.get(name)?.algorithms.kex;

describe('loadPolicies', () => {
  test('reads every directory; not schema.json, hidden files or other suffixes', () => {
    const first = policyDirectory({ 'a.json': named('A'), 'schema.json': '{}', '.b.json': 'broken', 'README.md': '#' });
    const catalogue = loadPolicies([first, policyDirectory({ 'b.json': named('B') })]);
    expect(catalogue.all.map(({ name }) => name)).toEqual([A, B]);
    expect(catalogue.get(A)?.file).toBe(join(first, 'a.json'));
  });

  test('throws for a broken file, naming it', () => {
    const directory = policyDirectory({ 'a.json': named('A'), 'b.json': named('B', { SshKexs: [] }) });
    const error = configErrorOf(() => loadPolicies([directory]));
    expect(error.file).toBe(join(directory, 'b.json'));
    expect(error.jsonPath).toBe('$.SecurityPolicy.SshKexs');
  });

  test('throws for a name that two files define, naming both', () => {
    const [one, other] = [policyDirectory({ 'a.json': named('A') }), policyDirectory({ 'z.json': named('A') })];
    const error = configErrorOf(() => loadPolicies([one, other]));
    expect(error.file).toBe(join(other, 'z.json'));
    expect(error.jsonPath).toBe('$.SecurityPolicy.SecurityPolicyName');
    expect(error.message).toContain(join(one, 'a.json'));
  });

  test('throws for a directory that is not there', () => {
    const directory = join(policyDirectory(), 'missing');
    expect(configErrorOf(() => loadPolicies([directory])).message).toContain('ENOENT');
  });

  test.each([
    [
      'a directory',
      (file: string) => {
        mkdirSync(file);
      },
    ],
    [
      'a file that is too long',
      (file: string) => {
        writeFileSync(file, ' '.repeat(70_000));
      },
    ],
    [
      'a file that is not UTF-8',
      (file: string) => {
        writeFileSync(file, Buffer.from([0xff, 0xfe, 0x7b]));
      },
    ],
  ])('throws a ConfigError for %s', (_what, make) => {
    const directory = policyDirectory();
    make(join(directory, 'x.json'));
    expect(configErrorOf(() => loadPolicies([directory])).file).toBe(join(directory, 'x.json'));
  });

  test('require names the nearest policies', () => {
    const catalogue = loadPolicies([policyDirectory({ 'a.json': named('2024-01'), 'b.json': named('2025-03') })]);
    const error = configErrorOf(() =>
      catalogue.require('TransferSecurityPolicy-2025-3', 'config.json', '$.securityPolicy'),
    );
    expect(error.message).toBe(
      'config.json: $.securityPolicy: there is no security policy "TransferSecurityPolicy-2025-3"; ' +
        'nearest known: TransferSecurityPolicy-2025-03, TransferSecurityPolicy-2024-01',
    );
  });
});

describe('refresh', () => {
  test('finds nothing where nothing changed', () => {
    const catalogue = loadPolicies([policyDirectory({ 'a.json': named('A') })]);
    expect(catalogue.refresh()).toEqual({ changed: [], problems: [] });
  });

  test('brings a changed and a new file into force', () => {
    const directory = policyDirectory({ 'a.json': named('A') });
    const catalogue = loadPolicies([directory]);
    const before = catalogue.get(A);
    writePolicy(directory, 'a.json', named('A', { SshKexs: ['mlkem768x25519-sha256'] }));
    writePolicy(directory, 'b.json', named('B'));
    const { changed, problems } = catalogue.refresh();
    expect(problems).toEqual([]);
    expect(changed.map(({ name }) => name)).toEqual([A, B]);
    expect(kexOf(catalogue, A)).toEqual(['mlkem768x25519-sha256']);
    // A session that holds the old policy keeps it as it was.
    expect(before?.algorithms.kex).toEqual(['mlkem768x25519-sha256', 'curve25519-sha256']);
  });

  test('leaves the old policy in force where the file is broken, reports it once, and takes the repaired one', () => {
    const directory = policyDirectory({ 'a.json': named('A') });
    const catalogue = loadPolicies([directory]);
    const good = catalogue.get(A);
    writePolicy(directory, 'a.json', named('A', { SshKexs: ['nonsense'] }));
    const { changed, problems } = catalogue.refresh();
    expect(changed).toEqual([]);
    expect(problems.map(({ jsonPath }) => jsonPath)).toEqual(['$.SecurityPolicy.SshKexs[0]']);
    expect(catalogue.get(A)).toBe(good);
    expect(catalogue.refresh().problems).toEqual([]);
    writePolicy(directory, 'a.json', named('A', { SshKexs: ['ecdh-sha2-nistp256'] }));
    expect(catalogue.refresh().changed).toHaveLength(1);
    expect(kexOf(catalogue, A)).toEqual(['ecdh-sha2-nistp256']);
  });

  test('leaves the policy of a removed file or directory in force', () => {
    const directory = policyDirectory({ 'a.json': named('A'), 'b.json': named('B') });
    const catalogue = loadPolicies([directory]);
    rmSync(join(directory, 'a.json'));
    expect(catalogue.refresh().problems.map(({ message }) => message)).toEqual([
      `${join(directory, 'a.json')}: $: is gone; ${A} stays in force until the server restarts`,
    ]);
    expect(catalogue.refresh().problems).toEqual([]);
    rmSync(directory, { recursive: true });
    expect(catalogue.refresh().problems.map(({ file }) => file)).toEqual([directory, join(directory, 'b.json')]);
    expect(catalogue.refresh().problems).toEqual([]);
    expect(catalogue.all.map(({ name }) => name)).toEqual([A, B]);
  });

  test('follows a file that was moved', () => {
    const directory = policyDirectory({ 'a.json': named('A') });
    const catalogue = loadPolicies([directory]);
    renameSync(join(directory, 'a.json'), join(directory, 'z.json'));
    expect(catalogue.refresh().problems).toEqual([]);
    expect(catalogue.get(A)?.file).toBe(join(directory, 'z.json'));
  });

  test('refuses a second definition of a name, and a file that takes another name leaves the old policy', () => {
    const directory = policyDirectory({ 'a.json': named('A') });
    const catalogue = loadPolicies([directory]);
    writePolicy(directory, 'b.json', named('A'));
    expect(catalogue.refresh().problems[0]?.jsonPath).toBe('$.SecurityPolicy.SecurityPolicyName');
    writePolicy(directory, 'a.json', named('B'));
    const { changed, problems } = catalogue.refresh();
    expect(changed.map(({ name }) => name)).toEqual([B]);
    expect(problems[0]?.message).toContain(`now defines ${B}; ${A} stays in force`);
  });

  test('lets the caller refuse a policy', () => {
    const directory = policyDirectory({ 'a.json': named('A') });
    const catalogue = loadPolicies([directory]);
    const good = catalogue.get(A);
    writePolicy(directory, 'a.json', named('A', { SshHostKeyAlgorithms: ['ecdsa-sha2-nistp384'] }));
    const refusal = new ConfigError('config.json', '$.hostKeys', 'no host key fits');
    const { problems } = catalogue.refresh(() => {
      throw refusal;
    });
    expect(problems).toEqual([refusal]);
    expect(catalogue.get(A)).toBe(good);
  });

  test('leaves the old policy in force where the file cannot be read', () => {
    const directory = policyDirectory({ 'a.json': named('A') });
    const catalogue = loadPolicies([directory]);
    chmodSync(join(directory, 'a.json'), 0);
    expect(withoutPrivilege(directory, () => catalogue.refresh()).problems[0]?.message).toContain('EACCES');
    expect(catalogue.get(A)).toBeDefined();
  });
});

/** Runs `work` as nobody where we are root, who can read every file whatever its mode. */
function withoutPrivilege<T>(directory: string, work: () => T): T {
  if (process.getuid?.() !== 0 || process.seteuid === undefined) return work();
  chmodSync(directory, 0o755);
  process.seteuid(65534);
  try {
    return work();
  } finally {
    process.seteuid(0);
  }
}
