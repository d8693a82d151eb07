import type { PROXY_MODES } from '../../config/ssh-listen.ts';
import { AddressNetworks } from '../address-networks.ts';

/** How connections from some address begin. */
export type ProxyRule =
  /** What comes is the client's. */
  | 'direct'
  /** It may not connect: only balancers may. */
  | 'refused'
  /** A header may come first, or must. */
  | { readonly required: boolean; readonly versions: readonly (1 | 2)[] };

export interface ProxySettings {
  readonly mode: (typeof PROXY_MODES)[number];
  /** Whose headers are believed, as CIDR has them. */
  readonly networks: readonly string[];
  readonly versions: readonly (1 | 2)[];
}

/** Whose headers of the PROXY protocol are believed. */
export class ProxyRules {
  readonly #mode: ProxySettings['mode'];
  readonly #networks: AddressNetworks;
  readonly #versions: readonly (1 | 2)[];

  constructor({ mode, networks, versions }: ProxySettings) {
    this.#mode = mode;
    this.#networks = AddressNetworks.of(networks);
    this.#versions = versions;
  }

  /** `peer`: the other end of the connection, not what it says. */
  ruleFor(peer: string): ProxyRule {
    if (this.#mode === 'off') return 'direct';
    const required = this.#mode === 'enforce';
    if (this.#networks.has(peer)) return { required, versions: this.#versions };
    return required ? 'refused' : 'direct';
  }
}
