/** What is gathered before it is written: some thousand of the smallest writes for one system call. */
const MAX_BYTES = 32 * 1024;
const FIRST_BYTES = 4 * 1024;

/** One run of bytes that lie one behind the other, copied together from small writes. */
export class GatheredWrites {
  #buffer: Buffer | undefined;
  #start = 0;
  #length = 0;

  /** Takes a copy of at most 32 KiB, or answers false where the bytes do not follow on what is here or do not fit. */
  add(start: number, chunks: readonly Buffer[], bytes: number): boolean {
    const used = this.#length;
    if (used > 0 && (start !== this.#start + used || used + bytes > MAX_BYTES)) return false;
    if (used === 0) this.#start = start;
    const buffer = this.#withRoom(used + bytes);
    let at = used;
    for (const chunk of chunks) at += chunk.copy(buffer, at);
    this.#length = at;
    return true;
  }

  /** Gives away what is here. */
  take(): { readonly start: number; readonly bytes: Buffer } | undefined {
    const buffer = this.#buffer;
    if (buffer === undefined) return undefined;
    const taken = { start: this.#start, bytes: buffer.subarray(0, this.#length) };
    this.#buffer = undefined;
    this.#length = 0;
    return taken;
  }

  #withRoom(bytes: number): Buffer {
    const old = this.#buffer;
    if (old !== undefined && old.length >= bytes) return old;
    const wanted = Math.max(bytes, old === undefined ? FIRST_BYTES : Math.min(old.length * 4, MAX_BYTES));
    const larger = Buffer.allocUnsafeSlow(wanted);
    old?.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
    return larger;
  }
}
