import type { ServerOptions } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import { HANDSHAKE_MS, HANDSHAKES } from './limits.ts';

/** The server's end of TLS: `tlsServerOptions` of the settings makes it. */
export interface TlsServerOptions {
  /** Certificate, key, groups, oldest version, authorities of clients. Another one can take its place: `use`. */
  readonly context: SecureContextOptions;
  /** Clients without a certificate of one of the context's authorities are refused. */
  readonly clientCertificates: boolean;
}

export interface HttpsListenerOptions {
  /** A handshake failed: a client without a common group, without TLS, or too slow. Hostile clients can cause many. */
  onRefused(error: Error, remoteAddress: string): void;
  /** Milliseconds for a handshake. Default 5,000. */
  readonly handshakeMs?: number;
}

/**
 * An HTTPS server for a port that few clients need: what costs it something before a client has shown anything is bounded in
 * time and number. Where there are too many handshakes the oldest goes: refusing the newcomer would let slow clients keep
 * others out. What comes after the handshake (`secureConnection`) is the user's to bound.
 */
export class HttpsListener {
  readonly server: Server;
  /** By where they come from, the oldest first. */
  readonly #handshaking = new Map<string, Socket>();

  constructor(http: ServerOptions, { context, clientCertificates }: TlsServerOptions, options: HttpsListenerOptions) {
    const { handshakeMs = HANDSHAKE_MS } = options;
    this.server = createServer({
      ...http,
      ...context,
      requestCert: clientCertificates,
      rejectUnauthorized: clientCertificates,
      handshakeTimeout: handshakeMs,
    });
    this.server.on('connection', (socket: Socket) => {
      this.#begin(socket);
    });
    this.server.on('secureConnection', (socket) => {
      const place = placeOf(socket);
      if (place === null) socket.destroy();
      else this.#handshaking.delete(place);
    });
    this.server.on('tlsClientError', (error, socket) => {
      const { remoteAddress = 'unknown' } = socket;
      // Node leaves a client whose time is over connected.
      socket.destroy();
      options.onRefused(error, remoteAddress);
    });
  }

  /** Connections from now on get another certificate and other authorities. Throws what `createSecureContext` throws. */
  use(context: SecureContextOptions): void {
    this.server.setSecureContext(context);
  }

  /** Takes no more connections and ends those that are there. */
  close(): void {
    this.server.close();
    this.server.closeAllConnections();
    for (const socket of this.#handshaking.values()) socket.destroy();
  }

  #begin(socket: Socket): void {
    const place = placeOf(socket);
    // It has gone already.
    if (place === null) {
      socket.destroy();
      return;
    }
    if (this.#handshaking.size >= HANDSHAKES) {
      const [oldest] = this.#handshaking;
      if (oldest !== undefined) {
        this.#handshaking.delete(oldest[0]);
        oldest[1].destroy();
      }
    }
    this.#handshaking.set(place, socket);
    socket.on('close', () => {
      if (this.#handshaking.get(place) === socket) this.#handshaking.delete(place);
    });
    socket.unref();
  }
}

/** A TLS socket does not say whose connection it took over; both say from where to where it is. */
function placeOf({ remoteAddress, remotePort, localAddress }: Socket): string | null {
  return remoteAddress === undefined ? null : `${remoteAddress} ${String(remotePort)} ${String(localAddress)}`;
}
