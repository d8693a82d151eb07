import { isIPv4, isIPv6 } from 'node:net';

/** Where the client is, as a proxy says. */
export interface ProxiedSource {
  readonly address: string;
  readonly port: number;
}

/** How the bytes of a connection begin. */
export type ProxyHeader =
  /** More bytes are needed to tell. */
  | { readonly kind: 'incomplete' }
  /** The first byte that cannot be a header's has come. */
  | { readonly kind: 'none' }
  /** `bytes` long; `source` is null where the proxy speaks for itself (LOCAL), or does not say for whom (UNKNOWN). */
  | {
      readonly kind: 'header';
      readonly version: 1 | 2;
      readonly bytes: number;
      readonly source: ProxiedSource | null;
    };

/** What begins as a header and is none. */
export class ProxyHeaderError extends Error {
  override readonly name = 'ProxyHeaderError';
}

/** The longest header of version 1 with its CRLF (specification, §2.1). */
const V1_MOST_BYTES = 107;
const V1_PREFIX = Buffer.from('PROXY ');

/** The twelve bytes that begin version 2 (§2.2). */
const V2_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const V2_FIXED_BYTES = 16;

/** Addresses have 216 bytes at the most. The rest is for type-length-values, which we skip: certificates among them are long. */
export const V2_MOST_BYTES = V2_FIXED_BYTES + 4096;

const TCP_OVER_IPV4 = { code: 0x11, bytes: 12 };
const TCP_OVER_IPV6 = { code: 0x21, bytes: 36 };

/**
 * Reads the header of the PROXY protocol, version 1 or 2, at the beginning of a connection
 * (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, §2).
 *
 * @throws ProxyHeaderError where the bytes begin as a header and cannot become one
 */
export function parseProxyHeader(start: Buffer): ProxyHeader {
  if (beginsLike(start, V2_SIGNATURE)) return parseV2(start);
  if (beginsLike(start, V1_PREFIX)) return parseV1(start);
  return { kind: 'none' };
}

/** As far as there are bytes of either. */
function beginsLike(start: Buffer, prefix: Buffer): boolean {
  const shared = Math.min(start.length, prefix.length);
  return start.subarray(0, shared).equals(prefix.subarray(0, shared));
}

function parseV1(start: Buffer): ProxyHeader {
  const end = start.subarray(0, V1_MOST_BYTES).indexOf('\r\n');
  if (end === -1) {
    if (start.length >= V1_MOST_BYTES) throw new ProxyHeaderError('a header of version 1 without an end');
    return { kind: 'incomplete' };
  }
  const bytes = end + 2;
  const [, family, source = '', destination = '', sourcePort = '', destinationPort = '', ...more] = start
    .toString('latin1', 0, end)
    .split(' ');
  // What follows UNKNOWN is to be ignored.
  if (family === 'UNKNOWN') return { kind: 'header', version: 1, bytes, source: null };
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6WithoutZone : undefined;
  if (isAddress === undefined) throw new ProxyHeaderError('a header of version 1 with another protocol than TCP');
  const port = portOf(sourcePort);
  if (!isAddress(source) || !isAddress(destination) || more.length > 0) {
    throw new ProxyHeaderError('a header of version 1 with broken addresses');
  }
  if (port === null || portOf(destinationPort) === null) {
    throw new ProxyHeaderError('a header of version 1 with broken ports');
  }
  return { kind: 'header', version: 1, bytes, source: { address: isIPv4(source) ? source : ipv6Text(source), port } };
}

function isIPv6WithoutZone(address: string): boolean {
  return isIPv6(address) && !address.includes('%');
}

function portOf(text: string): number | null {
  if (!/^(0|[1-9]\d{0,4})$/.test(text)) return null;
  const port = Number(text);
  return port <= 65535 ? port : null;
}

function parseV2(start: Buffer): ProxyHeader {
  if (start.length < V2_FIXED_BYTES) return { kind: 'incomplete' };
  const versionAndCommand = start.readUInt8(12);
  const family = start.readUInt8(13);
  const bytes = V2_FIXED_BYTES + start.readUInt16BE(14);
  if (versionAndCommand !== 0x20 && versionAndCommand !== 0x21) {
    throw new ProxyHeaderError('a header of an unknown version or command');
  }
  if (bytes > V2_MOST_BYTES) throw new ProxyHeaderError(`a header of more than ${V2_MOST_BYTES} bytes`);
  if (start.length < bytes) return { kind: 'incomplete' };
  const isLocal = versionAndCommand === 0x20;
  return { kind: 'header', version: 2, bytes, source: isLocal ? null : sourceV2(family, start.subarray(16, bytes)) };
}

function sourceV2(family: number, addresses: Buffer): ProxiedSource | null {
  // AF_UNSPEC: the proxy does not know. §2.2 has us use the address of the connection.
  if (family === 0x00) return null;
  const known = [TCP_OVER_IPV4, TCP_OVER_IPV6].find(({ code }) => code === family);
  if (known === undefined) throw new ProxyHeaderError('a header of another protocol than TCP');
  if (addresses.length < known.bytes) throw new ProxyHeaderError('a header that is too short for its addresses');
  if (known === TCP_OVER_IPV4) {
    return { address: [...addresses.subarray(0, 4)].join('.'), port: addresses.readUInt16BE(8) };
  }
  const words = Array.from({ length: 8 }, (_, i) => addresses.readUInt16BE(2 * i).toString(16));
  return { address: ipv6Text(words.join(':')), port: addresses.readUInt16BE(32) };
}

/** One text for each address: as RFC 5952 writes it, and IPv4 in IPv6 as IPv4. */
function ipv6Text(address: string): string {
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(text);
  if (mapped === null) return text;
  const words = mapped.slice(1).map((word) => Number.parseInt(word, 16));
  return words.flatMap((word) => [word >> 8, word & 0xff]).join('.');
}
