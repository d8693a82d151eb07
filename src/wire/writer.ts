/**
 * Builds one message from the SSH data types of RFC 4251 §5. Grows as needed; `finish` returns a view of the bytes
 * written, and the writer is not used after it.
 */
export class SshWriter {
  #buffer: Buffer;
  #length = 0;

  /** How many bytes there is room for at first, or the room itself. */
  constructor(room: number | Buffer = 256) {
    this.#buffer = typeof room === 'number' ? Buffer.allocUnsafe(room) : room;
  }

  get length(): number {
    return this.#length;
  }

  byte(value: number): this {
    this.#room(1);
    this.#length = this.#buffer.writeUInt8(value & 0xff, this.#length);
    return this;
  }

  boolean(value: boolean): this {
    return this.byte(value ? 1 : 0);
  }

  uint32(value: number): this {
    this.#room(4);
    this.#length = this.#buffer.writeUInt32BE(value >>> 0, this.#length);
    return this;
  }

  /** A non-negative integer up to 2^53 − 1 as uint64. */
  uint64(value: number): this {
    this.uint32(Math.floor(value / 0x1_0000_0000));
    return this.uint32(value % 0x1_0000_0000);
  }

  /** Raw bytes, without a length field. */
  bytes(value: Uint8Array): this {
    this.#room(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** A `string`; text is written as UTF-8. */
  string(value: Uint8Array | string): this {
    if (typeof value === 'string') {
      const bytes = Buffer.byteLength(value);
      this.uint32(bytes);
      this.#room(bytes);
      this.#length += this.#buffer.write(value, this.#length, 'utf8');
      return this;
    }
    return this.uint32(value.length).bytes(value);
  }

  nameList(names: readonly string[]): this {
    return this.string(names.join(','));
  }

  /** An `mpint` from unsigned big-endian bytes: leading zeros dropped, one added where the top bit is set. */
  unsignedMpint(value: Uint8Array): this {
    let start = 0;
    while (start < value.length && value[start] === 0) start += 1;
    const magnitude = value.subarray(start);
    const pad = (magnitude[0] ?? 0) >= 0x80;
    this.uint32(magnitude.length + (pad ? 1 : 0));
    if (pad) this.byte(0);
    return this.bytes(magnitude);
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #room(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}
