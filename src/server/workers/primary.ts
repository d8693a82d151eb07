import type { Worker } from 'node:cluster';
import cluster from 'node:cluster';
import { availableParallelism } from 'node:os';
import type { Logger } from '../../telemetry/logger.ts';
import { ConnectionThrottle } from '../connection-throttle.ts';
import type { HostKeyPassphrases } from '../host-keys.ts';
import { LaneKeeper } from './lane-keeper.ts';
import type { ToWorker } from './messages.ts';
import { ConnectionsOfWorkers } from './connections-of-workers.ts';
import { isToPrimary } from './messages.ts';
import type { WorkerMeter } from './worker-meter.ts';

/** A worker that ends so soon after its start is not replaced at once, or a broken start would burn the machine. */
const EARLY_END_MS = 5000;
const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 10_000;

/** Workers keep to the deadline of a drain themselves; one that hangs is ended so long after it. */
const HANG_MS = 15_000;

export interface PrimaryOptions {
  readonly workers: number;
  readonly connectionsPerSecondPerSource: number;
  readonly drainSeconds: number;
  /** What the workers need to read the host keys, where somebody was asked for it. */
  readonly passphrases: HostKeyPassphrases;
}

export interface ListeningAddress {
  readonly host: string;
  readonly port: number;
}

/** A worker said that it cannot start, and why: text for the operator. */
export class WorkerStartError extends Error {
  override readonly name = 'WorkerStartError';
}

/** `starting` until it listens; `ending` when it was told to go, or has said that it cannot start. */
type WorkerPhase = 'starting' | 'serving' | 'ending';

/** `auto` is one worker a core. */
export function workerCount(setting: number | 'auto'): number {
  return setting === 'auto' ? availableParallelism() : setting;
}

/**
 * Keeps a number of worker processes that share the port, hands them connections in turn, replaces one that dies, and
 * keeps the counters that must be one for all.
 */
export class Primary {
  #options: PrimaryOptions;
  readonly #log: Logger;
  readonly #meter: WorkerMeter | undefined;
  #throttle: ConnectionThrottle;
  readonly #phases = new Map<number, { phase: WorkerPhase; readonly startedAt: number; storageReady: boolean }>();
  readonly #connections = new ConnectionsOfWorkers();
  readonly #lanes = new LaneKeeper((worker, order) => {
    const to = cluster.workers?.[worker];
    if (to !== undefined) send(to, { type: 'lanes', order });
  });
  #backoffMs = FIRST_BACKOFF_MS;
  #stopping = false;

  /** `meter`, where it is given, gets what the workers count. */
  constructor(options: PrimaryOptions, log: Logger, meter?: WorkerMeter) {
    this.#options = options;
    this.#log = log;
    this.#meter = meter;
    this.#throttle = new ConnectionThrottle(options.connectionsPerSecondPerSource);
    cluster.schedulingPolicy = cluster.SCHED_RR;
    cluster.on('message', (worker, message: unknown) => {
      if (!isToPrimary(message)) return;
      if (message.type === 'admit') {
        send(worker, { type: 'admitted', id: message.id, wait: this.#throttle.admit(message.source) });
      } else if (message.type === 'passphrases') {
        send(worker, { type: 'passphrases', passphrases: [...this.#options.passphrases] });
      } else if (message.type === 'ready' || message.type === 'storage-ready') {
        const known = this.#phases.get(worker.id);
        if (known !== undefined) known.storageReady = message.type === 'storage-ready' || message.storageReady;
      } else if (message.type === 'closed') {
        send(worker, { type: 'closed' });
      } else if (message.type === 'enter') {
        const may = this.#connections.enter(worker.id, message.user, message.limit);
        send(worker, { type: 'entered', id: message.id, may });
      } else if (message.type === 'leave') {
        this.#connections.leave(worker.id, message.user);
      } else if (message.type === 'lanes') {
        this.#lanes.received(worker.id, message.request);
      } else if (message.type === 'measured') {
        this.#meter?.received(worker.id, message.round, message.metrics);
      }
    });
    // Not 'exit': what a worker said last may come after that.
    cluster.on('disconnect', (worker) => {
      this.#meter?.ended(worker.id);
      this.#connections.ended(worker.id);
      this.#lanes.ended(worker.id);
    });
    cluster.on('exit', (worker, code, signal) => {
      this.#exited(worker, code, signal);
    });
  }

  /** Starts the workers; resolves when all listen. Rejects with WorkerStartError when one cannot; then none is left. */
  async start(): Promise<ListeningAddress> {
    const [first] = await this.#forkAll();
    if (first === undefined) throw new RangeError('at least one worker is needed');
    return first;
  }

  /**
   * Starts a new set of workers, which read the configuration anew; the old ones take no more connections and end with
   * their last session. Where a new one cannot start, the old ones go on and the reason is thrown.
   */
  async reload(options: PrimaryOptions): Promise<void> {
    const old = this.#current();
    const before = this.#living();
    await this.#forkAll(options.workers);
    if (options.connectionsPerSecondPerSource !== this.#options.connectionsPerSecondPerSource) {
      this.#throttle = new ConnectionThrottle(options.connectionsPerSecondPerSource);
    }
    this.#options = options;
    // Also those that an earlier reload has left behind with their sessions.
    for (const worker of before) send(worker, { type: 'reloaded' });
    for (const worker of old) this.#end(worker, { type: 'retire' });
  }

  /** Drains every worker; resolves when all have ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const living = this.#living();
    const ended = living.map(exitOf);
    for (const worker of living) this.#end(worker, { type: 'drain' });
    const timer = setTimeout(
      () => {
        for (const worker of this.#living()) {
          this.#log.error({ event: 'worker.hangs', worker: worker.process.pid }, 'a worker hangs: it is killed');
          worker.process.kill('SIGKILL');
        }
      },
      this.#options.drainSeconds * 1000 + HANG_MS,
    );
    await Promise.all(ended);
    clearTimeout(timer);
  }

  /** Workers that take new connections. */
  get serving(): number {
    return this.#living().filter((worker) => this.#phase(worker) === 'serving').length;
  }

  /** Whether the store answers to a worker that takes new connections. */
  get storageReady(): boolean {
    return [...this.#phases.values()].some(({ phase, storageReady }) => phase === 'serving' && storageReady);
  }

  /** The metrics of this process and of all workers, those included that have ended. Empty without a meter. */
  async metrics(): Promise<string> {
    const workers = this.#living()
      .filter((worker) => worker.isConnected() && this.#phase(worker) !== 'starting')
      .map((worker) => ({
        id: worker.id,
        ask: (round: number) => {
          send(worker, { type: 'measure', round });
        },
      }));
    return (await this.#meter?.text(workers)) ?? '';
  }

  /** Ends every worker at once, with its sessions. */
  kill(): void {
    this.#stopping = true;
    for (const worker of this.#living()) worker.process.kill('SIGKILL');
  }

  #living(): Worker[] {
    return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
  }

  /** Those that serve new connections, now or soon. */
  #current(): Worker[] {
    return this.#living().filter((worker) => this.#phase(worker) !== 'ending');
  }

  #phase(worker: Worker): WorkerPhase {
    return this.#phases.get(worker.id)?.phase ?? 'ending';
  }

  #setPhase(worker: Worker, phase: WorkerPhase): void {
    const known = this.#phases.get(worker.id);
    if (known !== undefined) known.phase = phase;
  }

  /** All or none. */
  async #forkAll(count = this.#options.workers): Promise<ListeningAddress[]> {
    const forks = Array.from({ length: count }, () => this.#fork());
    try {
      return await Promise.all(forks.map(({ listening }) => listening));
    } catch (error) {
      for (const { worker } of forks) {
        this.#setPhase(worker, 'ending');
        worker.process.kill('SIGKILL');
      }
      await Promise.allSettled(forks.map(({ listening }) => listening));
      throw error;
    }
  }

  #fork(): { readonly worker: Worker; readonly listening: Promise<ListeningAddress> } {
    const worker = cluster.fork();
    this.#phases.set(worker.id, { phase: 'starting', startedAt: Date.now(), storageReady: false });
    const listening = new Promise<ListeningAddress>((resolve, reject) => {
      worker.on('message', (message: unknown) => {
        if (!isToPrimary(message)) return;
        if (message.type === 'failed') reject(new WorkerStartError(message.message));
        if (message.type !== 'ready') return;
        if (this.#phase(worker) === 'starting') this.#setPhase(worker, 'serving');
        resolve({ host: message.host, port: message.port });
      });
      worker.once('exit', (code: number | null, signal: string | null) => {
        reject(new WorkerStartError(`a worker ended before it listened (${signal ?? `status ${String(code)}`})`));
      });
    });
    return { worker, listening };
  }

  #end(worker: Worker, order: ToWorker): void {
    this.#setPhase(worker, 'ending');
    send(worker, order);
  }

  #exited(worker: Worker, code: number | null, signal: string | null): void {
    const phase = this.#phase(worker);
    const lived = Date.now() - (this.#phases.get(worker.id)?.startedAt ?? 0);
    this.#phases.delete(worker.id);
    // Whoever waits for one that starts is told that it did not.
    if (phase !== 'serving' || this.#stopping) return;
    this.#meter?.workerDied();
    this.#log.error(
      { event: 'worker.died', worker: worker.process.pid, code, signal, milliseconds: lived },
      'a worker died: its sessions are lost',
    );
    this.#replace(lived);
  }

  #replace(lived: number): void {
    this.#backoffMs = lived < EARLY_END_MS ? Math.min(this.#backoffMs * 2, MAX_BACKOFF_MS) : FIRST_BACKOFF_MS;
    setTimeout(() => {
      // A reload may have been faster.
      if (this.#stopping || this.#current().length >= this.#options.workers) return;
      const { worker, listening } = this.#fork();
      listening.then(
        ({ port }) => {
          this.#log.info(
            { event: 'worker.replaced', worker: worker.process.pid, port },
            'a new worker has taken its place',
          );
        },
        (error: unknown) => {
          this.#log.error({ event: 'worker.start-failed', err: error }, 'a new worker did not start');
          this.#replace(0);
        },
      );
    }, this.#backoffMs);
  }
}

function send(worker: Worker, message: ToWorker): void {
  // A channel that breaks in between is a worker that ends: 'exit' tells.
  if (worker.isConnected()) worker.send(message, () => undefined);
}

function exitOf(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    worker.once('exit', () => {
      resolve();
    });
  });
}
