// What a client offers, read from its own KEXINIT.
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { SshReader } from '../../src/wire/reader.ts';
import type { InteropClient } from './client.ts';
import type { Identity } from './identity.ts';

export interface Offer {
  /** The client's version string, as it is logged. */
  readonly version: string;
  readonly kex: readonly string[];
  readonly hostKeys: readonly string[];
  readonly ciphers: readonly string[];
  readonly macs: readonly string[];
}

const SSH_MSG_KEXINIT = 20;

/** Starts the client against a listener that says its version and nothing more, and reads what the client sends. */
export async function captureOffer(client: InteropClient, identity: Identity, scratch: string): Promise<Offer> {
  await mkdir(scratch, { recursive: true });
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets = new Set<Socket>();
  const captured = new Promise<Offer>((resolve, reject) => {
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.write('SSH-2.0-Latticeport_0.0\r\n');
      let received = Buffer.alloc(0);
      socket.on('error', () => undefined);
      socket.on('data', (data: Buffer) => {
        received = Buffer.concat([received, data]);
        try {
          const offer = parse(received);
          if (offer !== null) resolve(offer);
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
        // The client sees a server that has gone away, and ends.
        if (received.length > 64) socket.end();
      });
    });
  });
  const login = {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    user: identity.user,
    key: client.userKeys.includes('ed25519') ? identity.userKeys['ed25519'] : null,
    password: client.userKeys.includes('ed25519') ? null : identity.password,
    hostKey: identity.hostKeys['ed25519'],
    kex: null,
    scratch,
  };
  const steps = [{ do: 'get' as const, remote: '/none', local: join(scratch, 'none') }];
  const ended = client.run(login, steps, 20_000).then((finished) => {
    throw new Error(`${client.name} ended without a KEXINIT\n${finished.stdout}\n${finished.stderr}`);
  });
  try {
    return await Promise.race([captured, ended]);
  } finally {
    server.close();
    for (const socket of sockets) socket.destroy();
    await ended.catch(() => undefined);
  }
}

function parse(received: Buffer): Offer | null {
  const end = received.indexOf('\n');
  if (end < 0 || received.length < end + 6) return null;
  const packet = received.subarray(end + 1);
  const packetLength = packet.readUInt32BE(0);
  if (packet.length < 4 + packetLength) return null;
  const reader = new SshReader(packet.subarray(5, 4 + packetLength - packet.readUInt8(4)));
  const message = reader.byte();
  if (message !== SSH_MSG_KEXINIT) throw new Error(`message ${message} instead of KEXINIT`);
  reader.bytes(16);
  const [kex = [], hostKeys = [], ciphers = [], , macs = []] = Array.from({ length: 6 }, () => reader.nameList());
  return { version: received.toString('latin1', 0, end).trim(), kex, hostKeys, ciphers, macs };
}
