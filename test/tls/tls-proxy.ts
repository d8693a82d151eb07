// A TLS server in front of a store that speaks plain HTTP: what a load balancer is, with the groups that a test chooses.
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { createServer, type Server, type TlsOptions } from 'node:tls';

/** Groups of a store that knows post-quantum exchanges, and of one that does not. */
export const MODERN_GROUPS = 'X25519MLKEM768:X25519:P-256';
export const CLASSICAL_GROUPS = 'X25519:P-256';

export class TlsProxy {
  /** TLS connections that were made. */
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(to: string, options: TlsOptions) {
    const { hostname, port } = new URL(to);
    this.#server = createServer(options, (client) => {
      this.connections += 1;
      const store = connect(Number(port), hostname);
      for (const [one, other] of [
        [client, store],
        [store, client],
      ] as const) {
        this.#sockets.add(one);
        one.pipe(other);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          this.#sockets.delete(one);
          other.destroy();
        });
      }
    });
    // Node leaves the connection of a client that it does not take open.
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy());
  }

  static async start(to: string, options: TlsOptions, port = 0): Promise<TlsProxy> {
    const proxy = new TlsProxy(to, options);
    proxy.#server.listen(port, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get endpoint(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  /** The store changes: connections that are there break, and new ones meet this. */
  become(options: TlsOptions): void {
    this.#server.setSecureContext(options);
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
