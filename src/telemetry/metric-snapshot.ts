/** One metric of one process at one moment, as the library gives it and as it goes from process to process. */
export interface MetricSnapshot {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly aggregator: string;
  readonly values: readonly {
    readonly value: number;
    readonly labels: Readonly<Record<string, string | number>>;
    /** Of a histogram's series: with `_bucket`, `_sum`, `_count`. */
    readonly metricName?: string;
  }[];
}
