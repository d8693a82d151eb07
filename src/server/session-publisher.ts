import { publish } from '../events/event-channels.ts';
import type { SessionFact, SessionIdentity } from '../events/session-event.ts';

/** Publishes what happens in one session: adds whose it is. */
export class SessionPublisher {
  #identity: SessionIdentity;

  constructor(identity: SessionIdentity) {
    this.#identity = identity;
  }

  get identity(): SessionIdentity {
    return this.#identity;
  }

  /** The client names itself. */
  named(user: string): void {
    if (user !== this.#identity.user) this.#identity = { ...this.#identity, user };
  }

  publish(fact: SessionFact): void {
    publish({ ...this.#identity, ...fact });
  }
}
