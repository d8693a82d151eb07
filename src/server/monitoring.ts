import type { Config } from '../config/schema.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { MetricsServer } from '../telemetry/metrics-server.ts';
import { buildInfo } from './metrics-sources.ts';

type State = 'starting' | 'ready' | 'draining';

/** The library is large: only those who use it load it. */
export async function createMetrics(): Promise<Metrics> {
  const { Metrics: Created } = await import('../telemetry/metrics.ts');
  const metrics = new Created(buildInfo());
  metrics.watchProcess();
  return metrics;
}

/** The metrics of this process and the port where they, and its health, are to be had. */
export class Monitoring {
  readonly metrics: Metrics;
  readonly #http: MetricsServer;
  #state: State = 'starting';
  /** In place of this process's own metrics: those of all its workers, added up. */
  text: () => Promise<string>;
  /** Whether somebody is there to serve, once it is started. */
  serving: () => boolean = () => true;
  /** Whether the store has answered. */
  storageReady: () => boolean = () => true;

  private constructor(metrics: Metrics, log: Logger) {
    this.metrics = metrics;
    this.text = () => metrics.text();
    this.#http = new MetricsServer({
      metrics: () => this.text(),
      notReady: () => this.#notReady(),
      onError: (error) => {
        log.error({ event: 'metrics.failed', err: error }, 'metrics cannot be served');
      },
    });
  }

  /** Listens, and says that the server is not ready yet. Rejects with the system's error for the port. */
  static async start({ host, port }: NonNullable<Config['metrics']>, log: Logger): Promise<Monitoring> {
    const monitoring = new Monitoring(await createMetrics(), log);
    const address = await monitoring.#http.listen(host, port);
    log.info(
      { event: 'metrics.listening', host: address.address, port: address.port },
      `metrics and health on http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    );
    return monitoring;
  }

  /** New sessions may come. */
  ready(): void {
    if (this.#state === 'starting') this.#state = 'ready';
  }

  /** No new sessions, until the end. */
  draining(): void {
    this.#state = 'draining';
  }

  close(): void {
    this.#http.close();
  }

  #notReady(): string | null {
    if (this.#state !== 'ready') return this.#state;
    if (!this.serving()) return 'no worker serves';
    return this.storageReady() ? null : 'the storage does not answer';
  }
}
