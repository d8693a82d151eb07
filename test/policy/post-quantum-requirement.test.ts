import { describe, expect, test } from '@jest/globals';
import { clientPqAdvice, clientPqKeyAdvice } from '../../src/policy/client-pq-advice.ts';
import {
  judgeLogin,
  requirementFor,
  requirementState,
  signsPostQuantum,
  type PostQuantumRequirement,
  type RequirementSetting,
} from '../../src/policy/post-quantum-requirement.ts';

const OPENSSH = 'SSH-2.0-OpenSSH_8.0';
const day = (text: string): number => Date.parse(text);

describe('whose setting holds', () => {
  test.each<[own: PostQuantumRequirement | undefined, server: PostQuantumRequirement | undefined, holds: object]>([
    [undefined, undefined, { setBy: 'server', value: false }],
    [undefined, true, { setBy: 'server', value: true }],
    [false, true, { setBy: 'user', value: false }],
    [true, false, { setBy: 'user', value: true }],
    [{ from: '2027-01-31' }, true, { setBy: 'user', value: { from: '2027-01-31' } }],
  ])('user %j, server %j', (own, server, holds) => {
    for (const setting of ['requirePostQuantum', 'requirePostQuantumKey'] as const) {
      expect(requirementFor(setting, { [setting]: own }, { [setting]: server })).toEqual({ setting, ...holds });
    }
    // One setting says nothing of the other.
    expect(requirementFor('requirePostQuantum', {}, { requirePostQuantumKey: true })).toMatchObject({ value: false });
  });
});

test.each<[PostQuantumRequirement, now: string, state: string]>([
  [false, '2027-01-31T00:00:00Z', 'never'],
  [true, '1970-01-01T00:00:00Z', 'now'],
  [{ from: '2027-01-31' }, '2027-01-30T23:59:59.999Z', 'later'],
  [{ from: '2027-01-31' }, '2027-01-31T00:00:00Z', 'now'],
  [{ from: '2027-01-31' }, '2027-03-01T12:00:00Z', 'now'],
])('%j at %s: %s', (value, now, state) => {
  expect(requirementState(value, day(now))).toBe(state);
});

test('what signs post-quantum', () => {
  expect(signsPostQuantum('ssh-mldsa44-ed25519')).toBe(true);
  for (const name of ['ssh-ed25519', 'rsa-sha2-512', 'no-such-algorithm', ''])
    expect(signsPostQuantum(name)).toBe(false);
});

describe('a login', () => {
  const requires = (setting: RequirementSetting, value: PostQuantumRequirement) =>
    ({ setting, setBy: 'user', value }) as const;
  const CLASSICAL = { clientVersion: OPENSSH, postQuantumExchange: false, signatureAlgorithms: ['ssh-ed25519'] };
  const SAFE = { ...CLASSICAL, postQuantumExchange: true, signatureAlgorithms: ['ssh-mldsa44-ed25519'] };
  const BOTH = [requires('requirePostQuantum', true), requires('requirePostQuantumKey', true)];

  test('where nothing is required, and where all that is required is there', () => {
    expect(judgeLogin([requires('requirePostQuantum', false)], CLASSICAL, 0)).toBeNull();
    expect(judgeLogin(BOTH, SAFE, 0)).toBeNull();
  });

  test('with a classical key exchange', () => {
    expect(judgeLogin(BOTH, { ...SAFE, postQuantumExchange: false }, 0)).toEqual({
      refusedBy: 'requirePostQuantum',
      banner:
        'Your account needs a post-quantum key exchange, and this session has none.\n' +
        'OpenSSH 8.0 cannot; 9.0 and newer can without configuration.\n',
    });
  });

  test.each([
    [['ssh-ed25519'], 'the key of this one is classical'],
    // As a post-quantum key has that a classical authority vouches for.
    [['ssh-mldsa44-ed25519', 'ssh-ed25519'], 'the CA of its certificate is classical'],
    [[], 'this one is by a password'],
  ])('by %j', (signatureAlgorithms, words) => {
    expect(judgeLogin(BOTH, { ...SAFE, signatureAlgorithms }, 0)).toEqual({
      refusedBy: 'requirePostQuantumKey',
      banner:
        `Your account needs a login by a post-quantum key, and ${words}.\n` +
        'OpenSSH 8.0 cannot; OpenSSH 10.6 and newer can (ssh-keygen -t mldsa44-ed25519).\n',
    });
  });

  test('that lacks both is told both at once, and is refused for its key exchange', () => {
    const judged = judgeLogin(BOTH, CLASSICAL, 0);
    expect(judged?.refusedBy).toBe('requirePostQuantum');
    expect(judged?.banner).toMatch(
      /^Your account needs a post-quantum key exchange[^]*^Your account needs a login by/m,
    );
  });

  test('before the date is told and let in; what holds already refuses it all the same', () => {
    const later = requires('requirePostQuantum', { from: '2027-01-31' });
    const now = day('2027-01-30T12:00:00Z');
    const told = judgeLogin([later], CLASSICAL, now);
    expect(told?.refusedBy).toBeNull();
    expect(told?.banner).toMatch(/^From 2027-01-31 on your account needs a post-quantum key exchange, and/);
    expect(judgeLogin([later, requires('requirePostQuantumKey', true)], CLASSICAL, now)?.refusedBy).toBe(
      'requirePostQuantumKey',
    );
    expect(judgeLogin([later], CLASSICAL, day('2027-01-31'))?.refusedBy).toBe('requirePostQuantum');
  });
});

const SWITCH = 'KexAlgorithms ^sntrup761x25519-sha512@openssh.com';
const KEYS = 'OpenSSH 10.6 and newer can (ssh-keygen -t mldsa44-ed25519).';

// The identification strings are those of real clients: captured ones (client-presets.ts), and what the projects send.
test.each([
  ['SSH-2.0-OpenSSH_7.4', 'OpenSSH 7.4 cannot; 9.0 and newer can without configuration.'],
  ['SSH-2.0-OpenSSH_8.0', 'OpenSSH 8.0 cannot; 9.0 and newer can without configuration.'],
  ['SSH-2.0-OpenSSH_8.5p1', `OpenSSH 8.5 can if it is told to (${SWITCH}); 9.0 and newer can without configuration.`],
  ['SSH-2.0-OpenSSH_8.7', `OpenSSH 8.7 can if it is told to (${SWITCH}); 9.0 and newer can without configuration.`],
  [
    'SSH-2.0-OpenSSH_8.9p1 Ubuntu-3ubuntu0.10',
    `OpenSSH 8.9 can, but prefers classical methods: write ${SWITCH}; 9.0 and newer can without configuration.`,
  ],
  ['SSH-2.0-OpenSSH_for_Windows_8.1', 'OpenSSH 8.1 cannot; 9.0 and newer can without configuration.'],
  [
    'SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10',
    `OpenSSH 9.2 can, but its configuration does not list it: take the KexAlgorithms line away, or write ${SWITCH}.`,
  ],
  [
    'SSH-2.0-OpenSSH_10.6p1 Debian-1',
    `OpenSSH 10.6 can, but its configuration does not list it: take the KexAlgorithms line away, or write ${SWITCH}.`,
  ],
  [
    'SSH-2.0-OpenSSH_10.3-2026-05_',
    `OpenSSH 10.3 can, but its configuration does not list it: take the KexAlgorithms line away, or write ${SWITCH}.`,
  ],
  ['SSH-2.0-PuTTY_Release_0.74', 'PuTTY 0.74 cannot; 0.83 and newer can without configuration.'],
  ['SSH-2.0-PuTTY_Release_0.78', 'PuTTY 0.78 can: under Connection, SSH, Kex move NTRU Prime up.'],
  ['SSH-2.0-PuTTY_Release_0.83', 'PuTTY 0.83 can: under Connection, SSH, Kex move ML-KEM up.'],
  ['SSH-2.0-PuTTY_Release_0.85', 'PuTTY 0.85 can: under Connection, SSH, Kex move ML-KEM up.'],
  [
    'SSH-2.0-WinSCP_release_5.21.8',
    'Newer versions of WinSCP can: install the latest one, and under SSH, Key exchange move ML-KEM up.',
  ],
  [
    'SSH-2.0-libssh2_1.11.1',
    'No version of libssh2 up to 1.11 can, nor can what is built with it, such as curl: use OpenSSH 9.0 or newer.',
  ],
  [
    'SSH-2.0-paramiko_5.0.0',
    'No version of paramiko up to 5.0 can; AsyncSSH 2.24 can, and so does OpenSSH 9.0 or newer.',
  ],
  [
    'SSH-2.0-JSCH-0.1.54',
    'JSch 0.1.54 cannot; its successor com.github.mwiede:jsch 0.2.22 and newer can, with Bouncy Castle beside it.',
  ],
  ['SSH-2.0-JSCH_0.2.17', 'JSch 0.2.17 cannot; 0.2.22 and newer can, with Bouncy Castle beside it.'],
  [
    'SSH-2.0-JSCH_0.2.26',
    'JSch 0.2.26 can, with Bouncy Castle beside it: add that, and name mlkem768x25519-sha256 first in "kex".',
  ],
  [
    'SSH-2.0-AsyncSSH_2.14.2',
    'AsyncSSH 2.14 cannot without liboqs; 2.24 and newer can, with the package cryptography 48 or newer.',
  ],
  [
    'SSH-2.0-AsyncSSH_2.24.0',
    'AsyncSSH 2.24 can, with the package cryptography 48 or newer: install that, and name mlkem768x25519-sha256 first in kex_algs.',
  ],
  ['SSH-2.0-dropbear_2022.83', 'dropbear 2022.83 cannot; 2025.87 and newer can without configuration.'],
  ['SSH-2.0-dropbear_2026.94', 'dropbear 2026.94 can, but this build of it does not: use one with its usual options.'],
  [
    'SSH-2.0-\u001b]0;x',
    'Use a client that can: OpenSSH 9.0 or newer, PuTTY 0.83 or newer, a current WinSCP, AsyncSSH 2.24. All of them can without configuration.',
  ],
  [
    '',
    'Use a client that can: OpenSSH 9.0 or newer, PuTTY 0.83 or newer, a current WinSCP, AsyncSSH 2.24. All of them can without configuration.',
  ],
])('a post-quantum key exchange with %j', (version, advice) => {
  expect(clientPqAdvice(version)).toBe(advice);
});

test.each([
  ['SSH-2.0-OpenSSH_7.4', `OpenSSH 7.4 cannot; ${KEYS}`],
  ['SSH-2.0-OpenSSH_10.5p1', `OpenSSH 10.5 cannot; ${KEYS}`],
  [
    'SSH-2.0-OpenSSH_10.6p1 Debian-1',
    'OpenSSH 10.6 can: make one with ssh-keygen -t mldsa44-ed25519, and give its public half to whoever runs this server.',
  ],
  [
    'SSH-2.0-OpenSSH_11.0',
    'OpenSSH 11.0 can: make one with ssh-keygen -t mldsa44-ed25519, and give its public half to whoever runs this server.',
  ],
  ['SSH-2.0-PuTTY_Release_0.85', `PuTTY 0.85 has no such keys yet; ${KEYS}`],
  ['SSH-2.0-WinSCP_release_6.5', `WinSCP has no such keys yet; ${KEYS}`],
  ['SSH-2.0-libssh2_1.11.1', `libssh2 has no such keys yet; ${KEYS}`],
  ['SSH-2.0-paramiko_5.0.0', `paramiko has no such keys yet; ${KEYS}`],
  ['SSH-2.0-JSCH_0.2.26', `JSch 0.2.26 has no such keys yet; ${KEYS}`],
  ['SSH-2.0-AsyncSSH_2.24.0', `AsyncSSH 2.24 has no such keys yet; ${KEYS}`],
  ['SSH-2.0-dropbear_2026.94', `dropbear 2026.94 has no such keys yet; ${KEYS}`],
  ['SSH-2.0-unheard-of', `Few clients have such keys yet: ${KEYS}`],
])('a post-quantum key with %j', (version, advice) => {
  expect(clientPqKeyAdvice(version)).toBe(advice);
});
