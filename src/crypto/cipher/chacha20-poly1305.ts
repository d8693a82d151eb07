import { createCipheriv, timingSafeEqual } from 'node:crypto';
import { PacketIntegrityError } from './packet-cipher.ts';
import type { CipherKeySizes, DirectionKeys, PacketOpener, PacketSealer } from './packet-cipher.ts';
import { firstPart, mergeSmallPacket } from './packet-parts.ts';
import { POLY1305_TAG_BYTES, poly1305 } from './poly1305.ts';

/**
 * chacha20-poly1305@openssh.com (OpenSSH's PROTOCOL.chacha20poly1305; draft-ietf-sshm-chacha20-poly1305). Of the 64-byte key
 * the first half (K_2) encrypts the payload and makes the Poly1305 key, the second (K_1) encrypts the length alone. The
 * nonce is the sequence number. The tag covers the encrypted length and the ciphertext and nothing else, which is why
 * OpenSSL's chacha20-poly1305 (RFC 8439, with padding and lengths in the tag) is no use here.
 */
const LENGTH_BYTES = 4;
const BLOCK_BYTES = 8;
const CHACHA_BLOCK_BYTES = 64;
const HALF_KEY_BYTES = 32;

export const CHACHA_KEY_SIZES: CipherKeySizes = { keyBytes: 64, ivBytes: 0, macKeyBytes: 0 };

/** The first block of K_2's keystream is the Poly1305 key; the payload starts with the second. */
const ZERO_BLOCK = Buffer.alloc(CHACHA_BLOCK_BYTES);

interface ChaChaKeys {
  readonly payloadKey: Buffer;
  readonly lengthKey: Buffer;
  /** OpenSSL's 16-byte IV: the block counter (8 bytes, little-endian, from 0) and the 8-byte nonce. */
  readonly iv: Buffer;
}

function splitKeys(keys: DirectionKeys): ChaChaKeys {
  return {
    payloadKey: keys.key.subarray(0, HALF_KEY_BYTES),
    lengthKey: keys.key.subarray(HALF_KEY_BYTES, 2 * HALF_KEY_BYTES),
    iv: Buffer.alloc(16),
  };
}

export function createChaChaSealer(keys: DirectionKeys): PacketSealer {
  const { payloadKey, lengthKey, iv } = splitKeys(keys);
  return {
    blockBytes: BLOCK_BYTES,
    lengthOutsidePadding: true,
    tagBytes: POLY1305_TAG_BYTES,
    seal(sequenceNumber, packetParts): Buffer[] {
      const parts = mergeSmallPacket(packetParts);
      const first = firstPart(parts);
      iv.writeUInt32BE(sequenceNumber, 12);
      const cipher = createCipheriv('chacha20', payloadKey, iv);
      const macKey = cipher.update(ZERO_BLOCK).subarray(0, 32);
      const sealed: Buffer[] = [
        createCipheriv('chacha20', lengthKey, iv).update(first.subarray(0, LENGTH_BYTES)),
        cipher.update(first.subarray(LENGTH_BYTES)),
      ];
      for (let index = 1; index < parts.length; index += 1) {
        const part = parts[index];
        if (part !== undefined) sealed.push(cipher.update(part));
      }
      sealed.push(poly1305(macKey, sealed));
      macKey.fill(0);
      return sealed;
    },
    dispose(): void {
      keys.key.fill(0);
    },
  };
}

export function createChaChaOpener(keys: DirectionKeys): PacketOpener {
  const { payloadKey, lengthKey, iv } = splitKeys(keys);
  return {
    headBytes: LENGTH_BYTES,
    blockBytes: BLOCK_BYTES,
    lengthOutsidePadding: true,
    tagBytes: POLY1305_TAG_BYTES,
    readLength(sequenceNumber, head): number {
      iv.writeUInt32BE(sequenceNumber, 12);
      return createCipheriv('chacha20', lengthKey, iv).update(head.subarray(0, LENGTH_BYTES)).readUInt32BE(0);
    },
    open(sequenceNumber, packet): Buffer {
      const bodyEnd = packet.length - POLY1305_TAG_BYTES;
      if (bodyEnd < LENGTH_BYTES + BLOCK_BYTES) throw new PacketIntegrityError('packet is shorter than one block');
      iv.writeUInt32BE(sequenceNumber, 12);
      const cipher = createCipheriv('chacha20', payloadKey, iv);
      const macKey = cipher.update(ZERO_BLOCK).subarray(0, 32);
      const tag = poly1305(macKey, [packet.subarray(0, bodyEnd)]);
      macKey.fill(0);
      if (!timingSafeEqual(tag, packet.subarray(bodyEnd))) throw new PacketIntegrityError('tag does not match');
      return cipher.update(packet.subarray(LENGTH_BYTES, bodyEnd));
    },
    dispose(): void {
      keys.key.fill(0);
    },
  };
}
