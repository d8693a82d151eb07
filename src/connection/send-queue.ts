/** Bytes that wait for a peer's window, in the chunks in which they were given: none is copied. */
export class SendQueue {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  push(chunks: readonly Buffer[]): void {
    for (const chunk of chunks) {
      if (chunk.length === 0) continue;
      this.#chunks.push(chunk);
      this.#bytes += chunk.length;
    }
  }

  /** Takes the first `bytes`, which must be there. */
  take(bytes: number): Buffer[] {
    const parts: Buffer[] = [];
    let wanted = bytes;
    let whole = 0;
    for (const chunk of this.#chunks) {
      if (chunk.length > wanted) break;
      parts.push(chunk);
      wanted -= chunk.length;
      whole += 1;
      if (wanted === 0) break;
    }
    this.#chunks.splice(0, whole);
    const first = this.#chunks[0];
    if (wanted > 0 && first !== undefined) {
      parts.push(first.subarray(0, wanted));
      this.#chunks[0] = first.subarray(wanted);
    }
    this.#bytes -= bytes;
    return parts;
  }

  clear(): void {
    this.#chunks.length = 0;
    this.#bytes = 0;
  }
}
