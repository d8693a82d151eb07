/** Chunks below this are copied together while they wait, so that a peer cannot make us keep an object for each byte. */
const SMALL_CHUNK_BYTES = 1024;
const TAIL_BYTES = 16 * 1024;

/** A chunk that keeps more than so many times its own memory alive is copied: a peer may put little into each packet. */
const MAX_KEPT = 4;

/** Bytes in the order of their coming, kept in the chunks that they came in. */
export class ChunkQueue {
  readonly #chunks: Buffer[] = [];
  #length = 0;
  /** A buffer of ours that small chunks are copied to, and how much of it is in use. */
  #tail: { readonly buffer: Buffer; used: number } | null = null;
  /** The last chunk is a part of `#tail`, and ends where that is in use. */
  #endsInTail = false;

  get length(): number {
    return this.#length;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (this.#length > 0 && chunk.length < SMALL_CHUNK_BYTES) this.#pushSmall(chunk);
    else {
      const kept = chunk.buffer.byteLength > MAX_KEPT * chunk.length && this.#length > 0;
      this.#chunks.push(kept ? copyOf(chunk) : chunk);
      this.#endsInTail = false;
    }
    this.#length += chunk.length;
  }

  #pushSmall(chunk: Buffer): void {
    if (this.#tail === null || this.#tail.used + chunk.length > TAIL_BYTES) {
      this.#tail = { buffer: Buffer.allocUnsafeSlow(TAIL_BYTES), used: 0 };
      this.#endsInTail = false;
    }
    const { buffer, used } = this.#tail;
    chunk.copy(buffer, used);
    this.#tail.used += chunk.length;
    const before = this.#endsInTail ? (this.#chunks.pop()?.length ?? 0) : 0;
    this.#chunks.push(buffer.subarray(used - before, this.#tail.used));
    this.#endsInTail = true;
  }

  /** The uint32 at `offset`, or undefined where fewer bytes have come. */
  peekUint32(offset = 0): number | undefined {
    if (this.#length < offset + 4) return undefined;
    const [first] = this.#chunks;
    if (first !== undefined && first.length >= offset + 4) return first.readUInt32BE(offset);
    let value = 0;
    for (let index = 0; index < 4; index += 1) value = value * 256 + (this.#byteAt(offset + index) ?? 0);
    return value;
  }

  peekByte(offset: number): number | undefined {
    return this.#byteAt(offset);
  }

  /** `bytes` in one buffer: a view where they came in one chunk, else copied together. Never more than `length`. */
  take(bytes: number): Buffer {
    const pieces = this.takePieces(bytes);
    const [first] = pieces;
    if (pieces.length === 1 && first !== undefined) return first;
    return Buffer.concat(pieces, bytes);
  }

  /** `bytes` as views of the chunks that they came in; nothing is copied. Never more than `length`. */
  takePieces(bytes: number): Buffer[] {
    if (bytes > this.#length) throw new RangeError('more bytes taken than there are');
    const pieces: Buffer[] = [];
    let wanted = bytes;
    let used = 0;
    while (wanted > 0) {
      const chunk = this.#chunks[used];
      if (chunk === undefined) break;
      if (chunk.length > wanted) {
        pieces.push(chunk.subarray(0, wanted));
        this.#chunks[used] = chunk.subarray(wanted);
        wanted = 0;
      } else {
        pieces.push(chunk);
        wanted -= chunk.length;
        used += 1;
      }
    }
    if (used > 0) this.#chunks.splice(0, used);
    this.#length -= bytes;
    return pieces;
  }

  clear(): void {
    this.#chunks.length = 0;
    this.#length = 0;
    this.#tail = null;
    this.#endsInTail = false;
  }

  #byteAt(offset: number): number | undefined {
    let rest = offset;
    for (const chunk of this.#chunks) {
      if (rest < chunk.length) return chunk[rest];
      rest -= chunk.length;
    }
    return undefined;
  }
}

function copyOf(chunk: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(chunk.length);
  chunk.copy(copy);
  return copy;
}
