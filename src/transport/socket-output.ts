import type { Duplex } from 'node:stream';
import { MERGE_WRITES_BELOW_BYTES, MESSAGE_OVERHEAD_BYTES, SEND_HIGH_WATER_BYTES } from './limits.ts';

/** Gathers what one turn of the event loop produces, so that it leaves in one system call. */
export class SocketOutput {
  readonly #socket: Duplex;
  readonly #onSent: () => void;
  #chunks: Buffer[] = [];
  #gatheredBytes = 0;
  #unsentBytes = 0;
  #messages = 0;
  #flushedMessages = 0;
  #scheduled = false;
  bytesSent = 0;

  /** `onSent` is called whenever the socket has taken bytes off our hands. */
  constructor(socket: Duplex, onSent: () => void) {
    this.#socket = socket;
    this.#onSent = onSent;
  }

  /** Bytes that are not with the kernel yet. */
  get pendingBytes(): number {
    return this.#gatheredBytes + this.#unsentBytes;
  }

  /** What is held in memory for the peer: the pending bytes and what it costs to keep them. */
  get pendingCost(): number {
    return this.pendingBytes + this.#messages * MESSAGE_OVERHEAD_BYTES;
  }

  /** One message. The chunks are given up by the caller. */
  write(chunks: readonly Buffer[]): void {
    this.#messages += 1;
    for (const chunk of chunks) {
      this.#chunks.push(chunk);
      this.#gatheredBytes += chunk.length;
    }
    if (this.#gatheredBytes >= SEND_HIGH_WATER_BYTES / 4) {
      this.flush();
      return;
    }
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.flush();
    });
  }

  flush(): void {
    this.#scheduled = false;
    const chunks = this.#chunks;
    if (chunks.length === 0 || this.#socket.destroyed) return;
    const bytes = this.#gatheredBytes;
    const messages = this.#messages - this.#flushedMessages;
    this.#flushedMessages = this.#messages;
    this.#chunks = [];
    this.#gatheredBytes = 0;
    this.#unsentBytes += bytes;
    this.bytesSent += bytes;
    const sent = (): void => {
      this.#unsentBytes -= bytes;
      this.#messages -= messages;
      this.#flushedMessages -= messages;
      this.#onSent();
    };
    if (chunks.length > 1 && bytes <= MERGE_WRITES_BELOW_BYTES) {
      this.#socket.write(Buffer.concat(chunks, bytes), sent);
      return;
    }
    if (chunks.length > 1) this.#socket.cork();
    const last = chunks.length - 1;
    for (let i = 0; i < last; i += 1) this.#socket.write(chunks[i]);
    this.#socket.write(chunks[last], sent);
    if (chunks.length > 1) this.#socket.uncork();
  }
}
