import { BlockList, isIP, isIPv6 } from 'node:net';

/** Networks of IPv4 and IPv6, by the address of a connection's peer. Whoever adds one has checked how it is written. */
export class AddressNetworks {
  readonly #networks = new BlockList();

  /** `bits`: of the network; all of them for one address. */
  add(address: string, bits: number): void {
    this.#networks.addSubnet(address, bits, familyOf(address));
  }

  /** Whether one of them has the address. Where the connection has ended already there is none: then it is in no network. */
  has(remoteAddress: string): boolean {
    // A zone ("%eth0") says through which interface, not from which network.
    const [address = ''] = remoteAddress.split('%');
    return isIP(address) !== 0 && this.#networks.check(address, familyOf(address));
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}
