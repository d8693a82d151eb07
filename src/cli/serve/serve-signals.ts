import cluster from 'node:cluster';
import type { Logger } from '../../telemetry/logger.ts';

/** What runs, to the signal handlers. */
export interface Running {
  stop(): Promise<unknown>;
  reload(): Promise<unknown>;
  /** Ends what other processes run for this one, at once. */
  kill?(): void;
}

/** Sockets of clients that do not close theirs would hold the process after the drain. */
const EXIT_GRACE_MS = 2000;

/**
 * A signal to a whole process group, as Ctrl-C sends it, comes twice where npm is in the group too and passes it on: one
 * that follows so soon is the same. Milliseconds.
 */
const ECHO_MS = 200;

/**
 * SIGTERM and SIGINT stop what runs, a second one ends the process at once; SIGHUP reloads, one reload after the other.
 * Made before anything listens, so that no signal ever meets its default; what comes before `attach` waits for it.
 */
export class ServeSignals {
  readonly #log: Logger;
  #running: Running | null = null;
  #stopping = false;
  #stoppedAt = 0;
  #reloadWanted = false;
  #reloading = false;

  constructor(log: Logger) {
    this.#log = log;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        this.#stop(signal);
      });
    }
    process.on('SIGHUP', () => {
      this.reload();
    });
  }

  /** As SIGHUP does. */
  reload(): void {
    this.#reloadWanted = true;
    void this.#reload();
  }

  attach(running: Running): void {
    this.#running = running;
    void this.#reload();
  }

  #stop(signal: NodeJS.Signals): void {
    if (this.#stopping) {
      if (performance.now() - this.#stoppedAt < ECHO_MS) return;
      this.#log.warn({ event: 'server.killed', signal }, 'second signal: ending at once');
      this.#running?.kill?.();
      process.exit(1);
    }
    // Nobody is connected yet.
    if (this.#running === null) process.exit(0);
    this.#stopping = true;
    this.#stoppedAt = performance.now();
    this.#log.info({ event: 'server.draining', signal }, 'no new sessions; running transfers may finish');
    exitAfter(this.#running.stop(), this.#log);
  }

  async #reload(): Promise<void> {
    if (this.#reloading) return;
    this.#reloading = true;
    while (this.#reloadWanted && this.#running !== null && !this.#stopping) {
      this.#reloadWanted = false;
      try {
        await this.#running.reload();
        this.#log.info({ event: 'config.reloaded' }, 'new connections use the new configuration');
      } catch (error) {
        this.#log.error({ event: 'config.reload-failed', err: error }, 'the old configuration stays in force');
      }
    }
    this.#reloading = false;
  }
}

/** Ends the process with status 0 after `stopped`, with 1 where that fails. */
export function exitAfter(stopped: Promise<unknown>, log: Logger): void {
  stopped.then(
    () => {
      setTimeout(() => process.exit(0), EXIT_GRACE_MS).unref();
      process.exitCode = 0;
      // The channel to a primary would hold a worker. Not process.disconnect(): the primary may have a connection on its
      // way here, and passes it on only when this worker, whose port is closed, has said no to it.
      if (process.connected) cluster.worker?.disconnect();
    },
    (error: unknown) => {
      log.error({ event: 'server.stop-failed', err: error }, 'stopping failed');
      process.exit(1);
    },
  );
}
