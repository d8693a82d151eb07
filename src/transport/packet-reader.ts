import type { PacketOpener } from '../crypto/cipher/packet-cipher.ts';
import { DISCONNECT_REASON, SshDisconnect } from './disconnect.ts';

/**
 * Cuts the byte stream into packets and opens them (RFC 4253 §6). Chunks are used where they lie; only a packet that
 * spans two of them is gathered into a buffer of its own.
 */
export class PacketReader {
  #opener: PacketOpener;
  #sequenceNumber = 0;
  #maxPacketBytes: number;
  readonly #queue: Buffer[] = [];
  /** The packet in the making, once it is known to span chunks. */
  #partial: Buffer | null = null;
  #partialLength = 0;
  /** Whole length on the wire of the packet in the making, or 0 while its length field has not been read. */
  #packetBytes = 0;
  bytesSinceRekey = 0;
  packetsSinceRekey = 0;

  constructor(opener: PacketOpener, maxPacketBytes: number) {
    this.#opener = opener;
    this.#maxPacketBytes = maxPacketBytes;
  }

  /** The number of the packet that `next` returned last. */
  get lastSequenceNumber(): number {
    return (this.#sequenceNumber - 1) >>> 0;
  }

  /** Packets opened so far, for strict key exchange, which wants KEXINIT to be the first. */
  get sequenceNumber(): number {
    return this.#sequenceNumber;
  }

  set maxPacketBytes(bytes: number) {
    this.#maxPacketBytes = bytes;
  }

  /**
   * Takes the new keys; what is queued already is read with them. `sequence`: whether the sequence number begins again
   * (strict key exchange).
   */
  useOpener(opener: PacketOpener, sequence: 'reset' | 'goes-on'): void {
    this.#opener.dispose();
    this.#opener = opener;
    this.bytesSinceRekey = 0;
    this.packetsSinceRekey = 0;
    if (sequence === 'reset') this.#sequenceNumber = 0;
  }

  push(chunk: Buffer): void {
    if (chunk.length > 0) this.#queue.push(chunk);
  }

  dispose(): void {
    this.#opener.dispose();
    this.#queue.length = 0;
    this.#partial = null;
  }

  /** The next packet's payload, or null until more bytes come. Throws SshDisconnect or PacketIntegrityError. */
  next(): Buffer | null {
    const opener = this.#opener;
    if (this.#packetBytes === 0) {
      const head = this.#peek(opener.headBytes);
      if (head === null) return null;
      this.#packetBytes = this.#checkedPacketBytes(opener.readLength(this.#sequenceNumber, head));
    }
    const packet = this.#take(this.#packetBytes);
    if (packet === null) return null;
    const opened = opener.open(this.#sequenceNumber, packet);
    this.bytesSinceRekey += this.#packetBytes;
    this.packetsSinceRekey += 1;
    this.#packetBytes = 0;
    this.#sequenceNumber = (this.#sequenceNumber + 1) >>> 0;
    const paddingLength = opened[0] ?? 0;
    // RFC 4253 §6: at least four bytes of padding, and a payload has at least its message number.
    if (paddingLength < 4 || paddingLength + 2 > opened.length) throw impossible('padding length');
    return opened.subarray(1, opened.length - paddingLength);
  }

  #checkedPacketBytes(packetLength: number): number {
    const { blockBytes, lengthOutsidePadding, tagBytes } = this.#opener;
    const padded = lengthOutsidePadding ? packetLength : packetLength + 4;
    if (packetLength < 6 || packetLength > this.#maxPacketBytes || padded % blockBytes !== 0) {
      throw impossible('packet length');
    }
    return 4 + packetLength + tagBytes;
  }

  /** The first `bytes` of the packet in the making, left in place. */
  #peek(bytes: number): Buffer | null {
    const first = this.#queue[0];
    if (this.#partial === null) {
      // Nothing has come: the next packet may lie whole in the next chunk.
      if (first === undefined) return null;
      if (first.length >= bytes) return first.subarray(0, bytes);
    }
    if (!this.#gather(bytes)) return null;
    return this.#partial?.subarray(0, bytes) ?? null;
  }

  #take(bytes: number): Buffer | null {
    const first = this.#queue[0];
    if (this.#partial === null && first !== undefined && first.length >= bytes) {
      if (first.length === bytes) this.#queue.shift();
      else this.#queue[0] = first.subarray(bytes);
      return first.subarray(0, bytes);
    }
    if (!this.#gather(bytes)) return null;
    const packet = this.#partial;
    this.#partial = null;
    this.#partialLength = 0;
    return packet;
  }

  /** Moves queued bytes into the gathered packet until it has `bytes`; true when it has. */
  #gather(bytes: number): boolean {
    if (this.#partial === null || this.#partial.length < bytes) {
      const larger = Buffer.allocUnsafe(bytes);
      this.#partial?.copy(larger, 0, 0, this.#partialLength);
      this.#partial = larger;
    }
    while (this.#partialLength < bytes) {
      const chunk = this.#queue[0];
      if (chunk === undefined) return false;
      const wanted = bytes - this.#partialLength;
      chunk.copy(this.#partial, this.#partialLength, 0, wanted);
      if (chunk.length <= wanted) {
        this.#queue.shift();
        this.#partialLength += chunk.length;
      } else {
        this.#queue[0] = chunk.subarray(wanted);
        this.#partialLength = bytes;
      }
    }
    return true;
  }
}

function impossible(what: string): SshDisconnect {
  // With CTR and MAC the length is known only through decryption: a wrong one means tampering as likely as a bug.
  return new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, `bad ${what}`);
}
