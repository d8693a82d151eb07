/**
 * Bytes that are written at any offset, over a base that is shared until the first change. What lies between the end
 * and a write further on reads as zero.
 */
export class GrowingBytes {
  #buffer: Buffer;
  #size: number;
  #shared: boolean;

  /** `base` is not changed. */
  constructor(base: Buffer) {
    this.#buffer = base;
    this.#size = base.length;
    this.#shared = true;
  }

  get size(): number {
    return this.#size;
  }

  write(offset: number, chunks: readonly Buffer[]): void {
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (length === 0) return;
    this.#own(Math.max(offset + length, this.#size));
    let position = offset;
    for (const chunk of chunks) position += chunk.copy(this.#buffer, position);
    this.#size = Math.max(this.#size, position);
  }

  truncate(size: number): void {
    this.#own(size);
    if (size < this.#size) this.#buffer.fill(0, size, this.#size);
    this.#size = size;
  }

  /** A copy of up to `length` bytes; empty at and past the end. */
  read(offset: number, length: number): Buffer {
    return Buffer.from(this.#buffer.subarray(Math.min(offset, this.#size), Math.min(offset + length, this.#size)));
  }

  /** The whole content. The object must not be changed after it. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#size);
  }

  /** After it the buffer is our own, has room for `capacity` bytes, and is zero from `size` on. */
  #own(capacity: number): void {
    if (!this.#shared && capacity <= this.#buffer.length) return;
    const room =
      capacity <= this.#size ? this.#size : Math.max(capacity, Math.min(this.#size * 2, this.#size + (64 << 20)));
    const grown = Buffer.alloc(room);
    this.#buffer.copy(grown, 0, 0, this.#size);
    this.#buffer = grown;
    this.#shared = false;
  }
}
