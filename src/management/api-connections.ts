import type { Socket } from 'node:net';

/**
 * The connections of the API's port, as many as may be. Where there are too many, the oldest goes that is not in the middle of
 * a call with a right signature: refusing the newcomer would let a few slow clients keep operators out.
 */
export class ApiConnections {
  readonly #most: number;
  /** The oldest first. */
  readonly #unverified = new Set<Socket>();
  readonly #verified = new Set<Socket>();
  /** A request of theirs has begun and is not answered. */
  readonly #busy = new Set<Socket>();

  constructor(most: number) {
    this.#most = most;
  }

  add(socket: Socket): void {
    if (this.#unverified.size + this.#verified.size >= this.#most) {
      const [oldest = socket] = this.#unverified;
      this.#forget(oldest);
      oldest.destroy();
      if (oldest === socket) return;
    }
    this.#unverified.add(socket);
    socket.on('close', () => {
      this.#forget(socket);
    });
  }

  /** A request begins. Whether it is the connection's only one. */
  begin(socket: Socket): boolean {
    if (this.#busy.has(socket)) return false;
    this.#busy.add(socket);
    return true;
  }

  /** The signature of the request is right. */
  verified(socket: Socket): void {
    if (this.#unverified.delete(socket)) this.#verified.add(socket);
  }

  isVerified(socket: Socket): boolean {
    return this.#verified.has(socket);
  }

  /** The request is over: it says nothing of the next one. */
  end(socket: Socket): void {
    this.#busy.delete(socket);
    if (this.#verified.delete(socket)) this.#unverified.add(socket);
  }

  #forget(socket: Socket): void {
    this.#unverified.delete(socket);
    this.#verified.delete(socket);
    this.#busy.delete(socket);
  }
}
