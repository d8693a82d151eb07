import { isIP } from 'node:net';

/** An IPv4 or IPv6 address as a number of so many bits. */
interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

/**
 * Whether `address` is in a list of addresses and networks with commas between them, such as the critical option
 * `source-address` of a certificate (OpenSSH PROTOCOL.certkeys). null where the list is malformed, an empty one included, and
 * where a network has bits behind its mask, as sshd has it: who wrote 10.1.2.3/8 did not mean sixteen million hosts. An address
 * that is none, such as that of a connection which has ended, is in no list, and IPv4 is in no network of IPv6.
 */
export function isInAddressList(list: string, address: string): boolean | null {
  // A zone ("%eth0") says through which interface, not from which network.
  const client = parsed(address.split('%', 1)[0] ?? '');
  let isInside = false;
  for (const entry of list.split(',')) {
    const [network = '', length, ...more] = entry.split('/');
    const base = parsed(network);
    if (base === null || more.length > 0) return null;
    const prefix = length === undefined ? base.bits : /^\d{1,3}$/.test(length) ? Number(length) : Infinity;
    if (prefix > base.bits) return null;
    const behind = BigInt(base.bits - prefix);
    if ((base.value >> behind) << behind !== base.value) return null;
    isInside ||= client?.bits === base.bits && client.value >> behind === base.value >> behind;
  }
  return isInside;
}

/** null for what is no address, one with a zone included. */
function parsed(text: string): Address | null {
  if (text.includes('%')) return null;
  switch (isIP(text)) {
    case 4:
      return { bits: 32, value: joined(text.split('.').map(BigInt), 8n) };
    case 6:
      return { bits: 128, value: joined(groupsOf(text), 16n) };
    default:
      return null;
  }
}

/** The eight groups of an IPv6 address. */
function groupsOf(text: string): bigint[] {
  // As a URL has it: hexadecimal groups alone, none of them in IPv4's form (RFC 5952 §4, WHATWG URL).
  const plain = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const [front = [], back] = plain.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = back === undefined ? [] : Array.from({ length: 8 - front.length - back.length }, () => '0');
  return [...front, ...zeros, ...(back ?? [])].map((group) => BigInt(`0x${group}`));
}

function joined(parts: readonly bigint[], bits: bigint): bigint {
  return parts.reduce((value, part) => (value << bits) | part, 0n);
}
