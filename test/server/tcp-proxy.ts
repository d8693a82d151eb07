// A pass-through for TCP that can break, refuse, and come back on the same port: a store that dies and returns.
import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

export class TcpProxy {
  readonly port: number;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #sockets = new Set<Socket>();
  readonly #silent = new Set<Socket>();
  #server: Server;
  #answer: string | null = null;
  /** Bytes that have come from clients and were passed on. */
  bytesForwarded = 0;

  private constructor(target: { host: string; port: number }, server: Server) {
    this.#target = target;
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    this.#serve();
  }

  static async start(target: URL): Promise<TcpProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy({ host: target.hostname, port: Number(target.port) }, server);
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Breaks every connection, and refuses new ones. */
  async down(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#reset();
    await closed;
  }

  async up(): Promise<void> {
    this.#answer = null;
    if (this.#server.listening) return;
    this.#server = createServer().listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#serve();
  }

  /** From now on every request, on new connections too, is answered with this HTTP answer and not passed on. */
  answerAll(status: string, body: string): void {
    this.#answer =
      `HTTP/1.1 ${status}\r\nContent-Type: application/xml\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `Connection: close\r\n\r\n${body}`;
    this.#reset();
  }

  /** The connections that there are fall silent, as behind a cable that was pulled: no byte passes, and no end. */
  hush(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
      this.#silent.add(socket);
    }
  }

  /** What has fallen silent breaks at last. */
  breakSilent(): void {
    for (const socket of this.#silent) socket.resetAndDestroy();
    this.#silent.clear();
  }

  #reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  #serve(): void {
    this.#server.on('connection', (near) => {
      this.#track(near);
      const answer = this.#answer;
      if (answer !== null) {
        near.once('data', () => near.end(answer));
        near.resume();
        return;
      }
      const far = connect(this.#target);
      this.#track(far);
      near.on('data', (chunk: Buffer) => {
        this.bytesForwarded += chunk.length;
      });
      near.pipe(far).pipe(near);
      // Of a silent connection the other end learns nothing.
      near.on('close', () => {
        if (!this.#silent.has(near)) far.destroy();
      });
      far.on('close', () => {
        if (!this.#silent.has(far)) near.destroy();
      });
    });
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
  }
}
