import { describe, expect, test } from '@jest/globals';
import { parsePolicy } from '../../src/policy/parse-policy.ts';
import { DEFAULT_HOST_KEY_ALGORITHMS } from '../../src/policy/security-policy.ts';
import { configErrorOf, policyJson } from './policy-files.ts';

const FILE = '/policies/test.json';
const parse = (changes: Record<string, unknown>) => parsePolicy(FILE, JSON.stringify(policyJson(changes)));

describe('a sound policy file', () => {
  test('gives the lists in order, frozen', () => {
    const policy = parse({});
    expect(policy).toEqual({
      name: 'TransferSecurityPolicy-Test',
      fips: false,
      file: FILE,
      description: '',
      origin: '',
      algorithms: {
        kex: ['mlkem768x25519-sha256', 'curve25519-sha256'],
        ciphers: ['aes256-gcm@openssh.com', 'aes256-ctr'],
        macs: ['hmac-sha2-256-etm@openssh.com'],
        hostKeys: ['ssh-ed25519'],
      },
      protocols: ['SFTP'],
      tlsCiphers: [],
      groupExchangeMinBits: 2048,
    });
    expect(Object.isFrozen(policy) && Object.isFrozen(policy.algorithms.kex)).toBe(true);
  });

  test.each([{ SshHostKeyAlgorithms: null }, { SshHostKeyAlgorithms: undefined }])(
    'without host key algorithms offers the documented ones: %o',
    (changes) => {
      const policy = parse(changes);
      expect(policy.algorithms.hostKeys).toEqual([...DEFAULT_HOST_KEY_ALGORITHMS]);
    },
  );

  test('may be what the service prints, with the lists of other protocols', () => {
    expect(
      parse({
        Protocols: ['SFTP', 'FTPS'],
        TlsCiphers: ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'],
        ContentEncryptionCiphers: ['aes256-cbc'],
        HashAlgorithms: ['sha256'],
      }).name,
    ).toBe('TransferSecurityPolicy-Test');
    expect(parse({ Type: undefined, Protocols: undefined }).name).toBe('TransferSecurityPolicy-Test');
  });
});

describe('a policy file is refused', () => {
  const P = '$.SecurityPolicy';
  test.each<[what: string, changes: Record<string, unknown>, jsonPath: string, message: RegExp]>([
    [
      'an unknown method',
      { SshKexs: ['mlkem768x25519-sha265'] },
      `${P}.SshKexs[0]`,
      /"mlkem768x25519-sha265" is not a key exchange method .*nearest known: mlkem768x25519-sha256,/,
    ],
    [
      'an unimplemented cipher',
      { SshCiphers: ['aes256-gcm@openssh.com', 'aes256-cbc'] },
      `${P}.SshCiphers[1]`,
      /"aes256-cbc" is not a cipher .*aes256-ctr/,
    ],
    ['an unknown MAC', { SshMacs: ['hmac-sha-256'] }, `${P}.SshMacs[0]`, /nearest known: hmac-sha2-256,/],
    [
      'an unknown host key algorithm',
      { SshHostKeyAlgorithms: ['ssh-dss'] },
      `${P}.SshHostKeyAlgorithms[0]`,
      /nearest known: ssh-rsa,/,
    ],
    [
      'a name in the wrong list',
      { SshCiphers: ['hmac-sha2-256'] },
      `${P}.SshCiphers[0]`,
      /is a MAC, not a cipher: it belongs in SshMacs/,
    ],
    [
      'a name twice',
      { SshKexs: ['curve25519-sha256', 'curve25519-sha256'] },
      `${P}.SshKexs[1]`,
      /"curve25519-sha256" stands twice/,
    ],
    ['no methods', { SshKexs: [] }, `${P}.SshKexs`, /the list is empty/],
    ['no ciphers', { SshCiphers: [] }, `${P}.SshCiphers`, /the list is empty/],
    ['no host key algorithms', { SshHostKeyAlgorithms: [] }, `${P}.SshHostKeyAlgorithms`, /the list is empty/],
    ['a cipher without a MAC', { SshMacs: [] }, `${P}.SshMacs`, /no MAC, but aes256-ctr would run unauthenticated/],
    ['no MAC list', { SshMacs: undefined }, `${P}.SshMacs`, /no MAC, but aes256-ctr/],
    [
      'no MACs beside AEADs',
      { SshMacs: [], SshCiphers: ['aes256-gcm@openssh.com'] },
      `${P}.SshMacs`,
      /the list is empty/,
    ],
    [
      'X25519 under FIPS',
      { Fips: true },
      `${P}.SshKexs[1]`,
      /curve25519-sha256 may not stand in a FIPS policy: .*nearest approved: /,
    ],
    [
      'ChaCha20 under FIPS',
      { Fips: true, SshKexs: ['ecdh-sha2-nistp256'], SshCiphers: ['chacha20-poly1305@openssh.com'] },
      `${P}.SshCiphers[0]`,
      /may not stand in a FIPS policy/,
    ],
    [
      'SHA-1 under FIPS',
      { Fips: true, SshKexs: ['ecdh-sha2-nistp256'], SshMacs: ['hmac-sha1'] },
      `${P}.SshMacs[0]`,
      /may not stand in a FIPS policy/,
    ],
    [
      'ssh-rsa under FIPS',
      { Fips: true, SshKexs: ['ecdh-sha2-nistp256'], SshHostKeyAlgorithms: ['ssh-rsa'] },
      `${P}.SshHostKeyAlgorithms[0]`,
      /SHA-1/,
    ],
    [
      'a name that is none',
      { SecurityPolicyName: 'my\u001b[2Jpolicy' },
      `${P}.SecurityPolicyName`,
      /"my\\u001b\[2Jpolicy" is not a policy name/,
    ],
    ['no name', { SecurityPolicyName: undefined }, `${P}.SecurityPolicyName`, /is missing/],
    ['a string for a boolean', { Fips: 'no' }, `${P}.Fips`, /"no" where a boolean belongs/],
    ['a string for a list', { SshKexs: 'curve25519-sha256' }, `${P}.SshKexs`, /where a list belongs/],
    ['a connector policy', { Type: 'CONNECTOR' }, `${P}.Type`, /"CONNECTOR" is not one of "SERVER"/],
    ['a policy without SFTP', { Protocols: ['FTPS'] }, `${P}.Protocols`, /does not include "SFTP"/],
    ['an unknown key', { SshKex: ['curve25519-sha256'] }, `${P}.SshKex`, /"SshKex" is not a key .*SshKexs/],
    ['too many names', { SshKexs: Array(65).fill('curve25519-sha256') }, `${P}.SshKexs`, /more than 64 names/],
  ])('for %s', (_what, changes, jsonPath, message) => {
    const error = configErrorOf(() => parse(changes));
    expect(error.file).toBe(FILE);
    expect(error.problems.map((each) => each.jsonPath)).toContain(jsonPath);
    expect(error.message).toMatch(message);
    expect(error.message).toContain(`${FILE}: ${jsonPath}: `);
  });

  test.each([
    ['not JSON', '{"SecurityPolicy":', '$', /is not JSON/],
    ['an array', '[]', '$', /a list where an object belongs/],
    ['null', 'null', '$', /null where an object belongs/],
    ['an unknown key at the top', JSON.stringify({ ...policyJson(), Comment: '' }), '$.Comment', /is not a key/],
    ['an odd key', JSON.stringify({ ...policyJson(), 'a b': 1 }), '$["a b"]', /is not a key/],
    ['no SecurityPolicy', '{}', '$.SecurityPolicy', /is missing/],
    ['a huge file', ' '.repeat(65 * 1024), '$', /longer than 65536 bytes/],
  ])('for %s', (_what, text, jsonPath, message) => {
    const error = configErrorOf(() => parsePolicy(FILE, text));
    expect(error.jsonPath).toBe(jsonPath);
    expect(error.message).toMatch(message);
  });

  test('with all its problems at once', () => {
    const error = configErrorOf(() => parse({ SshKexs: ['nope'], SshMacs: ['nope'], Fips: 1 }));
    expect(error.problems.map(({ jsonPath }) => jsonPath)).toEqual([`${P}.Fips`, `${P}.SshKexs[0]`, `${P}.SshMacs[0]`]);
  });

  test('without control characters of the file in the message', () => {
    const error = configErrorOf(() => parse({ SshKexs: ['\u001b[31mred'] }));
    expect(error.message).not.toContain('\u001b');
    expect(error.message).toContain(String.raw`"\u001b[31mred"`);
  });
});
