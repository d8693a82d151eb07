import { ChunkQueue } from './chunk-queue.ts';
import { MAX_HANDLE_BYTES, MAX_PACKET_BYTES, UNFINISHED_PACKET_BYTES } from './limits.ts';
import { SSH_FXP } from './protocol.ts';
import { SftpFramingError } from './status.ts';

/**
 * SSH_FXP_WRITE taken apart (§6.4); its data as it came, uncopied. `bytes` is the whole packet with its length field.
 */
export interface WritePacket {
  readonly kind: 'write';
  readonly id: number;
  readonly handle: Buffer;
  /** Undefined where it is above 2^53 − 1: no file is that long. */
  readonly offset: number | undefined;
  readonly data: readonly Buffer[];
  readonly dataBytes: number;
  readonly bytes: number;
}

/** Any other request; `body` is what follows the type, in one buffer. */
export interface PlainPacket {
  readonly kind: 'plain';
  readonly type: number;
  readonly body: Buffer;
  readonly bytes: number;
}

/** A WRITE whose inner lengths do not fit its own: answered with BAD_MESSAGE. */
export interface MalformedPacket {
  readonly kind: 'malformed';
  readonly id: number;
  readonly bytes: number;
}

export type IncomingPacket = WritePacket | PlainPacket | MalformedPacket;

/**
 * Cuts a stream of bytes, which comes in chunks of any size, into SFTP packets (§3: uint32 length, byte type, data).
 * The chunks are the stream's own from `push` on: the data of a WRITE is handed on as views of them.
 */
export class PacketStream {
  readonly #queue = new ChunkQueue();

  push(chunk: Buffer): void {
    this.#queue.push(chunk);
  }

  /** Forgets what is held; answers how many bytes that were. */
  clear(): number {
    const bytes = this.#queue.length;
    this.#queue.clear();
    return bytes;
  }

  /**
   * After `next` has found no whole packet: how many bytes of a long one have come. The stream is to let as many more
   * come, since its window need not hold the whole packet.
   */
  get unfinishedBytes(): number {
    return (this.#queue.peekUint32() ?? 0) <= UNFINISHED_PACKET_BYTES ? 0 : this.#queue.length;
  }

  /**
   * The next whole packet, if there is one.
   * @throws SftpFramingError for a length of zero or above MAX_PACKET_BYTES, or a request too short for its id
   */
  next(): IncomingPacket | undefined {
    const length = this.#queue.peekUint32();
    if (length === undefined) return undefined;
    if (length === 0) throw new SftpFramingError('SFTP packet of no bytes');
    if (length > MAX_PACKET_BYTES) {
      throw new SftpFramingError(`SFTP packet of ${length} bytes where at most ${MAX_PACKET_BYTES} are allowed`);
    }
    const size = 4 + length;
    if (this.#queue.length < size) return undefined;
    if (length < 5) throw new SftpFramingError(`SFTP packet of ${length} bytes, too short for a request`);
    const type = this.#queue.peekByte(4) ?? 0;
    if (type === SSH_FXP.WRITE) return this.#takeWrite(size);
    this.#queue.take(5);
    return { kind: 'plain', type, body: this.#queue.take(length - 1), bytes: size };
  }

  /** §6.4: uint32 id, string handle, uint64 offset, string data. */
  #takeWrite(size: number): WritePacket | MalformedPacket {
    const id = this.#queue.peekUint32(5) ?? 0;
    const handleBytes = size >= 13 ? (this.#queue.peekUint32(9) ?? 0) : Infinity;
    const headBytes = 4 + 1 + 4 + 4 + handleBytes + 8 + 4;
    const dataBytes =
      handleBytes <= MAX_HANDLE_BYTES && headBytes <= size ? (this.#queue.peekUint32(headBytes - 4) ?? 0) : Infinity;
    if (headBytes + dataBytes > size) {
      this.#queue.takePieces(size);
      return { kind: 'malformed', id, bytes: size };
    }
    const head = this.#queue.take(headBytes);
    const data = this.#queue.takePieces(dataBytes);
    // As OpenSSH does, what follows the last field is let go.
    this.#queue.takePieces(size - headBytes - dataBytes);
    const high = head.readUInt32BE(headBytes - 12);
    const offset = high > 0x1fffff ? undefined : high * 0x1_0000_0000 + head.readUInt32BE(headBytes - 8);
    return { kind: 'write', id, handle: head.subarray(13, 13 + handleBytes), offset, data, dataBytes, bytes: size };
  }
}
