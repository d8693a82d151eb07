import type { Socket } from 'node:net';

/** An IPv4 address as IPv6 sockets show it (`::ffff:192.0.2.1`, RFC 4291 §2.5.5.2), as IPv4; any other as it is. */
export function plainAddress(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

/** Where a client is. */
export interface ClientSource {
  readonly address: string;
  /** undefined where the connection has ended already. */
  readonly port: number | undefined;
  /** The balancer that said so; null where the client is the peer itself. */
  readonly proxy: string | null;
}

/** Where the peer is; 'unknown' where the connection has ended already. */
export function remoteAddressOf(socket: Socket): string {
  return socket.remoteAddress === undefined ? 'unknown' : plainAddress(socket.remoteAddress);
}
