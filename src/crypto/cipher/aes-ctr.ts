import { createCipheriv, createDecipheriv, timingSafeEqual } from 'node:crypto';
import { PacketIntegrityError } from './packet-cipher.ts';
import type { CipherKeySizes, DirectionKeys, PacketOpener, PacketSealer } from './packet-cipher.ts';
import type { MacDefinition } from './packet-mac.ts';
import { firstPart, mergeSmallPacket } from './packet-parts.ts';

/**
 * aes{128,192,256}-ctr (RFC 4344 §4) with a separate MAC, either over the plaintext (RFC 4253 §6.4) or over the ciphertext
 * (encrypt-then-MAC). One cipher serves a whole direction: its counter runs on from packet to packet.
 */
const LENGTH_BYTES = 4;
const BLOCK_BYTES = 16;

export type CtrName = 'aes128-ctr' | 'aes192-ctr' | 'aes256-ctr';

const KEY_BYTES: Readonly<Record<CtrName, number>> = { 'aes128-ctr': 16, 'aes192-ctr': 24, 'aes256-ctr': 32 };

function opensslName(name: CtrName): string {
  return `aes-${KEY_BYTES[name] * 8}-ctr`;
}

export function ctrKeySizes(name: CtrName, mac: MacDefinition): CipherKeySizes {
  return { keyBytes: KEY_BYTES[name], ivBytes: BLOCK_BYTES, macKeyBytes: mac.keyBytes };
}

function wipe(keys: DirectionKeys): void {
  keys.key.fill(0);
  keys.iv.fill(0);
  keys.macKey.fill(0);
}

export function createCtrSealer(name: CtrName, definition: MacDefinition, keys: DirectionKeys): PacketSealer {
  const cipher = createCipheriv(opensslName(name), keys.key, keys.iv);
  const mac = definition.create(keys.macKey);
  const { encryptThenMac, tagBytes } = definition;
  return {
    blockBytes: BLOCK_BYTES,
    lengthOutsidePadding: encryptThenMac,
    tagBytes,
    seal(sequenceNumber, packetParts): Buffer[] {
      const parts = mergeSmallPacket(packetParts);
      const first = firstPart(parts);
      if (!encryptThenMac) {
        const tag = mac.compute(sequenceNumber, parts);
        const sealed: Buffer[] = parts.map((part) => cipher.update(part));
        sealed.push(tag);
        return sealed;
      }
      const sealed: Buffer[] = [first.subarray(0, LENGTH_BYTES), cipher.update(first.subarray(LENGTH_BYTES))];
      for (let index = 1; index < parts.length; index += 1) {
        const part = parts[index];
        if (part !== undefined) sealed.push(cipher.update(part));
      }
      sealed.push(mac.compute(sequenceNumber, sealed));
      return sealed;
    },
    dispose(): void {
      mac.dispose();
      wipe(keys);
    },
  };
}

export function createCtrOpener(name: CtrName, definition: MacDefinition, keys: DirectionKeys): PacketOpener {
  return definition.encryptThenMac
    ? createEncryptThenMacOpener(name, definition, keys)
    : createEncryptAndMacOpener(name, definition, keys);
}

/** Checks the MAC first and decrypts only what is authentic. */
function createEncryptThenMacOpener(name: CtrName, definition: MacDefinition, keys: DirectionKeys): PacketOpener {
  const decipher = createDecipheriv(opensslName(name), keys.key, keys.iv);
  const mac = definition.create(keys.macKey);
  const { tagBytes } = definition;
  return {
    headBytes: LENGTH_BYTES,
    blockBytes: BLOCK_BYTES,
    lengthOutsidePadding: true,
    tagBytes,
    readLength: (_sequenceNumber, head) => head.readUInt32BE(0),
    open(sequenceNumber, packet): Buffer {
      const bodyEnd = packet.length - tagBytes;
      if (bodyEnd < LENGTH_BYTES + BLOCK_BYTES) throw new PacketIntegrityError('packet is shorter than one block');
      const tag = mac.compute(sequenceNumber, [packet.subarray(0, bodyEnd)]);
      if (!timingSafeEqual(tag, packet.subarray(bodyEnd))) throw new PacketIntegrityError('MAC does not match');
      return decipher.update(packet.subarray(LENGTH_BYTES, bodyEnd));
    },
    dispose(): void {
      mac.dispose();
      wipe(keys);
    },
  };
}

/** The length is encrypted: the first block is decrypted as soon as it is there, the rest with the whole packet. */
function createEncryptAndMacOpener(name: CtrName, definition: MacDefinition, keys: DirectionKeys): PacketOpener {
  const decipher = createDecipheriv(opensslName(name), keys.key, keys.iv);
  const mac = definition.create(keys.macKey);
  const { tagBytes } = definition;
  let firstBlock: Buffer = Buffer.alloc(0);
  return {
    headBytes: BLOCK_BYTES,
    blockBytes: BLOCK_BYTES,
    lengthOutsidePadding: false,
    tagBytes,
    readLength(_sequenceNumber, head): number {
      firstBlock = decipher.update(head.subarray(0, BLOCK_BYTES));
      return firstBlock.readUInt32BE(0);
    },
    open(sequenceNumber, packet): Buffer {
      const bodyEnd = packet.length - tagBytes;
      if (bodyEnd < BLOCK_BYTES || firstBlock.length !== BLOCK_BYTES) {
        throw new PacketIntegrityError('packet is shorter than one block');
      }
      // Decrypted in place: the caller wants one buffer, and the packet's own has the room.
      firstBlock.copy(packet, 0);
      if (bodyEnd > BLOCK_BYTES) decipher.update(packet.subarray(BLOCK_BYTES, bodyEnd)).copy(packet, BLOCK_BYTES);
      const tag = mac.compute(sequenceNumber, [packet.subarray(0, bodyEnd)]);
      if (!timingSafeEqual(tag, packet.subarray(bodyEnd))) throw new PacketIntegrityError('MAC does not match');
      return packet.subarray(LENGTH_BYTES, bodyEnd);
    },
    dispose(): void {
      mac.dispose();
      wipe(keys);
      firstBlock.fill(0);
    },
  };
}
