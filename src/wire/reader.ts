import { WireError } from './wire-error.ts';

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads the SSH data types of RFC 4251 §5 from one message. Every length is checked against what is left before it is
 * used; every failure is a WireError. Returned buffers are views of the message.
 */
export class SshReader {
  readonly #buffer: Buffer;
  #offset: number;

  constructor(buffer: Buffer, offset = 0) {
    this.#buffer = buffer;
    this.#offset = offset;
  }

  /** Bytes consumed so far, from the start of the buffer. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#buffer.length - this.#offset;
  }

  byte(): number {
    this.#need(1, 'byte');
    const value = this.#buffer.readUInt8(this.#offset);
    this.#offset += 1;
    return value;
  }

  /** Any non-zero byte is true (RFC 4251 §5). */
  boolean(): boolean {
    return this.byte() !== 0;
  }

  uint32(): number {
    this.#need(4, 'uint32');
    const value = this.#buffer.readUInt32BE(this.#offset);
    this.#offset += 4;
    return value;
  }

  /** A uint64 that must fit a JavaScript number exactly (up to 2^53 − 1). */
  uint64AsNumber(): number {
    const high = this.uint32();
    const low = this.uint32();
    if (high > 0x1fffff) throw new WireError(`uint64 is larger than 2^53 - 1`);
    return high * 0x1_0000_0000 + low;
  }

  /** `length` raw bytes, without a length field. */
  bytes(length: number): Buffer {
    this.#need(length, `${length} bytes`);
    const value = this.#buffer.subarray(this.#offset, this.#offset + length);
    this.#offset += length;
    return value;
  }

  /** A `string`: uint32 length and that many bytes; `maxBytes` bounds what the caller is willing to take. */
  string(maxBytes = Number.MAX_SAFE_INTEGER): Buffer {
    const length = this.uint32();
    if (length > maxBytes) throw new WireError(`string of ${length} bytes where at most ${maxBytes} are allowed`);
    return this.bytes(length);
  }

  /** A `string` that must be valid UTF-8. */
  utf8(maxBytes?: number): string {
    const bytes = this.string(maxBytes);
    try {
      return strictUtf8.decode(bytes);
    } catch {
      throw new WireError('string is not valid UTF-8');
    }
  }

  /** A `string` that must be printable US-ASCII (names of methods, services, algorithms). */
  ascii(maxBytes?: number): string {
    const bytes = this.string(maxBytes);
    for (const byte of bytes) {
      if (byte < 0x20 || byte > 0x7e) throw new WireError('string has a byte that is not printable US-ASCII');
    }
    return bytes.toString('latin1');
  }

  /** A `name-list`: comma-separated US-ASCII names, possibly none; an empty name is an error. */
  nameList(maxBytes?: number): string[] {
    const text = this.ascii(maxBytes);
    if (text === '') return [];
    const names = text.split(',');
    if (names.includes('')) throw new WireError('name-list has an empty name');
    return names;
  }

  /** A non-negative `mpint` as unsigned big-endian bytes without leading zeros (empty for zero). */
  unsignedMpint(maxBytes?: number): Buffer {
    const bytes = this.string(maxBytes);
    const first = bytes[0];
    if (first === undefined) return bytes;
    if ((first & 0x80) !== 0) throw new WireError('mpint is negative');
    if (first !== 0) return bytes;
    const second = bytes[1];
    if (second === undefined || (second & 0x80) === 0) throw new WireError('mpint has unnecessary leading zeros');
    return bytes.subarray(1);
  }

  /** The message's bytes from `start` to `end`, wherever the reader stands: for signatures over a part of it. */
  slice(start: number, end: number): Buffer {
    return this.#buffer.subarray(start, end);
  }

  /** Everything that is left. */
  rest(): Buffer {
    return this.bytes(this.remaining);
  }

  /** Throws if bytes are left over. */
  end(): void {
    if (this.remaining !== 0) throw new WireError(`${this.remaining} bytes too many at the end of the message`);
  }

  #need(length: number, what: string): void {
    if (length > this.remaining) {
      throw new WireError(`message ends early: ${what} wanted, ${this.remaining} bytes left`);
    }
  }
}
