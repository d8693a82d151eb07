import { AggregatorRegistry } from 'prom-client';
import type { MetricSnapshot } from './metric-snapshot.ts';

/**
 * Adds up the metrics of processes that come and go. What only grows (counters, histograms) is kept of those that are
 * gone or silent, since a sum that falls would look like a restart; what is true for a moment only (gauges) is not.
 */
export class MetricsLedger {
  readonly #last = new Map<number, readonly MetricSnapshot[]>();
  #gone: readonly MetricSnapshot[] = [];

  /** What `process` says of itself now. */
  update(process: number, snapshot: readonly MetricSnapshot[]): void {
    this.#last.set(process, snapshot);
  }

  /** `process` has ended: what it last said of its past stays true. */
  ended(process: number): void {
    const last = this.#last.get(process);
    if (last === undefined) return;
    this.#last.delete(process);
    this.#gone = added([this.#gone, growing(last)]);
  }

  /** The text for Prometheus: `own`, the processes of `fresh` as they last said, and the past of all others. */
  async text(own: readonly MetricSnapshot[], fresh: ReadonlySet<number>): Promise<string> {
    const others = [...this.#last].map(([process, last]) => (fresh.has(process) ? last : growing(last)));
    return AggregatorRegistry.aggregate([own, ...others, this.#gone].map(asArray)).metrics();
  }
}

function growing(snapshot: readonly MetricSnapshot[]): MetricSnapshot[] {
  return snapshot.filter(({ type }) => type === 'counter' || type === 'histogram');
}

function added(snapshots: readonly (readonly MetricSnapshot[])[]): MetricSnapshot[] {
  return AggregatorRegistry.aggregate(snapshots.map(asArray)).getMetricsAsArray() as unknown as MetricSnapshot[];
}

/** The library's type says objects where arrays are meant. */
function asArray(snapshot: readonly MetricSnapshot[]): object {
  return snapshot;
}
