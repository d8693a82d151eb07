import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { CipherGCMTypes } from 'node:crypto';
import { PacketIntegrityError } from './packet-cipher.ts';
import type { CipherKeySizes, DirectionKeys, PacketOpener, PacketSealer } from './packet-cipher.ts';
import { firstPart, mergeSmallPacket } from './packet-parts.ts';

/**
 * aes128-gcm@openssh.com and aes256-gcm@openssh.com: RFC 5647 with the negotiation of OpenSSH's PROTOCOL §1.6. The length
 * field is additional data, in the clear; the nonce is 4 fixed bytes and an 8-byte counter that goes up by one a packet.
 */
const LENGTH_BYTES = 4;
const TAG_BYTES = 16;
const NONCE_BYTES = 12;
const BLOCK_BYTES = 16;

export type GcmName = 'aes128-gcm@openssh.com' | 'aes256-gcm@openssh.com';

const OPENSSL_NAMES: Readonly<Record<GcmName, CipherGCMTypes>> = {
  'aes128-gcm@openssh.com': 'aes-128-gcm',
  'aes256-gcm@openssh.com': 'aes-256-gcm',
};

export function gcmKeySizes(name: GcmName): CipherKeySizes {
  return { keyBytes: name === 'aes128-gcm@openssh.com' ? 16 : 32, ivBytes: NONCE_BYTES, macKeyBytes: 0 };
}

/** RFC 5647 §7.1: the invocation counter is the last 8 bytes, big-endian, and wraps. */
function incrementNonce(nonce: Buffer): void {
  for (let index = NONCE_BYTES - 1; index >= NONCE_BYTES - 8; index -= 1) {
    const next = ((nonce[index] ?? 0) + 1) & 0xff;
    nonce[index] = next;
    if (next !== 0) return;
  }
}

export function createGcmSealer(name: GcmName, keys: DirectionKeys): PacketSealer {
  const algorithm = OPENSSL_NAMES[name];
  const { key } = keys;
  const nonce = Buffer.from(keys.iv);
  return {
    blockBytes: BLOCK_BYTES,
    lengthOutsidePadding: true,
    tagBytes: TAG_BYTES,
    seal(_sequenceNumber, packetParts): Buffer[] {
      const parts = mergeSmallPacket(packetParts);
      const first = firstPart(parts);
      const length = first.subarray(0, LENGTH_BYTES);
      const cipher = createCipheriv(algorithm, key, nonce);
      cipher.setAAD(length);
      const sealed: Buffer[] = [length, cipher.update(first.subarray(LENGTH_BYTES))];
      for (let index = 1; index < parts.length; index += 1) {
        const part = parts[index];
        if (part !== undefined) sealed.push(cipher.update(part));
      }
      cipher.final();
      sealed.push(cipher.getAuthTag());
      incrementNonce(nonce);
      return sealed;
    },
    dispose(): void {
      key.fill(0);
      keys.iv.fill(0);
      nonce.fill(0);
    },
  };
}

export function createGcmOpener(name: GcmName, keys: DirectionKeys): PacketOpener {
  const algorithm = OPENSSL_NAMES[name];
  const { key } = keys;
  const nonce = Buffer.from(keys.iv);
  return {
    headBytes: LENGTH_BYTES,
    blockBytes: BLOCK_BYTES,
    lengthOutsidePadding: true,
    tagBytes: TAG_BYTES,
    readLength: (_sequenceNumber, head) => head.readUInt32BE(0),
    open(_sequenceNumber, packet): Buffer {
      const bodyEnd = packet.length - TAG_BYTES;
      if (bodyEnd < LENGTH_BYTES + BLOCK_BYTES) throw new PacketIntegrityError('packet is shorter than one block');
      const decipher = createDecipheriv(algorithm, key, nonce);
      decipher.setAAD(packet.subarray(0, LENGTH_BYTES));
      decipher.setAuthTag(packet.subarray(bodyEnd));
      const opened = decipher.update(packet.subarray(LENGTH_BYTES, bodyEnd));
      try {
        decipher.final();
      } catch {
        throw new PacketIntegrityError('packet does not authenticate');
      }
      incrementNonce(nonce);
      return opened;
    },
    dispose(): void {
      key.fill(0);
      keys.iv.fill(0);
      nonce.fill(0);
    },
  };
}
