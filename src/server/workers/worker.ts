import type { AddressInfo } from 'node:net';
import type { Admission } from '../admission.ts';
import type { ToPrimary } from './messages.ts';
import { isToWorker } from './messages.ts';

/** A worker's end of the channel to the primary. */
export class PrimaryLink implements Admission {
  readonly #waiting = new Map<number, (wait: number | null) => void>();
  #nextId = 0;

  /** `onDrain` is called when the primary wants this worker to finish. */
  constructor(onDrain: () => void) {
    process.on('message', (message) => {
      if (!isToWorker(message)) return;
      switch (message.type) {
        case 'admitted':
          this.#waiting.get(message.id)?.(message.wait);
          this.#waiting.delete(message.id);
          break;
        case 'drain':
          onDrain();
          break;
      }
    });
    // A primary that is gone cannot replace us or stop us: finish what runs, then end.
    process.on('disconnect', () => {
      for (const answer of this.#waiting.values()) answer(0);
      this.#waiting.clear();
      onDrain();
    });
  }

  admit(source: string): Promise<number | null> {
    return new Promise((resolve) => {
      this.#nextId += 1;
      this.#waiting.set(this.#nextId, resolve);
      this.#send({ type: 'admit', id: this.#nextId, source });
    });
  }

  ready({ address, port }: AddressInfo): void {
    this.#send({ type: 'ready', host: address, port });
  }

  #send(message: ToPrimary): void {
    process.send?.(message);
  }
}
