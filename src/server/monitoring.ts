import type { MetricsConfig } from '../config/schema.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { MetricsServer } from '../telemetry/metrics-server.ts';
import type { TlsServerOptions } from '../tls/https-listener.ts';
import { listenerUrl } from '../tls/listener-url.ts';
import { tlsReason } from '../tls/tls-fault.ts';
import { ListenerCertificate, type CertificateFiles } from './certificate-files.ts';
import { HANDSHAKE_REFUSAL_TELL_MS } from './limits.ts';
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
  #files: CertificateFiles | undefined;
  #refusalTold = -Infinity;
  #state: State = 'starting';
  /** In place of this process's own metrics: those of all its workers, added up. */
  text: () => Promise<string>;
  /** Whether somebody is there to serve, once it is started. */
  serving: () => boolean = () => true;
  /** Whether the store has answered. */
  storageReady: () => boolean = () => true;
  /** What is wrong while sessions and logins go on. */
  remark: () => string | null = () => null;

  private constructor(metrics: Metrics, log: Logger, tls: TlsServerOptions | undefined) {
    this.metrics = metrics;
    this.text = () => metrics.text();
    this.#http = new MetricsServer(
      {
        metrics: () => this.text(),
        notReady: () => this.#notReady(),
        remark: () => this.remark(),
        onError: (error) => {
          log.error({ event: 'metrics.failed', err: error }, 'metrics cannot be served');
        },
        onRefused: (error, remoteAddress) => {
          this.#refused(error, remoteAddress, log);
        },
      },
      { tls },
    );
  }

  /**
   * Listens, and says that the server is not ready yet. Rejects with ConfigError, which names `configFile`, for a certificate
   * that cannot be used, and with the system's error for the port.
   */
  static async start({ host, port, tls }: MetricsConfig, log: Logger, configFile = ''): Promise<Monitoring> {
    const certificate =
      tls === undefined ? undefined : new ListenerCertificate(tls, { configFile, jsonPath: '$.metrics.tls' });
    const monitoring = new Monitoring(await createMetrics(), log, certificate?.tls);
    const address = await monitoring.#http.listen(host, port);
    monitoring.#files = certificate?.follow(monitoring.#http, log, 'metrics');
    log.info(
      { event: 'metrics.listening', host: address.address, port: address.port, tls: tls !== undefined },
      `metrics and health on ${listenerUrl(address.address, address.port, tls !== undefined)}`,
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

  /** Looks now whether the certificate has changed, without waiting for the next time. */
  checkCertificate(): void {
    this.#files?.look();
  }

  close(): void {
    this.#files?.close();
    this.#http.close();
  }

  /** A client whose handshake failed: it may be the operator's own, or a stranger's scan. */
  #refused(error: Error, remoteAddress: string, log: Logger): void {
    const now = performance.now();
    const line = { event: 'metrics.client-refused', remoteAddress, code: (error as NodeJS.ErrnoException).code };
    const message = `no TLS connection with a client of the metrics: ${tlsReason(error)}`;
    if (now - this.#refusalTold < HANDSHAKE_REFUSAL_TELL_MS) log.debug(line, message);
    else {
      this.#refusalTold = now;
      log.warn(line, message);
    }
  }

  #notReady(): string | null {
    if (this.#state !== 'ready') return this.#state;
    if (!this.serving()) return 'no worker serves';
    return this.storageReady() ? null : 'the storage does not answer';
  }
}
