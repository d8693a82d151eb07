import { hostname } from 'node:os';
import { SESSION_REPORT_MS } from '../../state/limits.ts';
import type { NodeSessions, OpenSession } from '../../state/open-sessions.ts';
import { StateUnavailable, type StateStore } from '../../state/state-store.ts';
import type { Logger } from '../../telemetry/logger.ts';

/** The sessions of this process. */
export interface LocalSessions {
  sessions(): readonly OpenSession[];
  /** Whether there was such a session. */
  endSession(sessionId: string): boolean;
}

/**
 * Tells the state what sessions this process has, every few seconds, and ends those that somebody has asked to end: that comes
 * with a change, and so is seen as soon as one. No login and no transfer waits for any of it; a state that is away is told later.
 */
export class SessionReports {
  readonly #state: StateStore;
  readonly #local: LocalSessions;
  readonly #log: Logger;
  readonly #node: NodeSessions;
  #running: Promise<void> = Promise.resolve();
  #waiting: Promise<void> | null = null;
  /** The step that waits is to report, too. */
  #isDue = false;
  #timer: NodeJS.Timeout | undefined;
  #unsubscribe: () => void = () => undefined;
  #isStopped = false;

  constructor(state: StateStore, local: LocalSessions, log: Logger) {
    this.#state = state;
    this.#local = local;
    this.#log = log;
    this.#node = state.sessions.asNode(hostname());
  }

  begin(): void {
    this.#timer = setInterval(() => void this.report(), SESSION_REPORT_MS).unref();
    this.#unsubscribe = this.#state.onSnapshot(() => void this.#next());
    void this.report();
  }

  /** Resolves when the state has been told what is open now, or has not answered. */
  report(): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    this.#isDue = true;
    return this.#next();
  }

  /** The node has no sessions any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    this.#unsubscribe();
    await (this.#waiting ?? this.#running);
    await this.#told(() => this.#node.leave());
  }

  /** One step after the other. The one that waits has not looked yet, and so serves all who come before it begins. */
  #next(): Promise<void> {
    this.#waiting ??= this.#running.then(() => {
      this.#waiting = null;
      this.#running = this.#told(() => this.#step());
      return this.#running;
    });
    return this.#waiting;
  }

  async #step(): Promise<void> {
    let isDue = this.#isDue;
    this.#isDue = false;
    if (this.#local.sessions().length > 0) {
      for (const sessionId of await this.#node.takeEnds()) {
        if (!this.#local.endSession(sessionId)) continue;
        isDue = true;
        this.#log.info({ event: 'managed.session-ended', session: sessionId }, 'ended, as an operator has asked');
      }
    }
    if (isDue) await this.#node.report(this.#local.sessions());
  }

  async #told(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      // That the state is away is in the log already.
      const level = error instanceof StateUnavailable ? 'debug' : 'error';
      this.#log[level](
        { event: 'managed.sessions-unreported', err: error },
        'the list of open sessions is not up to date',
      );
    }
  }
}
