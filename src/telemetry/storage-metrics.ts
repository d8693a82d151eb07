import type { Registry } from 'prom-client';
import { Counter, Gauge, Histogram } from 'prom-client';
import { watchedGauge } from './watched-gauge.ts';

/** Of one try of a request to the store. */
export interface StoreRequest {
  readonly operation: string;
  readonly milliseconds: number;
  /** `retried`: another try follows; `failed`: none does. */
  readonly outcome: 'ok' | 'aborted' | 'retried' | 'failed';
  /** What went wrong, out of a short list. */
  readonly reason?: string;
}

/** Bytes of memory that transfers share. */
export interface MemoryUse {
  readonly budget: 'upload' | 'read-ahead' | 'receive-windows';
  readonly usedBytes: number;
  readonly limitBytes: number;
}

export interface StoreUse {
  readonly memory: readonly MemoryUse[];
  readonly uploadsWaiting: number;
  readonly spoolBytes: number;
  readonly openReads: number;
  readonly openWrites: number;
}

/** A HEAD of what is not there, or a condition that does not hold, is an answer and no trouble. */
const ORDINARY: readonly string[] = ['not-found', 'precondition-failed'];

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Of the store, of requests to S3, and of the memory that transfers share. */
export class StorageMetrics {
  readonly #requests: Counter<'operation' | 'outcome'>;
  readonly #seconds: Histogram<'operation'>;
  readonly #retries: Counter<'reason'>;
  readonly #failures: Counter<'reason'>;
  readonly #events: Counter<'event'>;
  readonly #tlsConnections: Counter<'group' | 'kind'>;
  /** What the store holds at the moment. */
  use: () => StoreUse = () => ({ memory: [], uploadsWaiting: 0, spoolBytes: 0, openReads: 0, openWrites: 0 });

  constructor(registry: Registry) {
    const registers = [registry];
    const use = (): StoreUse => this.use();
    this.#requests = new Counter({
      name: 'latticeport_s3_requests_total',
      help: 'Tries of requests to S3, by operation and how they ended.',
      labelNames: ['operation', 'outcome'],
      registers,
    });
    this.#seconds = new Histogram({
      name: 'latticeport_s3_request_seconds',
      help: 'Time of tries that succeeded, with the bodies.',
      labelNames: ['operation'],
      buckets: SECONDS,
      registers,
    });
    this.#retries = new Counter({
      name: 'latticeport_s3_retries_total',
      help: 'Tries of requests to S3 that failed and are made again, by what went wrong.',
      labelNames: ['reason'],
      registers,
    });
    this.#failures = new Counter({
      name: 'latticeport_s3_failures_total',
      help: 'Requests to S3 that failed for good, by what went wrong last.',
      labelNames: ['reason'],
      registers,
    });
    this.#tlsConnections = new Counter({
      name: 'latticeport_s3_tls_connections_total',
      help: 'New TLS connections to S3, by the group of their key exchange.',
      labelNames: ['group', 'kind'],
      registers,
    });
    this.#events = new Counter({
      name: 'latticeport_storage_events_total',
      help: 'Events of the store, by their name in the log.',
      labelNames: ['event'],
      registers,
    });
    new Gauge({
      name: 'latticeport_memory_used_bytes',
      help: 'Memory held by transfers, by what it is for.',
      labelNames: ['budget'],
      registers,
      collect() {
        for (const { budget, usedBytes } of use().memory) this.set({ budget }, usedBytes);
      },
    });
    new Gauge({
      name: 'latticeport_memory_limit_bytes',
      help: 'The most that transfers may hold, by what it is for.',
      labelNames: ['budget'],
      registers,
      collect() {
        for (const { budget, limitBytes } of use().memory) this.set({ budget }, limitBytes);
      },
    });
    watchedGauge(
      registry,
      'latticeport_s3_uploads_waiting',
      'Uploads that wait for memory.',
      () => use().uploadsWaiting,
    );
    watchedGauge(
      registry,
      'latticeport_s3_spool_bytes',
      'Bytes of uploads that arrive out of order, on the local disk.',
      () => use().spoolBytes,
    );
    new Gauge({
      name: 'latticeport_s3_transfers_open',
      help: 'Files of an S3 store that are open, by direction.',
      labelNames: ['direction'],
      registers,
      collect() {
        const { openReads, openWrites } = use();
        this.set({ direction: 'read' }, openReads);
        this.set({ direction: 'write' }, openWrites);
      },
    });
  }

  /** The reasons that `request` may name: each is shown from now on, so that its first step is seen. */
  knowsReasons(reasons: readonly string[]): void {
    for (const reason of reasons.filter((name) => !ORDINARY.includes(name))) {
      this.#retries.inc({ reason }, 0);
      this.#failures.inc({ reason }, 0);
    }
  }

  request({ operation, milliseconds, outcome, reason = 'other' }: StoreRequest): void {
    const ordinary = outcome === 'failed' && ORDINARY.includes(reason);
    this.#requests.inc({ operation, outcome: ordinary ? reason : outcome });
    if (outcome === 'ok') this.#seconds.observe({ operation }, milliseconds / 1000);
    else if (outcome === 'retried') this.#retries.inc({ reason });
    else if (outcome === 'failed' && !ordinary) this.#failures.inc({ reason });
  }

  /** Such a connection may come: its series is there from now on. */
  mayConnect(group: string, postQuantum: boolean): void {
    this.#tlsConnections.inc({ group, kind: postQuantum ? 'post-quantum' : 'classical' }, 0);
  }

  /** `group` is one that we have offered; null: there was none. */
  connected(group: string | null, postQuantum: boolean): void {
    this.#tlsConnections.inc({ group: group ?? 'none', kind: postQuantum ? 'post-quantum' : 'classical' });
  }

  /** `event` is a name out of our own code. */
  event(event: string): void {
    this.#events.inc({ event });
  }
}
