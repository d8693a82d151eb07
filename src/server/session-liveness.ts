import type { Config } from '../config/schema.ts';
import type { Connection } from '../connection/connection.ts';
import { DISCONNECT_REASON } from '../transport/disconnect.ts';
import { DRAIN_CHECK_MS, DRAIN_QUIET_MS } from './limits.ts';

/** What the watch over a session asks and orders. */
export interface WatchedSession {
  /** Whether ending it now would interrupt nothing. */
  isIdle(): boolean;
  /** On its socket, since the beginning. */
  bytesReceived(): number;
  end(reason: number, message: string): void;
}

/**
 * Ends a session whose client has gone without a word, is idle for too long, or, while the server drains, has done what it
 * was about.
 */
export class SessionLiveness {
  readonly #limits: Config['limits'];
  readonly #session: WatchedSession;
  #keepaliveTimer: NodeJS.Timeout | undefined;
  #drainTimer: NodeJS.Timeout | undefined;
  /** Milliseconds, as `performance.now` counts them. */
  #lastActivity = performance.now();
  #bytesReceivedBefore = 0;

  constructor(limits: Config['limits'], session: WatchedSession) {
    this.#limits = limits;
    this.#session = session;
  }

  /** The client has asked for something, or sent data. */
  active(): void {
    this.#lastActivity = performance.now();
  }

  /** From the login on. */
  watch(connection: Connection): void {
    this.active();
    this.#keepaliveTimer = setInterval(() => {
      this.#check(connection);
    }, this.#limits.keepaliveSeconds * 1000).unref();
  }

  /** Ends the session now if it is idle, otherwise soon after it has become so. */
  drain(message: string): void {
    this.#drainTimer ??= setInterval(() => {
      this.#endIfDrained(message);
    }, DRAIN_CHECK_MS).unref();
    this.#endIfDrained(message);
  }

  stop(): void {
    clearInterval(this.#keepaliveTimer);
    clearInterval(this.#drainTimer);
  }

  #check(connection: Connection): void {
    const idleSeconds = (performance.now() - this.#lastActivity) / 1000;
    // Whatever came since the last look shows that the client is there, even if it cannot answer keep-alives.
    const bytesReceived = this.#session.bytesReceived();
    if (bytesReceived !== this.#bytesReceivedBefore) connection.unansweredKeepalives = 0;
    this.#bytesReceivedBefore = bytesReceived;
    if (idleSeconds >= this.#limits.idleSeconds && this.#session.isIdle()) {
      this.#session.end(DISCONNECT_REASON.BY_APPLICATION, 'idle for too long');
    } else if (connection.unansweredKeepalives >= this.#limits.unansweredKeepalives) {
      this.#session.end(DISCONNECT_REASON.CONNECTION_LOST, 'the client does not answer');
    } else if (idleSeconds >= this.#limits.keepaliveSeconds / 2) {
      connection.sendKeepalive();
    }
  }

  #endIfDrained(message: string): void {
    const now = performance.now();
    if (!this.#session.isIdle()) this.#lastActivity = now;
    if (now - this.#lastActivity < DRAIN_QUIET_MS) return;
    this.#session.end(DISCONNECT_REASON.BY_APPLICATION, message);
  }
}
