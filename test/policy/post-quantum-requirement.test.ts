import { describe, expect, test } from '@jest/globals';
import { clientPqAdvice } from '../../src/policy/client-pq-advice.ts';
import { judgeClassicalSession } from '../../src/policy/post-quantum-requirement.ts';

const OPENSSH = 'SSH-2.0-OpenSSH_8.0';

describe('a classical session', () => {
  const day = (text: string): number => Date.parse(text);

  test('where nothing is required', () => {
    expect(judgeClassicalSession(false, OPENSSH, 0)).toBeNull();
  });

  test('where it is required', () => {
    expect(judgeClassicalSession(true, OPENSSH, 0)).toEqual({
      refused: true,
      banner:
        'Your account needs a post-quantum key exchange, and this session has none.\n' +
        'OpenSSH 8.0 cannot; 9.0 and newer can without configuration.\n',
    });
  });

  test.each([
    ['2027-01-30T23:59:59.999Z', false],
    ['2027-01-31T00:00:00Z', true],
    ['2027-03-01T12:00:00Z', true],
  ])('where it is required from 2027-01-31 on: at %s', (now, refused) => {
    const judged = judgeClassicalSession({ from: '2027-01-31' }, OPENSSH, day(now));
    expect(judged?.refused).toBe(refused);
    expect(judged?.banner.startsWith('From 2027-01-31 on your account needs')).toBe(!refused);
    expect(judged?.banner).toContain('OpenSSH 8.0 cannot');
  });
});

test.each([
  ['SSH-2.0-OpenSSH_7.4', 'OpenSSH 7.4 cannot; 9.0 and newer can without configuration.'],
  ['SSH-2.0-OpenSSH_8.0', 'OpenSSH 8.0 cannot; 9.0 and newer can without configuration.'],
  ['SSH-2.0-OpenSSH_8.7', 'OpenSSH 8.7 can if it is told to (KexAlgorithms ^sntrup761x25519-sha512@openssh.com)'],
  ['SSH-2.0-OpenSSH_for_Windows_8.1', 'OpenSSH 8.1 cannot'],
  ['SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10', 'OpenSSH 9.2 can, but its configuration does not list it'],
  ['SSH-2.0-PuTTY_Release_0.74', 'PuTTY 0.74 cannot; 0.83 and newer can'],
  ['SSH-2.0-PuTTY_Release_0.78', 'PuTTY 0.78 can: under Connection, SSH, Kex move NTRU Prime up.'],
  ['SSH-2.0-PuTTY_Release_0.83', 'PuTTY 0.83 can: under Connection, SSH, Kex move ML-KEM up.'],
  ['SSH-2.0-WinSCP_release_5.21.8', 'Newer versions of WinSCP can'],
  ['SSH-2.0-libssh2_1.11.1', 'No version of libssh2 up to 1.11 can'],
  ['SSH-2.0-paramiko_5.0.0', 'No version of paramiko up to 5.0 can; AsyncSSH 2.24 can'],
  ['SSH-2.0-JSCH-0.1.54', 'JSch 0.1 cannot; its successor com.github.mwiede:jsch 0.2.22'],
  ['SSH-2.0-JSCH_0.2.17', 'JSch 0.2 can from 0.2.22 on'],
  ['SSH-2.0-\u001b]0;x', 'Use a client that can: OpenSSH 9.0 or newer'],
  ['', 'Use a client that can'],
])('what %j could do', (version, advice) => {
  expect(clientPqAdvice(version).startsWith(advice)).toBe(true);
});
