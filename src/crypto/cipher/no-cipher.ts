import { PacketIntegrityError } from './packet-cipher.ts';
import type { PacketOpener, PacketSealer } from './packet-cipher.ts';

/** Packets before the first SSH_MSG_NEWKEYS: cipher and MAC `none` (RFC 4253 §6.3, §6.4). */
const LENGTH_BYTES = 4;
const BLOCK_BYTES = 8;

export function noneSealer(): PacketSealer {
  return {
    blockBytes: BLOCK_BYTES,
    lengthOutsidePadding: false,
    tagBytes: 0,
    seal: (_sequenceNumber, parts) => [...parts],
    dispose: () => undefined,
  };
}

export function noneOpener(): PacketOpener {
  return {
    headBytes: LENGTH_BYTES,
    blockBytes: BLOCK_BYTES,
    lengthOutsidePadding: false,
    tagBytes: 0,
    readLength: (_sequenceNumber, head) => head.readUInt32BE(0),
    open(_sequenceNumber, packet): Buffer {
      if (packet.length < LENGTH_BYTES + 1) throw new PacketIntegrityError('packet is empty');
      return packet.subarray(LENGTH_BYTES);
    },
    dispose: () => undefined,
  };
}
