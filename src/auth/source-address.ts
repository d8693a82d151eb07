import { BlockList, isIP } from 'node:net';

/**
 * Whether `address` is in a list of addresses and networks with commas between them, such as the critical option
 * `source-address` of a certificate (OpenSSH PROTOCOL.certkeys). null where the list is malformed, an empty one included. An
 * address that is none, such as that of a connection which has ended, is in no list.
 */
export function isInAddressList(list: string, address: string): boolean | null {
  const networks = new BlockList();
  for (const entry of list.split(',')) {
    const [network = '', bits, ...more] = entry.split('/');
    const family = familyOf(network);
    if (family === null || more.length > 0) return null;
    const prefix = bits === undefined ? family.bits : /^\d{1,3}$/.test(bits) ? Number(bits) : Infinity;
    if (prefix > family.bits) return null;
    networks.addSubnet(network, prefix, family.name);
  }
  // A zone ("%eth0") says through which interface, not from which network.
  const [plain = ''] = address.split('%');
  const family = familyOf(plain);
  return family !== null && networks.check(plain, family.name);
}

function familyOf(address: string): { readonly name: 'ipv4' | 'ipv6'; readonly bits: number } | null {
  if (address.includes('%')) return null;
  switch (isIP(address)) {
    case 4:
      return { name: 'ipv4', bits: 32 };
    case 6:
      return { name: 'ipv6', bits: 128 };
    default:
      return null;
  }
}
