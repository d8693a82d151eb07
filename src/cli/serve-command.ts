import cluster from 'node:cluster';
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { LoadedConfig } from '../config/load.ts';
import { loadConfig } from '../config/load.ts';
import type { PreparedConfig } from '../server/prepared-config.ts';
import { startServer } from '../server/compose.ts';
import { prepareConfig } from '../server/prepared-config.ts';
import { Primary, workerCount } from '../server/workers/primary.ts';
import { PrimaryLink } from '../server/workers/worker.ts';
import type { Logger } from '../telemetry/logger.ts';
import { createLogger } from '../telemetry/logger.ts';
import { CliError } from './cli-error.ts';
import { demoText } from './demo-text.ts';
import type { Demo } from './first-start.ts';
import { firstStart } from './first-start.ts';

const DEFAULT_CONFIG = 'latticeport.json';
const DEFAULT_PORT = 2222;

/** Sockets of clients that do not close theirs would hold the process after the drain. */
const EXIT_GRACE_MS = 2000;

interface ServeOptions {
  readonly config?: string;
  readonly port?: number;
}

/** What runs, to the signal handlers. */
interface Running {
  stop(): Promise<unknown>;
  reload(): Promise<unknown>;
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
    .action(async (options: ServeOptions) => {
      const { prepared, demo } = prepare(options);
      const log = createLogger(prepared.loaded.config.log);
      if (cluster.isWorker) await serveAsWorker(prepared, log);
      else if (workerCount(prepared.loaded.config.workers) > 1) await serveAsPrimary(prepared, options, demo, log);
      else await serveAlone(prepared, options, demo, log);
    });
}

function prepare(options: ServeOptions): { prepared: PreparedConfig; demo: Demo | null } {
  const file = options.config ?? (existsSync(DEFAULT_CONFIG) ? DEFAULT_CONFIG : null);
  const demo = file === null ? firstStart(process.cwd(), options.port ?? DEFAULT_PORT) : null;
  const loaded = demo?.loaded ?? loadConfig(file ?? DEFAULT_CONFIG);
  return { prepared: prepareConfig(withPort(loaded, options.port)), demo };
}

async function serveAlone(
  prepared: PreparedConfig,
  options: ServeOptions,
  demo: Demo | null,
  log: Logger,
): Promise<void> {
  const server = await startServer(prepared, log).catch((error: unknown) => {
    throw asCliError(error, prepared.loaded);
  });
  if (demo !== null) process.stdout.write(demoText(demo, prepared, server.address));
  onSignals(log, {
    stop: () => server.stop(),
    reload: () => server.reload(prepare(options).prepared),
  });
}

async function serveAsPrimary(
  prepared: PreparedConfig,
  options: ServeOptions,
  demo: Demo | null,
  log: Logger,
): Promise<void> {
  const { config } = prepared.loaded;
  const primary = new Primary({
    workers: workerCount(config.workers),
    connectionsPerSecondPerSource: config.limits.connectionsPerSecondPerSource,
    drainSeconds: config.shutdown.drainSeconds,
    log,
  });
  const { host, port } = await primary.start();
  log.info({ event: 'primary.ready', workers: workerCount(config.workers), host, port }, 'all workers listen');
  if (demo !== null) process.stdout.write(demoText(demo, prepared, { address: host, port, family: 'IPv4' }));
  onSignals(log, {
    stop: () => primary.stop(),
    reload: () => {
      // A broken configuration must not reach the workers: they would end at their start.
      prepare(options);
      return primary.reload();
    },
  });
}

async function serveAsWorker(prepared: PreparedConfig, log: Logger): Promise<void> {
  const stopOnce = (stop: () => Promise<unknown>): (() => void) => {
    let stopping = false;
    return () => {
      if (stopping) return;
      stopping = true;
      exitAfter(stop(), log);
    };
  };
  let drain = (): void => process.exit(0);
  const link = new PrimaryLink(() => {
    drain();
  });
  const server = await startServer(prepared, log, link);
  drain = stopOnce(() => server.stop());
  // A terminal's Ctrl-C and a service manager's SIGTERM may go to the whole group: the primary decides.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
  link.ready(server.address);
}

function onSignals(log: Logger, running: Running): void {
  let stopping = false;
  const onStop = (signal: NodeJS.Signals): void => {
    if (stopping) {
      log.warn({ event: 'server.killed', signal }, 'second signal: ending at once');
      process.exit(1);
    }
    stopping = true;
    log.info({ event: 'server.draining', signal }, 'no new sessions; running transfers may finish');
    exitAfter(running.stop(), log);
  };
  process.on('SIGTERM', onStop);
  process.on('SIGINT', onStop);
  process.on('SIGHUP', () => {
    const reload = async (): Promise<void> => {
      await running.reload();
      log.info({ event: 'config.reloaded' }, 'new connections use the new configuration');
    };
    reload().catch((error: unknown) => {
      log.error({ event: 'config.reload-failed', err: error }, 'the old configuration stays in force');
    });
  });
}

function exitAfter(stopped: Promise<unknown>, log: Logger): void {
  stopped.then(
    () => {
      setTimeout(() => process.exit(0), EXIT_GRACE_MS).unref();
      process.exitCode = 0;
      if (cluster.isWorker) process.disconnect?.();
    },
    (error: unknown) => {
      log.error({ event: 'server.stop-failed', err: error }, 'stopping failed');
      process.exit(1);
    },
  );
}

function withPort(loaded: LoadedConfig, port: number | undefined): LoadedConfig {
  if (port === undefined) return loaded;
  return { ...loaded, config: { ...loaded.config, listen: { ...loaded.config.listen, port } } };
}

function asCliError(error: unknown, { config }: LoadedConfig): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const where = `${config.listen.host} port ${config.listen.port}`;
  if (code === 'EADDRINUSE') return new CliError(`${where} is in use by another program: choose another with --port`);
  if (code === 'EACCES') return new CliError(`${where} may not be opened: ports below 1024 need a privilege`);
  return error;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new InvalidArgumentError('expected 0 to 65535');
  return port;
}
