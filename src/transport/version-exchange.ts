import { DISCONNECT_REASON, printable, SshDisconnect } from './disconnect.ts';
import { MAX_PRE_VERSION_BYTES, MAX_VERSION_LINE_BYTES } from './limits.ts';

/**
 * Reads the peer's identification string (RFC 4253 §4.2) from the first bytes of a connection. A client must send it
 * first; a server may send other lines before it.
 */
export class VersionReader {
  readonly #peerRole: 'client' | 'server';
  #pending: Buffer = Buffer.alloc(0);
  #skipped = 0;

  constructor(peerRole: 'client' | 'server') {
    this.#peerRole = peerRole;
  }

  /**
   * Takes bytes; returns the identification without CR LF and the bytes that followed it, or null if more are needed.
   * Throws SshDisconnect for anything that is not SSH 2.
   */
  push(chunk: Buffer): { version: string; rest: Buffer } | null {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    for (;;) {
      const end = this.#pending.indexOf(0x0a);
      if (end === -1 || end >= MAX_VERSION_LINE_BYTES) {
        if (this.#pending.length >= MAX_VERSION_LINE_BYTES && !this.#mayBePreamble()) throw this.#notSsh();
        if (end === -1) {
          if (this.#pending.length + this.#skipped > MAX_PRE_VERSION_BYTES) throw this.#notSsh();
          return null;
        }
      }
      const line = this.#pending.subarray(0, this.#pending[end - 1] === 0x0d ? end - 1 : end);
      const rest = this.#pending.subarray(end + 1);
      const isSsh = line.subarray(0, 4).toString('latin1') === 'SSH-';
      if (isSsh) return { version: this.#check(line), rest };
      if (this.#peerRole === 'client') throw this.#notSsh();
      this.#skipped += end + 1;
      if (this.#skipped > MAX_PRE_VERSION_BYTES) throw this.#notSsh();
      this.#pending = rest;
    }
  }

  #mayBePreamble(): boolean {
    return this.#peerRole === 'server' && this.#pending.subarray(0, 4).toString('latin1') !== 'SSH-';
  }

  #check(line: Buffer): string {
    const text = line.toString('latin1');
    if (!/^[\x20-\x7e]+$/.test(text)) throw this.#notSsh();
    // RFC 4253 §5.1: a server that also speaks SSH 1 calls itself 1.99; there are clients that do the same.
    if (!text.startsWith('SSH-2.0-') && !text.startsWith('SSH-1.99-')) {
      throw new SshDisconnect(
        DISCONNECT_REASON.PROTOCOL_VERSION_NOT_SUPPORTED,
        `protocol version not supported: ${printable(line, 32)}`,
      );
    }
    return text;
  }

  #notSsh(): SshDisconnect {
    return new SshDisconnect(DISCONNECT_REASON.PROTOCOL_ERROR, 'the peer does not speak SSH', {
      detail: { received: printable(this.#pending, 64) },
    });
  }
}
