import cluster from 'node:cluster';
import { existsSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { ConfigWatcher } from '../../config/config-watcher.ts';
import type { LoadedConfig } from '../../config/load.ts';
import { loadConfig } from '../../config/load.ts';
import { ConfigError } from '../../policy/config-error.ts';
import type { HostKeyPassphrases } from '../../server/host-keys.ts';
import type { PreparedConfig } from '../../server/prepared-config.ts';
import type { RunningServer } from '../../server/running-server.ts';
import { startServer } from '../../server/start-server.ts';
import { watchDescriptors } from '../../server/descriptors.ts';
import { createMetrics } from '../../server/monitoring.ts';
import { prepareConfig } from '../../server/prepared-config.ts';
import type { PrimaryOptions } from '../../server/workers/primary.ts';
import { Primary, workerCount, WorkerStartError } from '../../server/workers/primary.ts';
import { WorkerMeter } from '../../server/workers/worker-meter.ts';
import { PrimaryLink } from '../../server/workers/worker.ts';
import { standardOutput, type LogOutput } from '../../telemetry/log-output.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { createLogger } from '../../telemetry/logger.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { CliError } from '../cli-error.ts';
import { askForPassphrases } from '../host-key-passphrases.ts';
import type { Demo } from './first-start.ts';
import { firstStart } from './first-start.ts';
import { listenError } from './listen-error.ts';
import { countedReload, monitoredStop, startMonitoring } from './serve-monitoring.ts';
import { exitAfter, ServeSignals } from './serve-signals.ts';

const DEFAULT_CONFIG = 'latticeport.json';

interface ServeOptions {
  readonly config?: string;
  readonly port?: number;
  readonly verbose?: boolean;
}

/**
 * `latticeport serve`: runs the endpoint. SIGTERM and SIGINT drain it, a second one ends it at once; SIGHUP reads the
 * configuration again for new connections.
 */
export function registerServeCommand(program: Command): void {
  program
    .command('serve')
    .description('run the endpoint; without a configuration: a demo on 127.0.0.1 that stores into ./data')
    .option('-c, --config <file>', `configuration (default: ./${DEFAULT_CONFIG} where it is there)`)
    .option('-p, --port <port>', 'listen on this port instead of the configured one', parsePort)
    .option('-v, --verbose', 'on a terminal, log every field instead of one line an event')
    .action(async (options: ServeOptions) => {
      if (cluster.isWorker) {
        await serveAsWorker(options);
        return;
      }
      // Before the configuration is read: what changes in between is a change.
      const file = configFile(options);
      const watcher = file === null ? null : new ConfigWatcher(file, () => reload());
      const passphrases = file === null ? new Map<string, string>() : await askForPassphrases(loadConfig(file));
      const start = prepareStart(options, passphrases);
      const output = standardOutput();
      const log = loggerOf(start, options, output);
      logWarnings(start, log);
      const signals = new ServeSignals(log);
      const reload = (): void => {
        log.info({ event: 'config.changed', file }, 'the configuration has changed');
        signals.reload();
      };
      /** The configuration as it is now, for a reload. */
      const read = (): Start => {
        watcher?.taken();
        const changed = prepareStart(options, passphrases);
        logWarnings(changed, log);
        if (watcher !== null) watcher.enabled = changed.loaded.config.reload.watch;
        return changed;
      };
      const again = (): PreparedConfig => ofServer(read());
      if (watcher !== null) watcher.enabled = start.loaded.config.reload.watch;
      // Of the process that accepts the connections.
      watchDescriptors(log);
      const { management } = start.loaded.config;
      if (management !== undefined) {
        // The management API and its model are large: only those who use them load them.
        const { serveManaged } = await import('./serve-managed.ts');
        await serveManaged({ ...start, management, again: read, output, log, signals });
        return;
      }
      const prepared = ofServer(start);
      if (workerCount(prepared.loaded.config.workers) > 1) {
        await serveAsPrimary(prepared, passphrases, again, output, log, signals);
      } else {
        await serveAlone(prepared, again, output, log, signals);
      }
    });
}

function loggerOf({ loaded }: Pick<Start, 'loaded'>, { verbose = false }: ServeOptions, output: LogOutput): Logger {
  return createLogger({ ...loaded.config.log, verbose }, output);
}

function configFile({ config }: ServeOptions): string | null {
  return config ?? (existsSync(DEFAULT_CONFIG) ? DEFAULT_CONFIG : null);
}

/** What a start goes by. */
interface Start {
  readonly loaded: LoadedConfig;
  /** The server that the configuration describes; null where all are made while it runs. */
  readonly prepared: PreparedConfig | null;
  /** Where there is no configuration: it has a section `management`. */
  readonly demo: Demo | null;
}

function prepareStart(options: ServeOptions, passphrases: HostKeyPassphrases): Start {
  const file = configFile(options);
  const demo = file === null ? firstStart(process.cwd(), options.port) : null;
  const loaded = demo?.loaded ?? loadConfig(file ?? DEFAULT_CONFIG);
  if (!loaded.describesServer) return { loaded, prepared: null, demo };
  const prepared = prepareConfig(withPort(loaded, options.port), passphrases);
  return { loaded: prepared.loaded, prepared, demo };
}

/** Of a configuration that describes one: throws ConfigError for another, which has come with a change of the file. */
function ofServer({ loaded, prepared }: Start): PreparedConfig {
  if (prepared !== null) return prepared;
  throw new ConfigError(
    loaded.file,
    '$.management',
    'the file describes no server of its own any more: this needs a restart',
  );
}

function prepare(options: ServeOptions, passphrases: HostKeyPassphrases): PreparedConfig {
  return ofServer(prepareStart(options, passphrases));
}

function logWarnings({ loaded, prepared }: Start, log: Logger): void {
  const { warnings } = prepared ?? loaded;
  for (const { file, jsonPath, message } of warnings) log.warn({ event: 'config.warning', file, jsonPath }, message);
}

async function serveAlone(
  prepared: PreparedConfig,
  again: () => PreparedConfig,
  output: LogOutput,
  log: Logger,
  signals: ServeSignals,
): Promise<void> {
  const monitoring = await startMonitoring(prepared.loaded, output, log);
  const server = await startServer(prepared, { log, metrics: monitoring?.metrics }).catch((error: unknown) => {
    throw listenError(error, prepared.loaded.config.listen) ?? error;
  });
  if (monitoring !== undefined) monitoring.storageReady = () => server.readiness.ready;
  monitoring?.ready();
  signals.attach({
    stop: () => monitoredStop(monitoring, () => server.stop()),
    reload: () => countedReload(monitoring?.metrics, () => server.reload(again())),
  });
}

async function serveAsPrimary(
  prepared: PreparedConfig,
  passphrases: HostKeyPassphrases,
  again: () => PreparedConfig,
  output: LogOutput,
  log: Logger,
  signals: ServeSignals,
): Promise<void> {
  const monitoring = await startMonitoring(prepared.loaded, output, log);
  const primary = new Primary(primaryOptions(prepared, passphrases), log, await meterFor(monitoring?.metrics));
  if (monitoring !== undefined) {
    monitoring.text = () => primary.metrics();
    monitoring.serving = () => primary.serving > 0;
    monitoring.storageReady = () => primary.storageReady;
    monitoring.metrics.workers = () => primary.serving;
  }
  const { host, port } = await primary.start().catch((error: unknown) => {
    throw error instanceof WorkerStartError ? new CliError(error.message) : error;
  });
  const { workers } = primaryOptions(prepared, passphrases);
  monitoring?.ready();
  log.info({ event: 'primary.ready', workers, host, port }, 'all workers listen');
  signals.attach({
    stop: () => monitoredStop(monitoring, () => primary.stop()),
    reload: () =>
      countedReload(monitoring?.metrics, async () => {
        // A broken configuration must not reach the workers: they would end at their start.
        const changed = again();
        await primary.reload(primaryOptions(changed, passphrases));
        if (!isDeepStrictEqual(changed.loaded.config.metrics, prepared.loaded.config.metrics)) {
          log.warn({ event: 'config.needs-restart', setting: 'metrics' }, 'a change of "metrics" needs a restart');
        }
      }),
    kill: () => {
      primary.kill();
    },
  });
}

async function meterFor(metrics: Metrics | undefined): Promise<WorkerMeter | undefined> {
  if (metrics === undefined) return undefined;
  const { MetricsLedger } = await import('../../telemetry/metrics-ledger.ts');
  return new WorkerMeter(metrics, new MetricsLedger());
}

function primaryOptions({ loaded: { config } }: PreparedConfig, passphrases: HostKeyPassphrases): PrimaryOptions {
  return {
    workers: workerCount(config.workers),
    connectionsPerSecondPerSource: config.limits.connectionsPerSecondPerSource,
    drainSeconds: config.shutdown.drainSeconds,
    passphrases,
  };
}

async function serveAsWorker(options: ServeOptions): Promise<void> {
  // A terminal's Ctrl-C and a service manager's SIGTERM may go to the whole group: the primary decides.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
  let running: { readonly server: RunningServer; readonly log: Logger } | null = null;
  let passphrases: HostKeyPassphrases = new Map();
  const finish = (how: 'retire' | 'stop'): void => {
    // Ordered to go before it was there: nobody is connected.
    if (running === null) process.exit(0);
    // No connection is lost that was on its way here, nor what was counted since the primary last asked.
    const stopped = running.server[how]()
      .finally(() => link.closed())
      .finally(() => link.lastReport());
    exitAfter(stopped, running.log);
  };
  let metrics: Metrics | undefined;
  const link = new PrimaryLink({
    measure: async () => (await metrics?.snapshot()) ?? [],
    reloaded: () => {
      if (running !== null) void endRevoked(running.server, () => prepare(options, passphrases), running.log);
    },
    retire: () => {
      finish('retire');
    },
    drain: () => {
      finish('stop');
    },
  });
  let listen: LoadedConfig['config']['listen'] | null = null;
  try {
    passphrases = await link.passphrases();
    const prepared = prepare(options, passphrases);
    ({ listen } = prepared.loaded.config);
    const output = standardOutput();
    const log = loggerOf(prepared, options, output).child({ worker: process.pid });
    if (prepared.loaded.config.metrics !== undefined) {
      metrics = await createMetrics();
      metrics.logLinesLost = () => output.linesLost;
    }
    const server = await startServer(prepared, { log, admission: link, metrics });
    running = { server, log };
    link.ready(server.address, server.readiness.ready);
    if (!server.readiness.ready) void server.readiness.whenReady.then(() => link.storageReady());
  } catch (error) {
    await link.failed(startFailure(error, listen));
    process.exit(1);
  }
}

/** Of a worker that another has replaced: its sessions go on, but for those of users who are gone. */
async function endRevoked(server: RunningServer, prepared: () => PreparedConfig, log: Logger): Promise<void> {
  try {
    await server.endRevoked(prepared());
  } catch (error) {
    // Changed again in the meantime: the next reload looks again.
    log.error({ event: 'config.reload-failed', err: error }, 'nobody is logged out');
  }
}

/** What the operator is told, by the primary: one line where the cause is known. */
function startFailure(error: unknown, listen: LoadedConfig['config']['listen'] | null): string {
  const known = listen === null ? null : listenError(error, listen);
  if (known !== null) return known.message;
  if (error instanceof ConfigError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function withPort(loaded: LoadedConfig, port: number | undefined): LoadedConfig {
  if (port === undefined) return loaded;
  return { ...loaded, config: { ...loaded.config, listen: { ...loaded.config.listen, port } } };
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new InvalidArgumentError('expected 0 to 65535');
  return port;
}
