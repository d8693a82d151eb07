import { HOST_KEY_BY_NAME } from '../crypto/algorithms/algorithm-table.ts';
import { KEY_TYPES } from '../crypto/keys/key-registry.ts';
import { keygenCommand } from '../crypto/keys/keygen-types.ts';
import { ConfigError } from './config-error.ts';
import { fipsRules } from './fips-rules.ts';
import type { SecurityPolicy } from './security-policy.ts';

/** A configured host key, as much of it as a policy asks about. */
export interface ConfiguredHostKey {
  /** `ssh-ed25519`, `ecdsa-sha2-nistp256`, …, `ssh-rsa`. */
  readonly type: string;
  /** Size of the key: the modulus of RSA, the curve otherwise. */
  readonly bits: number;
}

/**
 * The host key algorithms to offer: those of the policy, in its order, that a configured key can sign with. Throws
 * ConfigError at `jsonPath` of the configuration `file` where none is left; it names the key types that the policy
 * allows and the commands that make them.
 */
export function selectHostKeyAlgorithms(
  policy: SecurityPolicy,
  keys: readonly ConfiguredHostKey[],
  file: string,
  jsonPath: string,
): string[] {
  const { minRsaBits } = fipsRules(policy);
  const usable = keys.filter((key) => key.type !== 'ssh-rsa' || key.bits >= minRsaBits);
  const offered = policy.algorithms.hostKeys.filter((name) => {
    const keyType = HOST_KEY_BY_NAME.get(name)?.keyType;
    return usable.some((key) => key.type === keyType);
  });
  if (offered.length > 0) return offered;

  const allowed = new Set<string | undefined>(
    policy.algorithms.hostKeys.map((name) => HOST_KEY_BY_NAME.get(name)?.keyType),
  );
  const commands = KEY_TYPES.filter(({ name }) => allowed.has(name)).map(
    (type) => `\n  ${type.name}: ${keygenCommand(type)}`,
  );
  const have =
    keys.length === 0 ? 'no host key is configured' : `the configured ones are ${keys.map(describeKey).join(', ')}`;
  throw new ConfigError(
    file,
    jsonPath,
    `no host key fits ${policy.name}: ${have}; make one of these types and list it here:${commands.join('')}`,
  );
}

function describeKey(key: ConfiguredHostKey): string {
  return key.type === 'ssh-rsa' ? `${key.type} (${key.bits} bits)` : key.type;
}
