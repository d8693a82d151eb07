import type { PacketSealer } from '../crypto/cipher/packet-cipher.ts';
import { publicRandomBytes } from '../crypto/random-pool.ts';
import { MERGE_BELOW_BYTES } from './limits.ts';

/** The least padding (RFC 4253 §6). */
const MIN_PADDING_BYTES = 4;

/** Frames payloads into packets and seals them (RFC 4253 §6). */
export class PacketWriter {
  #sealer: PacketSealer;
  #sequenceNumber = 0;
  bytesSinceRekey = 0;
  packetsSinceRekey = 0;

  constructor(sealer: PacketSealer) {
    this.#sealer = sealer;
  }

  /** Takes the new keys; `sequence`: whether the sequence number begins again (strict key exchange). */
  useSealer(sealer: PacketSealer, sequence: 'reset' | 'goes-on'): void {
    this.#sealer.dispose();
    this.#sealer = sealer;
    this.bytesSinceRekey = 0;
    this.packetsSinceRekey = 0;
    if (sequence === 'reset') this.#sequenceNumber = 0;
  }

  dispose(): void {
    this.#sealer.dispose();
  }

  /**
   * The bytes for the wire of a packet whose payload is `head` and then `body`. `head` is copied (it is small), `body`
   * is given up by the caller and not copied when it is large.
   */
  seal(head: Buffer, body: readonly Buffer[]): Buffer[] {
    let payloadBytes = head.length;
    for (const part of body) payloadBytes += part.length;
    const { blockBytes, lengthOutsidePadding } = this.#sealer;
    const fixed = (lengthOutsidePadding ? 1 : 5) + payloadBytes;
    let paddingBytes = blockBytes - (fixed % blockBytes);
    if (paddingBytes < MIN_PADDING_BYTES) paddingBytes += blockBytes;
    const padding = publicRandomBytes(paddingBytes);
    const parts =
      payloadBytes < MERGE_BELOW_BYTES ? mergedParts(head, body, padding) : separateParts(head, body, padding);
    const first = parts[0] ?? head;
    first.writeUInt32BE(1 + payloadBytes + paddingBytes, 0);
    first.writeUInt8(paddingBytes, 4);
    const sealed = this.#sealer.seal(this.#sequenceNumber, parts);
    this.#sequenceNumber = (this.#sequenceNumber + 1) >>> 0;
    this.packetsSinceRekey += 1;
    this.bytesSinceRekey += 5 + payloadBytes + paddingBytes;
    return sealed;
  }
}

function mergedParts(head: Buffer, body: readonly Buffer[], padding: Buffer): Buffer[] {
  let bytes = 5 + head.length + padding.length;
  for (const part of body) bytes += part.length;
  const packet = Buffer.allocUnsafe(bytes);
  let offset = 5 + head.copy(packet, 5);
  for (const part of body) offset += part.copy(packet, offset);
  padding.copy(packet, offset);
  return [packet];
}

function separateParts(head: Buffer, body: readonly Buffer[], padding: Buffer): Buffer[] {
  const first = Buffer.allocUnsafe(5 + head.length);
  head.copy(first, 5);
  return [first, ...body, padding];
}
