import { BlockList, isIP, isIPv6 } from 'node:net';

/** Networks of IPv4 and IPv6, by the address of a connection's peer. Whoever adds one has checked how it is written. */
export class AddressNetworks {
  /** One for each family: in one list a short network of IPv6, such as `::/0`, would have all of IPv4, too. */
  readonly #networks = { ipv4: new BlockList(), ipv6: new BlockList() };

  /** Networks as CIDR has them, such as `192.0.2.0/24`. */
  static of(networks: readonly string[]): AddressNetworks {
    const made = new AddressNetworks();
    for (const network of networks) {
      const [address = '', bits = ''] = network.split('/');
      made.add(address, Number(bits));
    }
    return made;
  }

  /** `bits`: of the network; all of them for one address. */
  add(address: string, bits: number): void {
    const family = familyOf(address);
    this.#networks[family].addSubnet(address, bits, family);
  }

  /** Whether one of them has the address. Where the connection has ended already there is none: then it is in no network. */
  has(remoteAddress: string): boolean {
    // A zone ("%eth0") says through which interface, not from which network.
    const [address = ''] = remoteAddress.split('%');
    if (isIP(address) === 0) return false;
    const family = familyOf(address);
    return this.#networks[family].check(address, family);
  }
}

/** As the configuration has it: networks as CIDR has them. */
export interface AddressRuleSettings {
  /** Left out: from everywhere. */
  readonly allowedNetworks?: readonly string[] | undefined;
  readonly deniedNetworks: readonly string[];
}

/** From where somebody may come. What is denied is denied, whatever is allowed. */
export class AddressRules {
  readonly #allowed: AddressNetworks | null;
  readonly #denied: AddressNetworks;

  constructor({ allowedNetworks, deniedNetworks }: AddressRuleSettings) {
    this.#allowed = allowedNetworks === undefined ? null : AddressNetworks.of(allowedNetworks);
    this.#denied = AddressNetworks.of(deniedNetworks);
  }

  allows(remoteAddress: string): boolean {
    return !this.#denied.has(remoteAddress) && this.#allowed?.has(remoteAddress) !== false;
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}
