import {
  CIPHER_BY_NAME,
  HOST_KEY_ALGORITHMS,
  HOST_KEY_BY_NAME,
  KEX_BY_NAME,
  MAC_BY_NAME,
  type Algorithm,
} from '../crypto/algorithms/algorithm-table.ts';
import type { SignatureAlgorithm } from '../crypto/keys/key.ts';
import { ConfigError } from './config-error.ts';
import type { AlgorithmLists, SecurityPolicy } from './security-policy.ts';

/** docs/fips.md has the reasoning behind every rule here. */

/**
 * FIPS policies that the service documents with `ssh-rsa`. They load as documented; `fips: "required"` refuses them,
 * because no FIPS module makes SHA-1 signatures. No other FIPS policy may list a SHA-1 algorithm.
 */
export const FIPS_POLICIES_WITH_SSH_RSA: readonly string[] = [
  'TransferSecurityPolicy-FIPS-2020-06',
  'TransferSecurityPolicy-FIPS-2023-05',
  'TransferSecurityPolicy-FIPS-2024-01',
  'TransferSecurityPolicy-PQ-SSH-FIPS-Experimental-2023-04',
];

/** Smallest RSA modulus of a host or user key, in bits: FIPS 186-5 §5.1, and nothing shorter is taken elsewhere either. */
const MIN_RSA_BITS = 2048;

/** Why `algorithm` may not stand in the FIPS policy `policyName`, or null where it may. */
export function fipsObjection(policyName: string, algorithm: Algorithm): string | null {
  if (algorithm.fips === 'approved') return null;
  if (algorithm.name === 'ssh-rsa' && FIPS_POLICIES_WITH_SSH_RSA.includes(policyName)) return null;
  return `${algorithm.name} may not stand in a FIPS policy: ${algorithm.fipsWhy}`;
}

/** What a policy demands of keys and of the crypto module, beyond its lists. */
export interface FipsRules {
  readonly fips: boolean;
  /** Signature algorithms that users may authenticate with, and the value of `server-sig-algs`. */
  readonly userKeyAlgorithms: readonly SignatureAlgorithm[];
  /** Smallest RSA modulus, in bits, of host and user keys. */
  readonly minRsaBits: number;
}

/**
 * The key rules of a policy. A FIPS policy restricts user keys to what it lists for host keys (where it lists none, to
 * the approved ones of the default list); another one allows those that it lists, and every other that is no matter of opting
 * in, as SHA-1 `ssh-rsa` and ML-DSA alone are.
 */
export function fipsRules(policy: SecurityPolicy): FipsRules {
  const listed = policy.algorithms.hostKeys;
  const userKeyAlgorithms = HOST_KEY_ALGORITHMS.filter(
    ({ name, optIn = false }) => listed.includes(name) || (!policy.fips && !optIn),
  ).map(({ name }) => name);
  return { fips: policy.fips, userKeyAlgorithms, minRsaBits: MIN_RSA_BITS };
}

/** How the configuration wants FIPS: `off` leaves it to the policy, `required` demands the module. */
export type FipsMode = 'off' | 'required';

/** What the crypto module under Node says of itself. */
export interface FipsModule {
  /** `crypto.getFips() === 1`. */
  readonly enabled: boolean;
  /** Whether node:crypto has ML-KEM in this mode: older FIPS providers have none. */
  readonly hasMlKem: boolean;
  /** Whether node:crypto has ML-DSA with a context. */
  readonly hasMlDsa: boolean;
}

/**
 * Checks `fips: "required"` at start: OpenSSL must run in FIPS mode, the policy must be a FIPS policy without legacy
 * algorithms, and each of its key exchange methods must have its approved secret from the module, as its signatures of ML-DSA
 * alone. Throws ConfigError at `jsonPath` of `file`. A bare boolean for `module` stands for a module with ML-KEM and ML-DSA.
 */
export function checkFipsMode(
  mode: FipsMode,
  policy: SecurityPolicy,
  module: boolean | FipsModule,
  file: string,
  jsonPath: string,
): void {
  if (mode === 'off') return;
  const { enabled, hasMlKem, hasMlDsa } =
    typeof module === 'boolean' ? { enabled: module, hasMlKem: true, hasMlDsa: true } : module;
  const refuse = (problem: string): never => {
    throw new ConfigError(file, jsonPath, `FIPS mode is required, but ${problem}`);
  };
  if (!enabled) {
    refuse(
      'the OpenSSL under this Node does not run in it (crypto.getFips() is not 1): ' +
        'start Node with --enable-fips on an OpenSSL that has a FIPS provider, see docs/fips.md',
    );
  }
  if (!policy.fips) refuse(`${policy.name} is not a FIPS policy`);
  const legacy = algorithmsOf(policy.algorithms).filter((algorithm) => algorithm.fips !== 'approved');
  if (legacy.length > 0) {
    const names = legacy.map((algorithm) => `${algorithm.name} (${algorithm.fipsWhy})`).join(', ');
    const others = 'TransferSecurityPolicy-FIPS-2025-03 or TransferSecurityPolicy-FIPS-2024-05';
    refuse(`${policy.name} lists ${names}: choose a policy without, such as ${others}`);
  }
  // Beside a classical half the module would still have something to verify.
  const unverified = policy.algorithms.hostKeys.filter((name) => {
    const facts = HOST_KEY_BY_NAME.get(name);
    return facts?.pq === 'ml-dsa' && facts.classicalHalf === undefined;
  });
  if (!hasMlDsa && unverified.length > 0) {
    refuse(
      `the module has no ML-DSA, so that ${policy.name}'s ${unverified.join(', ')} would be no approved signature: ` +
        'use a newer FIPS provider and Node 24.8 or newer, or a policy without',
    );
  }
  if (hasMlKem) return;
  // Neither half of such a hybrid would come from the module.
  const unapproved = policy.algorithms.kex.filter((name) => {
    const facts = KEX_BY_NAME.get(name);
    return facts?.family === 'pq-hybrid' && facts.classical === 'X25519';
  });
  if (unapproved.length > 0) {
    refuse(
      `the module has no ML-KEM, so that ${policy.name}'s ${unapproved.join(', ')} would have no approved secret: ` +
        'use a newer FIPS provider, or a policy whose hybrids have a NIST curve',
    );
  }
}

/** The table rows of a policy's names, in order. */
export function algorithmsOf(lists: AlgorithmLists): Algorithm[] {
  const rows: (Algorithm | undefined)[] = [
    ...lists.kex.map((name) => KEX_BY_NAME.get(name)),
    ...lists.ciphers.map((name) => CIPHER_BY_NAME.get(name)),
    ...lists.macs.map((name) => MAC_BY_NAME.get(name)),
    ...lists.hostKeys.map((name) => HOST_KEY_BY_NAME.get(name)),
  ];
  return rows.filter((row) => row !== undefined);
}
