import { describe, expect, test } from '@jest/globals';
import { checkFipsMode, fipsRules, FIPS_POLICIES_WITH_SSH_RSA } from '../../src/policy/fips-rules.ts';
import { selectHostKeyAlgorithms } from '../../src/policy/host-key-selection.ts';
import { parsePolicy } from '../../src/policy/parse-policy.ts';
import { builtIn, configErrorOf, policyJson } from './policy-files.ts';

const policy = (name: string) => builtIn.require(name, 'test', '$');
const select = (name: string, ...keys: (readonly [type: string, bits: number])[]) =>
  selectHostKeyAlgorithms(
    policy(name),
    keys.map(([type, bits]) => ({ type, bits })),
    'config.json',
    '$.hostKeys',
  );

const ED25519 = ['ssh-ed25519', 256] as const;
const P384 = ['ecdsa-sha2-nistp384', 384] as const;
const RSA = ['ssh-rsa', 3072] as const;
const ML_DSA = ['ssh-mldsa44-ed25519', 512] as const;

describe('selectHostKeyAlgorithms', () => {
  test("offers what a key can sign, in the policy's order", () => {
    expect(select('TransferPQSecurityPolicy-2026-11', ML_DSA, RSA, P384, ED25519)).toEqual([
      'ssh-ed25519',
      'ecdsa-sha2-nistp384',
      'rsa-sha2-512',
      'rsa-sha2-256',
      'ssh-mldsa44-ed25519',
    ]);
    expect(select('TransferPQSecurityPolicy-CNSA2-2026-11', ED25519, P384)).toEqual(['ecdsa-sha2-nistp384']);
  });

  test('RSA signs SHA-1 only where the policy says so', () => {
    expect(select('TransferSecurityPolicy-2025-03', RSA)).toEqual(['rsa-sha2-256', 'rsa-sha2-512']);
    expect(select('TransferSecurityPolicy-2018-11', RSA)).toEqual(['rsa-sha2-256', 'rsa-sha2-512', 'ssh-rsa']);
  });

  test('says which keys to make, and how, where none fits', () => {
    const error = configErrorOf(() => select('TransferPQSecurityPolicy-CNSA2-2026-11', ED25519));
    expect(error.file).toBe('config.json');
    expect(error.jsonPath).toBe('$.hostKeys');
    expect(error.message).toContain('the configured ones are ssh-ed25519');
    expect(error.message).toContain('latticeport keygen keys/ssh_host_ecdsa384_key --type ecdsa --bits 384');
    expect(error.message).toContain('latticeport keygen keys/ssh_host_rsa_key --type rsa --bits 3072');
    expect(error.message).not.toContain('ed25519_key');
  });

  test('does not use short RSA keys', () => {
    const error = configErrorOf(() => select('TransferSecurityPolicy-FIPS-2025-03', ['ssh-rsa', 1024]));
    expect(error.message).toContain('ssh-rsa (1024 bits)');
    expect(configErrorOf(() => select('TransferSecurityPolicy-2025-03')).message).toContain(
      'no host key is configured',
    );
  });
});

describe('fipsRules', () => {
  test('a FIPS policy restricts user keys to what it lists for host keys', () => {
    expect(fipsRules(policy('TransferPQSecurityPolicy-CNSA2-2026-11')).userKeyAlgorithms).toEqual([
      'ecdsa-sha2-nistp384',
      'rsa-sha2-512',
    ]);
  });

  test('a FIPS policy that lists none allows the approved ones', () => {
    const file = policyJson({ Fips: true, SshKexs: ['ecdh-sha2-nistp256'], SshHostKeyAlgorithms: null });
    expect(fipsRules(parsePolicy('x.json', JSON.stringify(file)))).toEqual({
      fips: true,
      userKeyAlgorithms: [
        'ssh-ed25519',
        'ecdsa-sha2-nistp256',
        'ecdsa-sha2-nistp384',
        'ecdsa-sha2-nistp521',
        'rsa-sha2-512',
        'rsa-sha2-256',
      ],
      minRsaBits: 2048,
    });
  });

  test.each([true, false])(
    'ML-DSA alone is for users of a policy that lists it, and that set only (Fips: %s)',
    (fips) => {
      const names = (hostKeys: readonly string[]): readonly string[] =>
        fipsRules(
          parsePolicy(
            'x.json',
            JSON.stringify(policyJson({ Fips: fips, SshKexs: ['ecdh-sha2-nistp256'], SshHostKeyAlgorithms: hostKeys })),
          ),
        ).userKeyAlgorithms;
      const pure = (hostKeys: readonly string[]) => names(hostKeys).filter((name) => name.startsWith('ssh-mldsa-'));
      expect(pure(['ssh-ed25519'])).toEqual([]);
      expect(pure(['ssh-ed25519', 'ssh-mldsa-65'])).toEqual(['ssh-mldsa-65']);
      expect(names(['ssh-ed25519']).includes('ssh-mldsa44-ed25519')).toBe(!fips);
    },
  );

  test('another policy allows all but SHA-1, and that where it lists ssh-rsa', () => {
    expect(fipsRules(policy('TransferPQSecurityPolicy-Audit-2026-11')).userKeyAlgorithms).toHaveLength(7);
    expect(fipsRules(policy('TransferSecurityPolicy-2018-11')).userKeyAlgorithms).toContain('ssh-rsa');
  });
});

describe('checkFipsMode', () => {
  const MODULE = { enabled: true, hasMlKem: true, hasMlDsa: true };
  const check =
    (name: string, module = MODULE) =>
    () => {
      checkFipsMode('required', policy(name), module, 'config.json', '$.fips');
    };

  test('off asks for nothing', () => {
    expect(() => {
      checkFipsMode('off', policy('TransferSecurityPolicy-2018-11'), false, 'config.json', '$.fips');
    }).not.toThrow();
  });

  test('required takes FIPS policies of approved algorithms', () => {
    const strict = builtIn.all.filter(({ name, fips }) => fips && !FIPS_POLICIES_WITH_SSH_RSA.includes(name));
    expect(strict.map(({ name }) => name)).toEqual([
      'TransferPQSecurityPolicy-CNSA2-2026-11',
      'TransferPQSecurityPolicy-FIPS-2026-11',
      'TransferSecurityPolicy-FIPS-2024-05',
      'TransferSecurityPolicy-FIPS-2025-03',
    ]);
    for (const { name } of strict) expect(check(name)).not.toThrow();
  });

  test.each<[what: string, name: string, module: typeof MODULE, message: RegExp]>([
    [
      'without the module',
      'TransferSecurityPolicy-FIPS-2025-03',
      { ...MODULE, enabled: false },
      /does not run in it .*--enable-fips/,
    ],
    ['with another policy', 'TransferSecurityPolicy-2025-03', MODULE, /is not a FIPS policy/],
    ['with ssh-rsa', 'TransferSecurityPolicy-FIPS-2024-01', MODULE, /lists ssh-rsa .*FIPS-2024-05/],
    [
      'without ML-KEM',
      'TransferSecurityPolicy-FIPS-2025-03',
      { ...MODULE, hasMlKem: false },
      /mlkem768x25519-sha256 would have no approved secret/,
    ],
  ])('required refuses to start %s', (_what, name, module, message) => {
    const error = configErrorOf(check(name, module));
    expect(error.jsonPath).toBe('$.fips');
    expect(error.message).toMatch(message);
  });

  test('without ML-DSA in the module it takes the composite, and no policy of ML-DSA alone', () => {
    const module = { ...MODULE, hasMlDsa: false };
    expect(check('TransferPQSecurityPolicy-FIPS-2026-11', module)).not.toThrow();
    const alone = parsePolicy(
      'x.json',
      JSON.stringify(
        policyJson({ Fips: true, SshKexs: ['ecdh-sha2-nistp256'], SshHostKeyAlgorithms: ['ssh-mldsa-87'] }),
      ),
    );
    const checkAlone = (of: typeof MODULE) => () => {
      checkFipsMode('required', alone, of, 'config.json', '$.fips');
    };
    expect(checkAlone(MODULE)).not.toThrow();
    expect(configErrorOf(checkAlone(module)).message).toContain('ssh-mldsa-87 would be no approved signature');
  });

  test('without ML-KEM in the module a NIST curve supplies the approved secret', () => {
    expect(check('TransferPQSecurityPolicy-CNSA2-2026-11', { ...MODULE, hasMlKem: false })).not.toThrow();
  });
});
