import { describe, expect, test } from '@jest/globals';
import { diffPolicies } from '../../src/policy/diff-policies.ts';
import { lintPolicy } from '../../src/policy/lint-policy.ts';
import { parsePolicy } from '../../src/policy/parse-policy.ts';
import { builtIn, policyJson } from './policy-files.ts';

const P = '$.SecurityPolicy';
const lint = (changes: Record<string, unknown>) =>
  lintPolicy(parsePolicy('x.json', JSON.stringify(policyJson(changes)))).map(
    ({ jsonPath, problem }) => `${jsonPath}: ${problem}`,
  );

describe('lintPolicy', () => {
  test('has no advice for the default policy', () => {
    expect(lintPolicy(builtIn.require('TransferPQSecurityPolicy-2026-11', 'test', '$'))).toEqual([]);
  });

  test.each<[what: string, changes: Record<string, unknown>, advice: RegExp]>([
    ['no hybrid', { SshKexs: ['curve25519-sha256'] }, /SshKexs: no post-quantum method/],
    [
      'classical before PQ',
      { SshKexs: ['ecdh-sha2-nistp256', 'mlkem768x25519-sha256'] },
      /SshKexs\[0\]: ecdh-sha2-nistp256 is classical and stands before mlkem768x25519-sha256/,
    ],
    [
      'a weak MAC',
      { SshMacs: ['hmac-sha2-256', 'umac-64@openssh.com'] },
      /SshMacs\[1\]: umac-64@openssh.com is weak: a tag of 64 bits/,
    ],
    [
      'a weak signature',
      { SshHostKeyAlgorithms: ['rsa-sha2-512', 'ssh-rsa'] },
      /SshHostKeyAlgorithms\[1\]: ssh-rsa is weak/,
    ],
    ['no AEAD', { SshCiphers: ['aes256-ctr'] }, /SshCiphers: no AEAD/],
    [
      'encrypt-and-MAC first',
      { SshMacs: ['hmac-sha2-256', 'hmac-sha2-256-etm@openssh.com'] },
      /SshMacs\[0\]: hmac-sha2-256 \(encrypt-and-MAC\) stands before/,
    ],
    [
      'nothing for wolfSSH',
      { SshCiphers: ['chacha20-poly1305@openssh.com'], SshHostKeyAlgorithms: ['rsa-sha2-512'] },
      /SshCiphers: wolfssh-1.5 cannot connect: no common cipher/,
    ],
    [
      'nothing for wolfSSH without GCM',
      { SshCiphers: ['aes256-ctr'], SshHostKeyAlgorithms: ['rsa-sha2-512'] },
      /SshMacs: wolfssh-1.5 cannot connect: no common MAC/,
    ],
    [
      'nothing for OpenSSH 9',
      { SshKexs: ['mlkem768x25519-sha256'] },
      /SshKexs: openssh-9.2 cannot connect: no common key exchange method/,
    ],
    [
      'nothing for PuTTY',
      { SshKexs: ['x25519-kyber-512r3-sha256-d00@amazon.com'] },
      /SshKexs: putty-0.85 cannot connect/,
    ],
    [
      'no common host key',
      { SshHostKeyAlgorithms: ['ssh-ed25519'] },
      /SshHostKeyAlgorithms: wolfssh-1.5 cannot connect: no common host key algorithm/,
    ],
  ])('advises on %s', (_what, changes, advice) => {
    expect(lint(changes)).toContainEqual(expect.stringMatching(advice));
  });

  test('says what fips: "required" refuses', () => {
    const advice = lintPolicy(builtIn.require('TransferSecurityPolicy-FIPS-2024-01', 'test', '$'));
    expect(advice).toContainEqual({
      jsonPath: `${P}.SshHostKeyAlgorithms[6]`,
      problem: expect.stringContaining('fips: "required" refuses ssh-rsa'),
    });
  });
});

describe('diffPolicies', () => {
  const diff = (from: string, to: string) =>
    diffPolicies(builtIn.require(from, 'test', '$'), builtIn.require(to, 'test', '$'));

  test('finds nothing between a policy and itself', () => {
    const name = 'TransferSecurityPolicy-2025-03';
    expect(diff(name, name)).toEqual({ from: name, to: name, fips: null, groupExchangeMinBits: null, lists: [] });
  });

  test('finds another least group of group exchange', () => {
    const [from, to] = [policyJson({}), { ...policyJson({}), GroupExchangeMinBits: 4096 }].map((file) =>
      parsePolicy('x.json', JSON.stringify(file)),
    );
    expect(from && to && diffPolicies(from, to)).toMatchObject({
      fips: null,
      groupExchangeMinBits: { from: 2048, to: 4096 },
      lists: [],
    });
  });

  test('finds the documented differences', () => {
    expect(diff('TransferSecurityPolicy-FIPS-2024-01', 'TransferSecurityPolicy-FIPS-2024-05').lists).toEqual([
      { list: 'hostKeys', removed: ['ssh-rsa'], added: [], reordered: false },
    ]);
    expect(diff('TransferSecurityPolicy-2020-06', 'TransferSecurityPolicy-Restricted-2020-06').lists).toEqual([
      { list: 'ciphers', removed: ['chacha20-poly1305@openssh.com'], added: [], reordered: false },
    ]);
    const { fips, lists } = diff('TransferSecurityPolicy-2025-03', 'TransferSecurityPolicy-FIPS-2025-03');
    expect(fips).toEqual({ from: false, to: true });
    expect(lists[0]).toEqual({
      list: 'kex',
      removed: ['curve25519-sha256', 'curve25519-sha256@libssh.org'],
      added: [],
      reordered: true,
    });
  });
});
