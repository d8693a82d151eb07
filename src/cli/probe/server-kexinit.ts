import { connect } from 'node:net';
import { noneOpener } from '../../crypto/cipher/cipher-constructors.ts';
import type { KexInit } from '../../negotiation/kexinit.ts';
import { decodeKexInit } from '../../negotiation/kexinit.ts';
import { DISCONNECT_REASON, SshDisconnect } from '../../transport/disconnect.ts';
import { MAX_PACKET_BYTES_BEFORE_AUTH } from '../../transport/limits.ts';
import { SSH_MSG } from '../../transport/messages.ts';
import { PacketReader } from '../../transport/packet-reader.ts';
import { VersionReader } from '../../transport/version-exchange.ts';

export interface ServerOffer {
  readonly version: string;
  readonly kexInit: KexInit;
}

/** Reads what a server offers, without a key exchange: its identification and its KEXINIT. */
export function readServerOffer(
  host: string,
  port: number,
  ourVersion: string,
  timeoutMs: number,
): Promise<ServerOffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const versions = new VersionReader('server');
    const packets = new PacketReader(noneOpener(), MAX_PACKET_BYTES_BEFORE_AUTH);
    let version: string | null = null;
    const timer = setTimeout(() => {
      fail(new Error(`no KEXINIT within ${timeoutMs} ms`));
    }, timeoutMs);
    const finish = (): void => {
      clearTimeout(timer);
      socket.destroy();
    };
    const fail = (error: Error): void => {
      finish();
      reject(error);
    };
    socket.on('connect', () => socket.write(`${ourVersion}\r\n`));
    socket.on('error', fail);
    socket.on('close', () => {
      fail(new Error('the server closed the connection before its KEXINIT'));
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        let rest = chunk;
        if (version === null) {
          const read = versions.push(chunk);
          if (read === null) return;
          version = read.version;
          rest = read.rest;
        }
        packets.push(rest);
        for (let payload = packets.next(); payload !== null; payload = packets.next()) {
          if (payload[0] === SSH_MSG.DISCONNECT) {
            throw new SshDisconnect(DISCONNECT_REASON.CONNECTION_LOST, 'the server disconnected before its KEXINIT');
          }
          if (payload[0] !== SSH_MSG.KEXINIT) continue;
          const kexInit = decodeKexInit(Buffer.from(payload));
          finish();
          resolve({ version, kexInit });
          return;
        }
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
}
