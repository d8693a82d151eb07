import { describe, expect, test } from '@jest/globals';
import { CliError } from '../../src/cli/cli-error.ts';
import { ConfigError } from '../../src/policy/config-error.ts';
import { builtIn, policyDirectory, policyJson, writePolicy } from '../policy/policy-files.ts';
import { CommanderError, runCommand } from './run-command.ts';

const ESCAPE = '\u001b[';
const json = (text: string): unknown => JSON.parse(text);

describe('policy list', () => {
  test('names every policy and says how far it is post-quantum', async () => {
    const { output, exitCode } = await runCommand(['policy', 'list']);
    expect(exitCode).toBe(0);
    for (const { name } of builtIn.all) expect(output).toContain(`${name} `);
    expect(output).toMatch(/^TransferPQSecurityPolicy-Required-2026-11 +PQ only \(9\) +no +Latticeport$/m);
    expect(output).toMatch(/^TransferSecurityPolicy-2018-11 +classical only \(10\) +no +documented$/m);
    expect(output).not.toContain(ESCAPE);
  });

  test('--json is for programs', async () => {
    const { output } = await runCommand(['policy', 'list', '--json']);
    expect(json(output)).toHaveLength(builtIn.all.length);
    expect(json(output)).toContainEqual(
      expect.objectContaining({ name: 'TransferSecurityPolicy-2025-03', pqHybrids: 3, classical: 8, fips: false }),
    );
  });

  test('--directory adds policies; a broken one is an error that names it', async () => {
    const directory = policyDirectory({ 'own.json': policyJson() });
    const { output } = await runCommand(['policy', 'list', '--directory', directory]);
    expect(output).toContain('TransferSecurityPolicy-Test ');
    writePolicy(directory, 'own.json', '{');
    await expect(runCommand(['policy', 'list', '-d', directory])).rejects.toThrow(ConfigError);
  });
});

describe('policy show', () => {
  test('says of each algorithm what is known', async () => {
    const { output } = await runCommand(['policy', 'show', 'TransferPQSecurityPolicy-FIPS-2026-11']);
    expect(output).toMatch(
      /^ {2}mlkem1024nistp384-sha384 +PQ hybrid \(ML-KEM-1024 \+ P-384\) +192 bits; PQ category 5 +yes +recommended /m,
    );
    expect(output).toMatch(/^ {2}aes256-ctr +needs a MAC +256 bits +yes +acceptable /m);
    expect(output).toMatch(/^User keys sign with ssh-ed25519, /m);
    expect(output).not.toContain(ESCAPE);
  });

  test('has colours on a terminal', async () => {
    const { output } = await runCommand(['policy', 'show', 'TransferPQSecurityPolicy-2026-11'], { color: true });
    expect(output).toContain(ESCAPE);
  });

  test('--json has the rows of the table, and the order', async () => {
    const { output } = await runCommand(['policy', 'show', 'TransferSecurityPolicy-2025-03', '--json']);
    const shown = json(output) as { algorithms: { kex: { name: string; family: string }[] } };
    expect(shown.algorithms.kex.map(({ name }) => name)).toEqual(
      builtIn.get('TransferSecurityPolicy-2025-03')?.algorithms.kex,
    );
    expect(shown.algorithms.kex[0]).toMatchObject({ family: 'pq-hybrid', pqParameters: 'ML-KEM-768', initBytes: 1216 });
  });

  test('takes a file, and names the nearest policies for a name that is none', async () => {
    const file = writePolicy(policyDirectory(), 'x.json', policyJson());
    expect((await runCommand(['policy', 'show', file])).output).toMatch(/^TransferSecurityPolicy-Test$/m);
    await expect(runCommand(['policy', 'show', 'TransferSecurityPolicy-2025-3'])).rejects.toThrow(
      new CliError(
        'there is no security policy "TransferSecurityPolicy-2025-3"; nearest known: ' +
          'TransferSecurityPolicy-2025-03, TransferSecurityPolicy-2022-03, TransferSecurityPolicy-2020-06',
      ),
    );
  });
});

describe('policy diff', () => {
  test('shows what goes and what comes, exit code 3', async () => {
    const { output, exitCode } = await runCommand([
      'policy',
      'diff',
      'TransferSecurityPolicy-FIPS-2024-01',
      'TransferSecurityPolicy-FIPS-2024-05',
    ]);
    expect(output).toBe('Host key algorithms\n  - ssh-rsa\n');
    expect(exitCode).toBe(3);
  });

  test('exit code 0 where nothing differs', async () => {
    const args = ['policy', 'diff', 'TransferSecurityPolicy-2025-03', 'TransferSecurityPolicy-AS2Restricted-2025-07'];
    expect(await runCommand(args)).toEqual({
      output: 'TransferSecurityPolicy-2025-03 and TransferSecurityPolicy-AS2Restricted-2025-07 offer the same\n',
      exitCode: 0,
    });
    expect(json((await runCommand([...args, '--json'])).output)).toMatchObject({ fips: null, lists: [] });
  });
});

describe('policy lint', () => {
  const lint = (changes: Record<string, unknown>, ...options: string[]) =>
    runCommand(['policy', 'lint', writePolicy(policyDirectory(), 'x.json', policyJson(changes)), ...options]);

  test('advice is no failure, unless --strict', async () => {
    const changes = { SshKexs: ['curve25519-sha256', 'mlkem768x25519-sha256'] };
    const { output, exitCode } = await lint(changes);
    expect(output).toContain('advice  $.SecurityPolicy.SshKexs[0]: curve25519-sha256 is classical');
    expect(exitCode).toBe(0);
    expect((await lint(changes, '--strict')).exitCode).toBe(3);
  });

  test('what the server refuses is an error, all of it', async () => {
    const { output, exitCode } = await lint({ SshKexs: ['nonsense'], SshMacs: [] });
    expect(exitCode).toBe(1);
    expect(output).toContain('error   $.SecurityPolicy.SshKexs[0]: "nonsense" is not a key exchange method');
    expect(output).toContain('error   $.SecurityPolicy.SshMacs: there is no MAC');
    expect(json((await lint({ SshKexs: [] }, '--json')).output)).toMatchObject({
      loads: false,
      problems: [{ jsonPath: '$.SecurityPolicy.SshKexs', problem: 'the list is empty' }],
      advice: [],
    });
  });

  test('a file that is not there', async () => {
    const { output, exitCode } = await runCommand(['policy', 'lint', '/nowhere/x.json']);
    expect(output).toContain('cannot be read: ENOENT');
    expect(exitCode).toBe(1);
  });
});

describe('policy explain', () => {
  const explain = (policy: string, ...options: string[]) => runCommand(['policy', 'explain', policy, ...options]);

  test('exit code 0 and the steps for a post-quantum exchange', async () => {
    const { output, exitCode } = await explain('TransferPQSecurityPolicy-2026-11', '--client-preset', 'openssh-10');
    expect(exitCode).toBe(0);
    expect(output).toContain('openssh-10: OpenSSH_10.6p1');
    expect(output).toContain('1. key exchange method: mlkem768x25519-sha256');
    expect(output).toContain('5. MAC, client to server: not used');
    expect(output).toContain('Strict key exchange: yes.');
    expect(output).toContain('Post-quantum: quantum-safe: ML-KEM-768');
  });

  test('exit code 3 for a classical one, with what to change', async () => {
    const { output, exitCode } = await explain(
      'TransferPQSecurityPolicy-2026-11',
      '--client',
      'curve25519-sha256, mlkem768x25519-sha256',
      '--post-quantum',
      'offer',
    );
    expect(exitCode).toBe(3);
    expect(output).toContain('the client could: list mlkem768x25519-sha256 before curve25519-sha256');
    expect(output).toContain('the server could: insist ("postQuantum": "insist" in the configuration');
  });

  test.each([
    ['by default', [], 'The server insists on it'],
    ['where it is required', ['--post-quantum', 'require'], 'The server requires it'],
  ])('exit code 0 for a client that prefers a classical one, %s', async (_what, options, words) => {
    const { output, exitCode } = await explain(
      ...['TransferPQSecurityPolicy-2026-11', '--client', 'curve25519-sha256, mlkem768x25519-sha256', ...options],
    );
    expect(exitCode).toBe(0);
    expect(output).toContain('1. key exchange method: mlkem768x25519-sha256');
    expect(output).toContain(`${words}: with all methods of the policy the client would come to curve25519-sha256.`);
  });

  test('exit code 4 where nothing is common', async () => {
    const { output, exitCode } = await explain(
      'TransferPQSecurityPolicy-Required-2026-11',
      '--client',
      'curve25519-sha256',
    );
    expect(exitCode).toBe(4);
    expect(output).toContain('1. key exchange method: no match');
    expect(output).toContain('The server disconnects with reason 3');
  });

  test("host keys and the client's other lists can be given", async () => {
    const kex = ['--client', 'mlkem768x25519-sha256'];
    const refused = await explain('TransferPQSecurityPolicy-2026-11', ...kex, '--client-host-keys', 'ssh-dss');
    expect(refused.output).toContain('2. host key algorithm: no match');
    const rsaOnly = await explain(
      'TransferPQSecurityPolicy-2026-11',
      ...kex,
      '--host-keys',
      'rsa-sha2-512',
      '--client-ciphers',
      'aes128-ctr',
      '--client-macs',
      'hmac-sha2-512',
    );
    expect(rsaOnly.output).toContain('2. host key algorithm: rsa-sha2-512');
    expect(rsaOnly.output).toContain('6. MAC, server to client: hmac-sha2-512');
  });

  test('--json has all of it', async () => {
    const { output } = await explain('TransferSecurityPolicy-2024-01', '--client-preset', 'wolfssh-1.4', '--json');
    expect(json(output)).toMatchObject({
      policy: 'TransferSecurityPolicy-2024-01',
      outcome: 'negotiated',
      pq: { result: 'pq-hybrid' },
      steps: expect.arrayContaining([
        expect.objectContaining({ list: 'kex', chosen: 'ecdh-nistp256-kyber-512r3-sha256-d00@openquantumsafe.org' }),
      ]),
    });
  });

  test.each([
    ['no client', []],
    ['an empty list', ['--client', ' , ']],
    ['two clients', ['--client', 'curve25519-sha256', '--client-preset', 'ssh2']],
  ])('%s is an error', async (_what, options) => {
    await expect(explain('TransferPQSecurityPolicy-2026-11', ...options)).rejects.toThrow(CliError);
  });

  test('an unknown preset is an error that names the known ones', async () => {
    await expect(explain('TransferPQSecurityPolicy-2026-11', '--client-preset', 'x')).rejects.toThrow(CommanderError);
  });

  test('the help says what the exit codes mean', async () => {
    await expect(explain('--help')).rejects.toMatchObject({ exitCode: 0 });
  });
});
