import type { MetricSnapshot } from '../../telemetry/metric-snapshot.ts';
import type { MetricsLedger } from '../../telemetry/metrics-ledger.ts';
import type { Metrics } from '../../telemetry/metrics.ts';

/** A worker that has not answered by then is shown as it last was. */
const PATIENCE_MS = 1000;

/** A worker that can be asked for its metrics; the answer comes to `WorkerMeter.received`. */
export interface MeteredWorker {
  readonly id: number;
  ask(round: number): void;
}

/** Collects the metrics of all workers in the primary. */
export class WorkerMeter {
  readonly #metrics: Metrics;
  readonly #ledger: MetricsLedger;
  readonly #patienceMs: number;
  /** Those who have been asked and have not answered. */
  readonly #waiting = new Map<number, () => void>();
  #round = 0;
  #running: Promise<string> | null = null;

  constructor(metrics: Metrics, ledger: MetricsLedger, patienceMs = PATIENCE_MS) {
    this.#metrics = metrics;
    this.#ledger = ledger;
    this.#patienceMs = patienceMs;
  }

  /** The text for Prometheus. Whoever asks while workers are being asked gets the same. */
  text(workers: readonly MeteredWorker[]): Promise<string> {
    this.#running ??= this.#collect(workers).finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** `round` is 0 for what a worker says unasked. */
  received(worker: number, round: number, snapshot: readonly MetricSnapshot[]): void {
    this.#ledger.update(worker, snapshot);
    if (round !== this.#round) return;
    this.#waiting.get(worker)?.();
  }

  /** Nothing more will come from it. */
  ended(worker: number): void {
    this.#ledger.ended(worker);
    this.#waiting.get(worker)?.();
  }

  workerDied(): void {
    this.#metrics.workerDied();
  }

  async #collect(workers: readonly MeteredWorker[]): Promise<string> {
    this.#round += 1;
    const answers = workers.map(
      ({ id }) =>
        new Promise<void>((resolve) => {
          this.#waiting.set(id, () => {
            this.#waiting.delete(id);
            resolve();
          });
        }),
    );
    for (const worker of workers) worker.ask(this.#round);
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#patienceMs);
    });
    await Promise.race([Promise.all(answers), patience]);
    clearTimeout(timer);
    const silent = new Set(this.#waiting.keys());
    this.#waiting.clear();
    for (const _ of silent) this.#metrics.workerSilent();
    const fresh = new Set(workers.map(({ id }) => id).filter((id) => !silent.has(id)));
    return this.#ledger.text(await this.#metrics.snapshot(), fresh);
  }
}
