import type { Worker } from 'node:cluster';
import cluster from 'node:cluster';
import { availableParallelism } from 'node:os';
import type { Logger } from '../../telemetry/logger.ts';
import { ConnectionThrottle } from '../connection-throttle.ts';
import type { ToWorker } from './messages.ts';
import { isToPrimary } from './messages.ts';

/** A worker that ends so soon after its start is not replaced at once, or a broken start would burn the machine. */
const EARLY_END_MS = 5000;
const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 10_000;

export interface PrimaryOptions {
  readonly workers: number;
  readonly connectionsPerSecondPerSource: number;
  readonly drainSeconds: number;
  readonly log: Logger;
}

export interface ListeningAddress {
  readonly host: string;
  readonly port: number;
}

/** `auto` is one worker a core. */
export function workerCount(setting: number | 'auto'): number {
  return setting === 'auto' ? availableParallelism() : setting;
}

/**
 * Keeps a number of worker processes that share the port, hands them connections in turn, replaces one that dies, and
 * keeps the counters that must be one for all.
 */
export class Primary {
  readonly #options: PrimaryOptions;
  readonly #throttle: ConnectionThrottle;
  readonly #started = new Map<number, number>();
  readonly #retiring = new Set<number>();
  #backoffMs = FIRST_BACKOFF_MS;
  #stopping = false;

  constructor(options: PrimaryOptions) {
    this.#options = options;
    this.#throttle = new ConnectionThrottle(options.connectionsPerSecondPerSource);
    cluster.schedulingPolicy = cluster.SCHED_RR;
    cluster.on('message', (worker, message: unknown) => {
      if (isToPrimary(message) && message.type === 'admit') {
        this.#send(worker, { type: 'admitted', id: message.id, wait: this.#throttle.admit(message.source) });
      }
    });
    cluster.on('exit', (worker, code, signal) => {
      this.#exited(worker, code, signal);
    });
  }

  /** Starts the workers; resolves when all listen. Rejects when one ends instead. */
  async start(): Promise<ListeningAddress> {
    const addresses = await Promise.all(Array.from({ length: this.#options.workers }, () => this.#fork()));
    const [first] = addresses;
    if (first === undefined) throw new RangeError('at least one worker is needed');
    return first;
  }

  /** Starts a new set of workers, which read the configuration anew, then drains the old ones. */
  async reload(): Promise<void> {
    const old = this.#living();
    await Promise.all(Array.from({ length: this.#options.workers }, () => this.#fork()));
    for (const worker of old) this.#drain(worker);
  }

  /** Drains every worker; resolves when all have ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const living = this.#living();
    const ended = living.map(
      (worker) =>
        new Promise<void>((resolve) => {
          worker.once('exit', () => {
            resolve();
          });
        }),
    );
    for (const worker of living) this.#drain(worker);
    // Workers keep to the deadline themselves; one that hangs is ended a little after it.
    const timer = setTimeout(
      () => {
        for (const worker of this.#living()) worker.process.kill('SIGKILL');
      },
      (this.#options.drainSeconds + 5) * 1000,
    );
    await Promise.all(ended);
    clearTimeout(timer);
  }

  #living(): Worker[] {
    return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
  }

  #fork(): Promise<ListeningAddress> {
    const worker = cluster.fork();
    this.#started.set(worker.id, Date.now());
    return new Promise((resolve, reject) => {
      worker.on('message', (message: unknown) => {
        if (isToPrimary(message) && message.type === 'ready') resolve({ host: message.host, port: message.port });
      });
      worker.once('exit', (code: number | null) => {
        reject(new Error(`a worker ended before it listened (exit code ${String(code)})`));
      });
    });
  }

  #drain(worker: Worker): void {
    this.#retiring.add(worker.id);
    this.#send(worker, { type: 'drain' });
  }

  #send(worker: Worker, message: ToWorker): void {
    if (worker.isConnected()) worker.send(message);
  }

  #exited(worker: Worker, code: number | null, signal: string | null): void {
    const { log } = this.#options;
    const lived = Date.now() - (this.#started.get(worker.id) ?? 0);
    this.#started.delete(worker.id);
    if (this.#retiring.delete(worker.id) || this.#stopping) return;
    log.error({ event: 'worker.died', pid: worker.process.pid, code, signal, milliseconds: lived }, 'a worker died');
    this.#backoffMs = lived < EARLY_END_MS ? Math.min(this.#backoffMs * 2, MAX_BACKOFF_MS) : FIRST_BACKOFF_MS;
    setTimeout(() => {
      if (this.#stopping) return;
      this.#fork().then(
        ({ port }) => {
          log.info({ event: 'worker.replaced', port }, 'a new worker has taken its place');
        },
        (error: unknown) => {
          log.error({ event: 'worker.start-failed', err: error }, 'the new worker did not start');
        },
      );
    }, this.#backoffMs);
  }
}
