// A balancer for TCP that says where its client is, as the PROXY protocol has it, before it passes anything on.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** The header of version 2 for TCP over IPv4. */
export function v2Header(source: string, port: number): Buffer {
  const header = Buffer.alloc(28);
  header.write('\r\n\r\n\0\r\nQUIT\n', 'latin1');
  header.writeUInt8(0x21, 12);
  header.writeUInt8(0x11, 13);
  header.writeUInt16BE(12, 14);
  Buffer.from(source.split('.').map(Number)).copy(header, 16);
  Buffer.from([127, 0, 0, 1]).copy(header, 20);
  header.writeUInt16BE(port, 24);
  header.writeUInt16BE(22, 26);
  return header;
}

export class Balancer {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** Its connections to `port` come from `own`. */
  static async start(port: number, own: string, header: Buffer): Promise<Balancer> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const balancer = new Balancer(server);
    server.on('connection', (client) => {
      const target = connect({ host: '127.0.0.1', port, localAddress: own, noDelay: true });
      for (const socket of [client, target]) {
        balancer.#sockets.add(socket);
        socket.on('close', () => {
          client.destroy();
          target.destroy();
        });
        socket.on('error', () => undefined);
      }
      target.write(header);
      client.pipe(target).pipe(client);
    });
    return balancer;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
