import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { MetricSnapshot } from './metric-snapshot.ts';
import { SftpMetrics } from './sftp-metrics.ts';
import { SshMetrics } from './ssh-metrics.ts';
import { StorageMetrics } from './storage-metrics.ts';
import { watchedGauge } from './watched-gauge.ts';

export interface BuildInfo {
  readonly version: string;
  readonly node: string;
  readonly openssl: string;
  readonly fips: boolean;
}

/** The event loop's delay is sampled so often. */
const LOOP_SAMPLE_MS = 20;

/**
 * Everything that is counted in one process, in the conventions of Prometheus. No label holds a user, a key, an address
 * or a path: what a client can choose never becomes a series.
 */
export class Metrics {
  readonly ssh: SshMetrics;
  readonly sftp: SftpMetrics;
  readonly storage: StorageMetrics;
  readonly #registry = new Registry();
  readonly #policyChanges: Counter<'outcome'>;
  readonly #revokedKeysChanges: Counter<'outcome'>;
  readonly #configReloads: Counter<'outcome'>;
  readonly #workerDeaths: Counter;
  readonly #silentWorkers: Counter;
  /** Lines of this process's log that could not be written. */
  logLinesLost: () => number = () => 0;
  /** Worker processes that serve; none where there is one process. */
  workers: () => number = () => 0;

  constructor(build: BuildInfo) {
    const registers = [this.#registry];
    const workers = (): number => this.workers();
    const logLinesLost = (): number => this.logLinesLost();
    new Gauge({
      name: 'latticeport_build_info',
      help: 'What runs; always 1.',
      labelNames: ['version', 'node', 'openssl', 'fips'],
      registers,
      aggregator: 'first',
    }).set({ ...build, fips: build.fips ? 'on' : 'off' }, 1);
    this.ssh = new SshMetrics(this.#registry);
    this.sftp = new SftpMetrics(this.#registry);
    this.storage = new StorageMetrics(this.#registry);
    this.#policyChanges = new Counter({
      name: 'latticeport_policy_changes_total',
      help: 'Changes of security policy files, by whether they are in force.',
      labelNames: ['outcome'],
      registers,
    });
    for (const outcome of ['reloaded', 'refused']) this.#policyChanges.inc({ outcome }, 0);
    this.#revokedKeysChanges = new Counter({
      name: 'latticeport_revoked_keys_changes_total',
      help: 'Changes of the files of revoked keys, by whether they are in force.',
      labelNames: ['outcome'],
      registers,
    });
    for (const outcome of ['reloaded', 'refused']) this.#revokedKeysChanges.inc({ outcome }, 0);
    this.#configReloads = new Counter({
      name: 'latticeport_config_reloads_total',
      help: 'Reloads of the configuration, by whether it is in force.',
      labelNames: ['outcome'],
      registers,
    });
    for (const outcome of ['reloaded', 'refused']) this.#configReloads.inc({ outcome }, 0);
    watchedGauge(
      this.#registry,
      'latticeport_workers',
      'Worker processes that serve; 0 where one process does everything.',
      () => workers(),
    );
    new Counter({
      name: 'latticeport_log_lines_lost_total',
      help: 'Lines of the log that could not be written.',
      registers,
      collect() {
        this.reset();
        this.inc(logLinesLost());
      },
    });
    this.#workerDeaths = new Counter({
      name: 'latticeport_worker_deaths_total',
      help: 'Workers that ended although nobody told them to.',
      registers,
    });
    this.#silentWorkers = new Counter({
      name: 'latticeport_worker_metrics_missed_total',
      help: 'Workers that did not say their metrics in time; what is shown of them is older.',
      registers,
    });
  }

  /** Also what the process itself can tell: CPU, memory, descriptors, garbage collection, delay of the event loop. */
  watchProcess(): void {
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: LOOP_SAMPLE_MS });
  }

  policyChange(outcome: 'reloaded' | 'refused'): void {
    this.#policyChanges.inc({ outcome });
  }

  revokedKeysChange(outcome: 'reloaded' | 'refused'): void {
    this.#revokedKeysChanges.inc({ outcome });
  }

  configReload(outcome: 'reloaded' | 'refused'): void {
    this.#configReloads.inc({ outcome });
  }

  workerDied(): void {
    this.#workerDeaths.inc();
  }

  workerSilent(): void {
    this.#silentWorkers.inc();
  }

  /** For one process alone. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** For adding up with those of other processes. */
  async snapshot(): Promise<MetricSnapshot[]> {
    return (await this.#registry.getMetricsAsJSON()) as unknown as MetricSnapshot[];
  }
}
