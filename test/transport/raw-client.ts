import { randomBytes } from 'node:crypto';
import { duplexPair } from 'node:stream';
import { noneOpener, noneSealer } from '../../src/crypto/cipher/cipher-constructors.ts';
import { encodeKexInit } from '../../src/negotiation/kexinit.ts';
import type { KexInit } from '../../src/negotiation/kexinit.ts';
import { PacketReader } from '../../src/transport/packet-reader.ts';
import { PacketWriter } from '../../src/transport/packet-writer.ts';
import { VersionReader } from '../../src/transport/version-exchange.ts';
import type { PairOptions, Side } from './transport-pair.ts';
import { serverSide } from './transport-pair.ts';

/** A client that speaks packets by hand, before encryption. */
export function rawClient(options: PairOptions = {}): {
  send: (payload: Buffer) => void;
  raw: (bytes: Buffer | string) => void;
  server: Side;
  received: Buffer[];
} {
  const [a, b] = duplexPair();
  const server = serverSide(a, options);
  const received: Buffer[] = [];
  const versions = new VersionReader('server');
  const packets = new PacketReader(noneOpener(), 65_536);
  let versionRead = false;
  b.on('data', (chunk: Buffer) => {
    const read = versionRead ? { rest: chunk } : versions.push(chunk);
    if (read === null) return;
    versionRead = true;
    packets.push(read.rest);
    // What comes after NEWKEYS is encrypted.
    while (received.at(-1)?.[0] !== 21) {
      const payload = packets.next();
      if (payload === null) return;
      received.push(Buffer.from(payload));
    }
  });
  b.on('error', () => undefined);
  const writer = new PacketWriter(noneSealer());
  return {
    send: (payload) => {
      for (const chunk of writer.seal(payload, [])) b.write(chunk);
    },
    raw: (bytes) => b.write(bytes),
    server,
    received,
  };
}

export const VERSION = 'SSH-2.0-raw\r\n';

export function clientKexInit(changes: Partial<KexInit> = {}): Buffer {
  return encodeKexInit(
    {
      kex: ['curve25519-sha256'],
      hostKeys: ['ssh-ed25519'],
      ciphersClientToServer: ['aes128-gcm@openssh.com'],
      ciphersServerToClient: ['aes128-gcm@openssh.com'],
      macsClientToServer: [],
      macsServerToClient: [],
      compressionClientToServer: ['none'],
      compressionServerToClient: ['none'],
      firstKexPacketFollows: false,
      ...changes,
    },
    randomBytes(16),
  );
}
