import { connect } from 'node:net';
import type { KeyExchangeInfo, TransportAlgorithms } from '../../transport/transport.ts';
import { Transport } from '../../transport/transport.ts';

export interface Handshake {
  readonly info: KeyExchangeInfo;
  /** From the TCP connection to the server's NEWKEYS. */
  readonly milliseconds: number;
  /** Bytes of the whole exchange on the wire, both KEXINITs included, by direction. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** Completes one key exchange with exactly these algorithms and ends the connection. Rejects with what went wrong. */
export function handshake(
  host: string,
  port: number,
  version: string,
  algorithms: TransportAlgorithms,
  timeoutMs: number,
): Promise<Handshake> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true });
    const timer = setTimeout(() => {
      socket.destroy(new Error(`no key exchange within ${timeoutMs} ms`));
    }, timeoutMs);
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    socket.once('connect', () => {
      const startedAt = performance.now();
      const transport: Transport = new Transport(socket, {
        role: 'client',
        version,
        algorithms,
        // A probe looks at the key, it trusts nothing with it.
        verifyHostKey: () => true,
        rekey: { bytes: Number.MAX_SAFE_INTEGER, seconds: 86_400 },
        handler: {
          onKeyExchange: (info) => {
            clearTimeout(timer);
            resolve({
              info,
              milliseconds: performance.now() - startedAt,
              bytesSent: transport.bytesSent,
              bytesReceived: transport.bytesReceived,
            });
            socket.end();
          },
          onMessage: () => undefined,
          onDrain: () => undefined,
          onClose: (reason) => {
            clearTimeout(timer);
            reject(reason);
          },
        },
      });
    });
  });
}
