// `latticeport doctor`: a configuration with each weakness alone names exactly that.
import { chmodSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import type { LinkFacts } from '../../../src/cli/doctor/facts.ts';
import { FINDINGS, type FindingId } from '../../../src/cli/doctor/finding.ts';
import { policyDirectory, policyJson } from '../../policy/policy-files.ts';
import { closed, negotiated } from '../../policy/session-log.ts';
import type { ConfigInput } from '../../server/test-server.ts';
import { configFile, folder, HOST, PASSWORD_HASH, runDoctor, SAFE, told, USER_KEY, write } from './site.ts';

type User = NonNullable<ConfigInput['users']>[number];
const acme = (changes: Partial<User> = {}): User => ({
  name: 'acme',
  publicKeys: [USER_KEY.postQuantum],
  ...changes,
});
const CLASSICAL_USER = acme({ publicKeys: [USER_KEY.classical] });
const LATER = { from: '2027-01-31' };

/** A policy of its own, in a directory of its own. */
const policy = (changes: Record<string, unknown>) => (): Partial<ConfigInput> => ({
  securityPolicy: 'TransferSecurityPolicy-Test',
  policyDirectories: [policyDirectory({ 'own.json': policyJson(changes) })],
});

const s3 = (endpoint: string): Partial<ConfigInput> => ({
  storage: {
    type: 's3',
    bucket: 'files',
    endpoint,
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'printed-nowhere' },
  },
});

/** A store that is not there, as somebody saw it. */
const seen = (facts: LinkFacts) => ({ inspectLink: () => Promise.resolve(facts) });

interface Weakness {
  readonly id: FindingId;
  readonly what: string;
  readonly changes?: Partial<ConfigInput> | (() => Partial<ConfigInput>);
  readonly link?: LinkFacts;
  readonly log?: readonly object[];
  /** The settings to change, or the commands to run. */
  readonly mend: readonly string[];
  readonly about?: readonly (string | RegExp)[];
}

const session = (kex: object, login: object): object[] => [
  negotiated('1', kex),
  {
    event: 'auth.success',
    sessionId: '1',
    time: '2026-11-30T08:00:00.000Z',
    user: 'acme',
    method: 'publickey',
    ...login,
  },
  closed('1'),
];
const ML_DSA = { keyType: 'ssh-mldsa44-ed25519', signatureAlgorithm: 'ssh-mldsa44-ed25519', fingerprint: 'SHA256:b' };
const ED25519 = { keyType: 'ssh-ed25519', signatureAlgorithm: 'ssh-ed25519', fingerprint: 'SHA256:a' };

const WEAKNESSES: readonly Weakness[] = [
  {
    id: 'key-exchange.none',
    what: 'a policy without post-quantum methods',
    changes: policy({ SshKexs: ['curve25519-sha256'], SshHostKeyAlgorithms: ['ssh-mldsa44-ed25519'] }),
    mend: ['$.securityPolicy'],
  },
  {
    id: 'key-exchange.offer',
    what: 'methods that are offered only',
    changes: { postQuantum: 'offer' },
    mend: ['$.postQuantum'],
  },
  {
    id: 'key-exchange.classical',
    what: 'classical sessions of somebody',
    changes: { requirePostQuantum: false },
    mend: ['$.requirePostQuantum'],
    about: ['acme'],
  },
  {
    id: 'key-exchange.classical',
    what: 'classical sessions, where nobody is there yet to ask for',
    changes: { requirePostQuantum: false, users: [] },
    mend: ['$.requirePostQuantum'],
  },
  {
    id: 'key-exchange.excepted',
    what: 'networks that are excepted',
    changes: { insistence: { exceptFrom: ['192.0.2.0/24'] } },
    mend: ['$.insistence.exceptFrom'],
    about: ['192.0.2.0/24'],
  },
  {
    id: 'key-exchange.required-later',
    what: 'a requirement of the server that is to come',
    changes: { requirePostQuantum: LATER },
    mend: ['$.requirePostQuantum'],
    about: ['acme: from 2027-01-31 on'],
  },
  {
    id: 'key-exchange.required-later',
    what: 'a requirement of a user that is to come',
    changes: { users: [acme({ requirePostQuantum: LATER })] },
    mend: ['$.users[0].requirePostQuantum'],
    about: ['acme: from 2027-01-31 on'],
  },
  {
    id: 'key-exchange.exempt',
    what: 'a user that is exempt',
    changes: { users: [acme({ name: 'other' }), acme({ requirePostQuantum: false })] },
    mend: ['$.users[1].requirePostQuantum'],
    about: ['acme'],
  },
  {
    id: 'key-exchange.password-sent',
    what: 'a password that is sent before the session is refused',
    changes: { users: [acme({ passwordHash: PASSWORD_HASH })] },
    mend: ['$.postQuantum'],
    about: ['acme'],
  },
  {
    id: 'host-keys.unusable',
    what: 'a host key that is not there',
    changes: { hostKeys: [HOST.postQuantum, '/nowhere/key'] },
    mend: [],
    about: ['/nowhere/key'],
  },
  {
    id: 'host-keys.unusable',
    what: 'a host key that others may read',
    changes: () => {
      const file = write("somebody's key", readFileSync(HOST.postQuantum, 'utf8'));
      chmodSync(file, 0o644);
      return { hostKeys: [HOST.postQuantum, file] };
    },
    mend: [`chmod 600 '${folder}/somebody'\\''s key'`],
    about: [/somebody's key$/],
  },
  {
    id: 'host-keys.classical-only',
    what: 'no post-quantum host key',
    changes: { hostKeys: [HOST.classical] },
    mend: ['latticeport keygen keys/ssh_host_mldsa44_ed25519_key --type mldsa44-ed25519', '$.hostKeys[1]'],
  },
  {
    id: 'host-keys.classical-only',
    what: 'no post-quantum host key, under a policy that would not use one',
    changes: () => ({
      ...policy({ SshKexs: ['mlkem768x25519-sha256'] })(),
      hostKeys: [HOST.classical],
    }),
    mend: [
      '$.securityPolicy',
      'latticeport keygen keys/ssh_host_mldsa44_ed25519_key --type mldsa44-ed25519',
      '$.hostKeys[1]',
    ],
  },
  {
    id: 'host-keys.left-out',
    what: 'a post-quantum host key that the policy does not use',
    changes: () => ({
      ...policy({ SshKexs: ['mlkem768x25519-sha256'] })(),
      hostKeys: [HOST.classical, HOST.postQuantum],
    }),
    mend: ['$.securityPolicy'],
    about: [HOST.postQuantum],
  },
  {
    id: 'host-keys.classical-beside',
    what: 'a classical host key beside a post-quantum one',
    changes: { hostKeys: [HOST.classical, HOST.postQuantum] },
    mend: [],
    about: [`ssh-ed25519: ${HOST.classical}`],
  },
  {
    id: 'users.locked-out',
    what: 'a user that has no key of those that are required',
    changes: { users: [CLASSICAL_USER] },
    mend: ['$.users[0].publicKeys[1]'],
    about: ['acme: ssh-ed25519'],
  },
  {
    id: 'users.locked-out-later',
    what: 'a user that will have no key of those that are required',
    changes: { requirePostQuantumKey: LATER, users: [CLASSICAL_USER] },
    mend: ['$.users[0].publicKeys[1]'],
    about: ['acme: ssh-ed25519 (from 2027-01-31 on)'],
  },
  {
    id: 'users.classical',
    what: 'a user with a classical key only',
    changes: { requirePostQuantumKey: false, users: [CLASSICAL_USER] },
    mend: ['$.users[0].publicKeys[1]'],
    about: ['acme: ssh-ed25519'],
  },
  {
    id: 'users.classical-beside',
    what: 'a user with a classical key beside a post-quantum one',
    changes: {
      requirePostQuantumKey: false,
      users: [acme({ publicKeys: [USER_KEY.postQuantum, USER_KEY.classical] }), acme({ name: 'other' })],
    },
    mend: ['$.users[0].requirePostQuantumKey'],
    about: ['acme: ssh-ed25519'],
  },
  {
    id: 'storage.plain',
    what: 'a store without TLS on another machine',
    changes: s3('http://user:printed-nowhere@192.0.2.1:9000'),
    mend: ['$.storage.endpoint'],
  },
  {
    id: 'storage.classical',
    what: 'a store with classical TLS',
    changes: s3('https://192.0.2.1'),
    link: { kind: 'tls', host: '192.0.2.1', group: 'X25519', postQuantum: false },
    mend: [],
  },
  {
    id: 'storage.unknown',
    what: 'a store that cannot be asked',
    changes: s3('https://192.0.2.1'),
    link: { kind: 'unknown', host: '192.0.2.1', why: 'connect ECONNREFUSED' },
    mend: [],
  },
  {
    id: 'metrics.prefer',
    what: 'metrics with TLS for other machines, post-quantum or not',
    changes: { metrics: { host: '0.0.0.0', tls: { certificateFile: 'cert.pem', keyFile: 'key.pem' } } },
    mend: ['$.metrics.tls.postQuantum'],
  },
  {
    id: 'metrics.plain',
    what: 'metrics for other machines',
    changes: { metrics: { host: '0.0.0.0' } },
    mend: ['$.metrics.host'],
  },
  {
    id: 'sessions.classical',
    what: 'a classical session in the log',
    log: session({ classical: true, clientVersion: 'SSH-2.0-OpenSSH_8.0' }, ML_DSA),
    mend: [],
    about: [/^acme, SSH-2\.0-OpenSSH_8\.0: curve25519-sha256, 1 login, last 2026-11-30.*OpenSSH 8\.0 cannot; 9\.0 and/],
  },
  {
    id: 'sessions.classical-logins',
    what: 'a login by a classical key in the log',
    log: session({ clientVersion: 'SSH-2.0-OpenSSH_10.6p1' }, ED25519),
    mend: [],
    about: [/^acme, SSH-2\.0-OpenSSH_10\.6p1: ssh-ed25519 SHA256:a, 1 login.*OpenSSH 10\.6 can: make one with/],
  },
];

const ids = (findings: readonly { id: string; verdict: string }[]): string[] =>
  findings.filter(({ verdict }) => verdict !== 'ok').map(({ id }) => id);

const logOf = (lines: readonly object[]): string =>
  write('sessions.log', lines.map((line) => `${JSON.stringify(line)}\n`).join(''));

test('a configuration without any weakness: nothing is said, exit code 0', async () => {
  const { findings, verdict, exitCode } = await told({}, ['--log', logOf(session({}, ML_DSA))]);
  expect(ids(findings)).toEqual([]);
  expect(findings.map(({ area }) => area)).toEqual([
    'key-exchange',
    'host-keys',
    'users',
    'links',
    'links',
    'sessions',
  ]);
  expect({ verdict, exitCode }).toEqual({ verdict: 'ok', exitCode: 0 });
});

test.each(WEAKNESSES)('$id: $what', async ({ id, changes, link, log, mend, about = [] }) => {
  const found = await told(
    typeof changes === 'function' ? changes() : changes,
    log === undefined ? [] : ['--log', logOf(log)],
    link === undefined ? {} : seen(link),
  );
  expect(ids(found.findings)).toEqual([id]);
  const { verdict } = FINDINGS[id];
  expect({ verdict: found.verdict, exitCode: found.exitCode }).toEqual({ verdict, exitCode: 1 });
  const [finding] = found.findings.filter((each) => each.id === id);
  expect(finding?.changes.map((change) => ('command' in change ? change.command : change.setting))).toEqual(mend);
  for (const change of finding?.changes ?? []) if ('file' in change) expect(change.file).toBe(found.file);
  expect(finding?.about).toHaveLength(about.length);
  about.forEach((row, index) => {
    expect(finding?.about[index]).toEqual(typeof row === 'string' ? row : expect.stringMatching(row));
  });
  expect(JSON.stringify(found)).not.toMatch(/printed-nowhere|\$scrypt\$|PRIVATE KEY/);
});

test('every weakness is tried', () => {
  const all = Object.entries(FINDINGS).filter(([, { verdict }]) => verdict !== 'ok');
  expect([...new Set(WEAKNESSES.map(({ id }) => id))].sort()).toEqual(all.map(([id]) => id).sort());
});

describe('what is no weakness', () => {
  test.each<[what: string, changes: Partial<ConfigInput>, id: FindingId]>([
    [
      'classical methods that nobody is listed',
      { postQuantum: 'require', requirePostQuantum: false },
      'key-exchange.hybrids-only',
    ],
    [
      'to offer, where there are hybrids only',
      { securityPolicy: 'TransferPQSecurityPolicy-Required-2026-11', postQuantum: 'offer', requirePostQuantum: false },
      'key-exchange.hybrids-only',
    ],
    [
      'classical keys that are refused',
      { users: [acme({ publicKeys: [USER_KEY.classical, USER_KEY.postQuantum] })] },
      'users.post-quantum',
    ],
    [
      'a user that is disabled',
      { users: [acme(), acme({ name: 'gone', publicKeys: [USER_KEY.classical], disabled: true })] },
      'users.post-quantum',
    ],
    [
      'a password where none is asked for',
      { auth: { methods: ['publickey'] }, users: [acme({ passwordHash: PASSWORD_HASH })] },
      'key-exchange.classical-refused',
    ],
    ['no user', { users: [] }, 'users.none'],
    ['a store on this machine', s3('http://127.0.0.1:9000'), 'storage.here'],
    ['metrics for this machine', { metrics: { host: '::1' } }, 'metrics.here'],
  ])('%s', async (_what, changes, id) => {
    const { findings, exitCode } = await told(changes);
    expect(findings.map((each) => each.id)).toContain(id);
    expect({ ids: ids(findings), exitCode }).toEqual({ ids: [], exitCode: 0 });
  });

  test('a post-quantum link to the store', async () => {
    const link = seen({ kind: 'tls', host: '192.0.2.1', group: 'X25519MLKEM768', postQuantum: true });
    const { findings, exitCode } = await told(s3('https://192.0.2.1'), [], link);
    expect(findings.map((each) => each.id)).toContain('storage.post-quantum');
    expect(exitCode).toBe(0);
  });

  test('a client that has changed over, and a log in which nobody logged in', async () => {
    const changed = [
      ...session({ classical: true }, ED25519),
      ...session({ time: '2026-11-30T09:00:00.000Z' }, ML_DSA),
    ];
    const last = { ...changed[4], time: '2026-11-30T09:00:00.000Z' };
    const over = await told({}, ['--log', logOf([...changed.slice(0, 4), last, ...changed.slice(5)])]);
    expect({ ids: ids(over.findings), exitCode: over.exitCode }).toEqual({ ids: [], exitCode: 0 });
    const none = await told({}, ['--log', '-'], { stdin: Readable.from([Buffer.from('')]) });
    expect(none.findings.at(-1)).toMatchObject({ id: 'sessions.none' });
    expect(none.exitCode).toBe(0);
  });
});

test('several weaknesses are several findings', async () => {
  const { findings, verdict } = await told({
    postQuantum: 'offer',
    requirePostQuantum: false,
    requirePostQuantumKey: false,
    hostKeys: [HOST.classical],
    users: [CLASSICAL_USER],
    metrics: { host: '192.0.2.7' },
  });
  expect(ids(findings)).toEqual([
    'key-exchange.offer',
    'key-exchange.classical',
    'host-keys.classical-only',
    'users.classical',
    'metrics.plain',
  ]);
  expect(verdict).toBe('problem');
});

describe('the page', () => {
  const weak: Partial<ConfigInput> = { postQuantum: 'offer', hostKeys: [HOST.classical] };

  test('groups the findings, each with its verdict and the line to change', async () => {
    const file = configFile(weak);
    const { output, exitCode } = await runDoctor(['--config', file]);
    expect(exitCode).toBe(1);
    expect(output).toMatch(/^How quantum-safe .* is\n\nKey exchange\n {2}problem {2}A client that has/);
    expect(output).toContain(`\n           change ${file}: $.postQuantum = "insist"\n`);
    expect(output).toContain('\n\nHost keys\n  warning  No host key is post-quantum');
    expect(output).toContain(
      '\n           run: latticeport keygen keys/ssh_host_mldsa44_ed25519_key --type mldsa44-ed25519\n',
    );
    expect(output).toMatch(
      /\nUsers\n {2}ok {7}The one user logs in with post-quantum keys only\. \[users\.post-quantum\]\n/,
    );
    expect(output).toMatch(/\nNot quantum-safe end to end: 1 problem, 1 warning\.\n$/);
    expect(output).not.toContain('\u001b');
  });

  test('says so where all is well', async () => {
    const { output } = await runDoctor(['--config', configFile()]);
    expect(output).toMatch(/\nQuantum-safe, as far as can be seen from here\.\n$/);
  });

  test('has colours on a terminal only', async () => {
    const { output } = await runDoctor(['--config', configFile(weak)], { color: true });
    expect(output).toContain('\u001b[31mproblem\u001b[39m');
    expect(output).toContain('\u001b[33mwarning\u001b[39m');
  });

  test("shows ten of many, and no escape sequence of a stranger's", async () => {
    const users = Array.from({ length: 12 }, (_, index) => ({ ...CLASSICAL_USER, name: `user-${index}` }));
    const log = logOf(session({ classical: true, clientVersion: 'SSH-2.0-\u001b]0;owned\u0007' }, ML_DSA));
    const { output } = await runDoctor(['--config', configFile({ users }), '--log', log]);
    expect(output).toContain('- user-9: ssh-ed25519\n           … and 2 more\n');
    expect(output.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  });
});

describe('exit code 2 where it could not look', () => {
  test.each<[what: string, args: () => string[], message: RegExp]>([
    [
      'no configuration',
      () => ['--config', '/nowhere/latticeport.json'],
      /\/nowhere\/latticeport\.json: \$: cannot be read/,
    ],
    ['a broken one', () => ['--config', configFile({ postQuantum: 'perhaps' as 'offer' })], /\$\.postQuantum/],
    ['a policy that is not there', () => ['--config', configFile({ securityPolicy: 'x' })], /\$\.securityPolicy/],
    [
      'a user key that is none',
      () => ['--config', configFile({ users: [acme({ publicKeys: ['x'] })] })],
      /\$\.users\[0\]\.publicKeys\[0\]/,
    ],
    ['no log', () => ['--config', configFile(), '--log', '/nowhere/x.log'], /\/nowhere\/x\.log cannot be read/],
  ])('%s', async (_what, args, message) => {
    const { output, complaints, exitCode } = await runDoctor(args());
    expect(exitCode).toBe(2);
    expect(output).toBe('');
    expect(complaints).toEqual([expect.stringMatching(message)]);
    const json = await runDoctor([...args(), '--json']);
    const told = JSON.parse(json.output) as { verdict: string; error: string };
    expect(told.verdict).toBe('unknown');
    expect(told.error).toMatch(message);
    expect(json.exitCode).toBe(2);
  });
});

test('docs/doctor.md has every finding with its verdict, and no other', () => {
  const text = readFileSync(path.resolve(import.meta.dirname, '../../../docs/doctor.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `([\w.-]+)` \| (ok|warning|problem) \|/gm)].map(([, id, verdict]) => [
    id,
    verdict,
  ]);
  expect(rows).toEqual(Object.entries(FINDINGS).map(([id, { verdict }]) => [id, verdict]));
});

test('the safe configuration of these tests is one that a server would take', async () => {
  const { prepareConfig } = await import('../../../src/server/prepared-config.ts');
  const { loadConfig } = await import('../../../src/config/load.ts');
  expect(prepareConfig(loadConfig(configFile())).users.size).toBe(SAFE.users?.length);
});
