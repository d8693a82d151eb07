import { connect } from 'node:net';
import type { AlgorithmLists } from '../../negotiation/algorithm-lists.ts';
import { DISCONNECT_REASON, SshDisconnect } from '../../transport/disconnect.ts';
import type { KeyExchangeInfo } from '../../transport/transport.ts';
import { Transport } from '../../transport/transport.ts';

export interface Handshake {
  readonly info: KeyExchangeInfo;
  /** From the TCP connection to the server's NEWKEYS. */
  readonly milliseconds: number;
  /** Bytes of the whole exchange on the wire, both KEXINITs included, by direction. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/**
 * The server closed the connection before it said its version: no fault of any algorithm. OpenSSH does so to a source that
 * comes often without logging in (PerSourcePenalties, MaxStartups in sshd_config(5)).
 */
export class ConnectionRefused extends Error {
  override readonly name = 'ConnectionRefused';
}

/** Completes one key exchange with exactly these algorithms and ends the connection. Rejects with what went wrong. */
export function handshake(
  host: string,
  port: number,
  version: string,
  algorithms: AlgorithmLists,
  timeoutMs: number,
): Promise<Handshake> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true });
    let transport: Transport | null = null;
    const timer = setTimeout(() => {
      socket.destroy(new Error(`no key exchange within ${timeoutMs} ms`));
    }, timeoutMs);
    const fail = (error: Error, lost: boolean): void => {
      clearTimeout(timer);
      const refused = lost && transport?.peerVersion == null;
      reject(refused ? new ConnectionRefused('the server accepts no more connections from here for now') : error);
    };
    socket.once('error', (error: NodeJS.ErrnoException) => {
      fail(error, ['ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(error.code ?? ''));
    });
    socket.once('connect', () => {
      const startedAt = performance.now();
      const started: Transport = new Transport(socket, {
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
              bytesSent: started.bytesSent,
              bytesReceived: started.bytesReceived,
            });
            started.disconnect(new SshDisconnect(DISCONNECT_REASON.BY_APPLICATION, 'the probe has seen enough'));
          },
          onMessage: () => undefined,
          onDrain: () => undefined,
          onClose: (reason) => {
            fail(reason, reason.reason === DISCONNECT_REASON.CONNECTION_LOST);
          },
        },
      });
      transport = started;
    });
  });
}
