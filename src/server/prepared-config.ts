import { fileURLToPath } from 'node:url';
import type { Config } from '../config/schema.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { PrivateKey } from '../crypto/keys/key.ts';
import { cryptoModule, refusedByOpenSsl } from '../crypto/providers.ts';
import type { PolicyCatalogue } from '../policy/catalogue.ts';
import { ConfigError } from '../policy/config-error.ts';
import { checkFipsMode, fipsRules } from '../policy/fips-rules.ts';
import { selectHostKeyAlgorithms } from '../policy/host-key-selection.ts';
import { loadPoliciesFor } from '../policy/policies-for.ts';
import type { AlgorithmLists, SecurityPolicy } from '../policy/security-policy.ts';
import type { HostCertificate } from '../transport/host-credential.ts';
import { loadHostCertificates } from './host-certificates.ts';
import { loadHostKeys } from './host-keys.ts';
import type { HostKeyPassphrases } from './host-keys.ts';
import { checkPostQuantum } from './insistence.ts';
import { loadRevokedKeys } from './revoked-keys.ts';
import type { RevokedKeyFiles } from './revoked-keys.ts';
import { checkTls } from './tls-material.ts';
import type { ServerUsers } from './users.ts';
import { ConfiguredUsers } from './users.ts';

/** The policies that come with the server. */
const BUILT_IN_POLICIES = fileURLToPath(new URL('../../security-policies', import.meta.url));

/** Everything of a configuration that is checked before a port opens. */
export interface PreparedConfig {
  readonly loaded: LoadedConfig;
  readonly catalogue: PolicyCatalogue;
  readonly policy: SecurityPolicy;
  readonly hostKeys: readonly PrivateKey[];
  /** Those that are valid when the configuration is read. */
  readonly hostCertificates: readonly HostCertificate[];
  readonly users: ServerUsers;
  readonly revokedKeys: RevokedKeyFiles;
  /** What does not stop a start, and should be looked at. */
  readonly warnings: readonly ConfigError[];
}

/**
 * Checks a configuration as far as is possible without opening a port or asking the store: policy, FIPS mode, host keys,
 * users, revocation lists. Throws ConfigError.
 *
 * @param passphrases of host keys for which the configuration names no file
 */
export function prepareConfig(loaded: LoadedConfig, passphrases?: HostKeyPassphrases): PreparedConfig {
  const { config, file } = loaded;
  const { catalogue, warnings } = loadPoliciesFor(config.securityPolicy, policyDirectories(config));
  const policy = catalogue.require(config.securityPolicy, file, '$.securityPolicy');
  checkFipsMode(config.fips, policy, cryptoModule(), file, '$.fips');
  checkComputable(policy, file, '$.securityPolicy');
  checkPostQuantum(config.postQuantum, policy, file, '$.postQuantum');
  checkTls(loaded);
  const hostKeys = loadHostKeys(config.hostKeys, file, config.hostKeyPassphraseFile, passphrases);
  offeredAlgorithms(policy, hostKeys, file);
  const certificates = loadHostCertificates(config.hostCertificates, hostKeys, file, Date.now());
  const fipsMode = config.fips === 'required' || cryptoModule().enabled;
  const users = new ConfiguredUsers(config, file, fipsMode);
  const revokedKeys = loadRevokedKeys(config.auth.revokedKeys, file);
  return {
    ...{ loaded, catalogue, policy, hostKeys, hostCertificates: certificates.hostCertificates, users, revokedKeys },
    warnings: [...loaded.warnings, ...warnings, ...certificates.warnings],
  };
}

/** Where the policies are that a configuration may name. */
export function policyDirectories(config: Pick<Config, 'policyDirectories'>): readonly string[] {
  return [BUILT_IN_POLICIES, ...config.policyDirectories];
}

/**
 * Checks a policy that is to replace the one in force: FIPS mode, what OpenSSL computes, post-quantum methods, and the host
 * keys. Throws ConfigError naming the policy's file.
 */
export function checkReplacement(
  policy: SecurityPolicy,
  { fips, postQuantum }: Pick<Config, 'fips' | 'postQuantum'>,
  hostKeys: readonly PrivateKey[],
): void {
  checkFipsMode(fips, policy, cryptoModule(), policy.file, '$.SecurityPolicy');
  checkComputable(policy, policy.file, '$.SecurityPolicy');
  checkPostQuantum(postQuantum, policy, policy.file, '$.SecurityPolicy.SshKexs');
  offeredAlgorithms(policy, hostKeys, policy.file);
}

/** What is offered must work: a FIPS module refuses algorithms of policies for other machines. Throws ConfigError. */
function checkComputable(policy: SecurityPolicy, file: string, jsonPath: string): void {
  const refused = refusedByOpenSsl(policy.algorithms);
  if (refused.length === 0) return;
  const fipsMode = cryptoModule().enabled ? ', which runs in FIPS mode,' : '';
  throw new ConfigError(
    file,
    jsonPath,
    `${policy.name} lists what the OpenSSL under this Node${fipsMode} refuses: ${refused.join(', ')}; choose a policy ` +
      'without, such as TransferSecurityPolicy-FIPS-2025-03 or TransferPQSecurityPolicy-FIPS-2026-11',
  );
}

/** The policy's lists, with the host key algorithms that the configured keys can serve. Throws ConfigError. */
export function offeredAlgorithms(
  policy: SecurityPolicy,
  hostKeys: readonly PrivateKey[],
  file: string,
): AlgorithmLists {
  const configured = hostKeys.map(({ publicKey }) => ({ type: publicKey.type, bits: publicKey.bits }));
  return { ...policy.algorithms, hostKeys: selectHostKeyAlgorithms(policy, configured, file, '$.hostKeys') };
}

/**
 * The host keys that may sign: of a type that the policy lists, and under a FIPS policy RSA keys that are long enough, even
 * where another RSA key makes the type available.
 */
export function usableHostKeys({ policy, hostKeys }: PreparedConfig): PrivateKey[] {
  return hostKeys.filter((key) => whyUnused(key, policy) === null);
}

/** The certificates of host keys that may sign. */
export function usableHostCertificates({ policy, hostCertificates }: PreparedConfig): HostCertificate[] {
  return hostCertificates.filter(({ hostKey }) => whyUnused(hostKey, policy) === null);
}

/** A configured host key that the policy in force leaves unused, in words for the operator. */
export interface UnusedHostKey {
  readonly file: string;
  readonly keyType: string;
  readonly fingerprint: string;
  readonly why: string;
}

export function unusedHostKeys({ policy, hostKeys, loaded }: PreparedConfig): UnusedHostKey[] {
  return hostKeys.flatMap((key, index) => {
    const why = whyUnused(key, policy);
    const { type: keyType, fingerprint } = key.publicKey;
    return why === null ? [] : [{ file: loaded.config.hostKeys[index] ?? '', keyType, fingerprint, why }];
  });
}

function whyUnused({ publicKey }: PrivateKey, policy: SecurityPolicy): string | null {
  const { minRsaBits } = fipsRules(policy);
  const listed: readonly string[] = policy.algorithms.hostKeys;
  if (!publicKey.signatureAlgorithms.some((name) => listed.includes(name))) {
    return `${policy.name} lists none of its algorithms (${publicKey.signatureAlgorithms.join(', ')})`;
  }
  if (publicKey.type !== 'ssh-rsa' || publicKey.bits >= minRsaBits) return null;
  return `${policy.name} needs RSA keys of ${minRsaBits} bits, and it has ${publicKey.bits}`;
}
