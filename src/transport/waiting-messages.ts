import { MESSAGE_OVERHEAD_BYTES } from './limits.ts';

export interface WaitingMessage {
  readonly head: Buffer;
  readonly body: readonly Buffer[];
}

/** What the services send while a key exchange holds it back, in order. */
export class WaitingMessages {
  #messages: WaitingMessage[] = [];
  #cost = 0;

  /** Bytes of memory that they hold. */
  get cost(): number {
    return this.#cost;
  }

  push(head: Buffer, body: readonly Buffer[]): void {
    this.#messages.push({ head, body });
    this.#cost += head.length + MESSAGE_OVERHEAD_BYTES;
    for (const part of body) this.#cost += part.length;
  }

  /** Gives them out: from here on there are none. */
  take(): readonly WaitingMessage[] {
    const messages = this.#messages;
    this.#messages = [];
    this.#cost = 0;
    return messages;
  }
}
