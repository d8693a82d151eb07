import type { Config } from '../config/schema.ts';
import { ConfigError } from '../policy/config-error.ts';
import { insistedMethods, listsUnder, type PostQuantumSetting } from '../policy/post-quantum-setting.ts';
import type { AlgorithmLists, SecurityPolicy } from '../policy/security-policy.ts';
import type { Insistence } from '../transport/transport.ts';
import { AddressNetworks } from './address-networks.ts';

/** Where a post-quantum method is required the policy must have one. Throws ConfigError, which names `jsonPath` of `file`. */
export function checkPostQuantum(
  setting: PostQuantumSetting,
  policy: SecurityPolicy,
  file: string,
  jsonPath: string,
): void {
  if (listsUnder(setting, policy.algorithms).kex.length > 0) return;
  throw new ConfigError(
    file,
    jsonPath,
    `"require" needs a post-quantum key exchange method, and ${policy.name} has none; choose a policy that has, such as ` +
      'TransferPQSecurityPolicy-2026-11',
  );
}

/** What a server insists on, and with whom. */
export class Insisting {
  readonly #insistence: Insistence;
  readonly #excepted: AddressNetworks;

  constructor({ postQuantum, insistence }: Config, algorithms: AlgorithmLists) {
    this.#insistence = { kex: insistedMethods(postQuantum, algorithms), waitSeconds: insistence.waitSeconds };
    this.#excepted = AddressNetworks.of(insistence.exceptFrom);
  }

  /** For a client at `remoteAddress`; undefined where its KEXINIT need not be waited for. */
  with(remoteAddress: string): Insistence | undefined {
    if (this.#insistence.kex.length === 0) return undefined;
    return this.#excepted.has(remoteAddress) ? undefined : this.#insistence;
  }
}
