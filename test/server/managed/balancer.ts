// A TCP balancer: connections go to its targets in turn, and to the next one where a target does not listen.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export interface BalancerTarget {
  readonly host: string;
  readonly port: number;
}

export class Balancer {
  readonly port: number;
  /** Where connections went, oldest first. */
  readonly taken: string[] = [];
  readonly #server: Server;
  readonly #targets: readonly BalancerTarget[];
  readonly #sockets = new Set<Socket>();
  #turn = 0;

  private constructor(server: Server, targets: readonly BalancerTarget[]) {
    this.#server = server;
    this.#targets = targets;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (near: Socket) => {
      this.#track(near);
      this.#pass(near, this.#targets.length);
    });
  }

  static async start(targets: readonly BalancerTarget[]): Promise<Balancer> {
    const server = createServer({ noDelay: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Balancer(server, targets);
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #pass(near: Socket, attempts: number): void {
    const target = this.#targets[this.#turn % this.#targets.length];
    this.#turn += 1;
    if (target === undefined || attempts === 0) {
      near.destroy();
      return;
    }
    const far = connect({ ...target, noDelay: true });
    this.#track(far);
    const refused = (): void => {
      this.#pass(near, attempts - 1);
    };
    far.once('error', refused);
    far.once('connect', () => {
      far.off('error', refused);
      this.taken.push(target.host);
      near.pipe(far).pipe(near);
      near.on('close', () => far.destroy());
      far.on('close', () => near.destroy());
    });
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
  }
}
