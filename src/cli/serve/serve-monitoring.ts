import type { LoadedConfig } from '../../config/load.ts';
import { Monitoring } from '../../server/monitoring.ts';
import type { LogOutput } from '../../telemetry/log-output.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { listenError } from './listen-error.ts';

/** Before anything else, so that it can be asked for while the rest starts; undefined where it is not configured. */
export async function startMonitoring(
  loaded: LoadedConfig,
  output: LogOutput,
  log: Logger,
): Promise<Monitoring | undefined> {
  const { metrics } = loaded.config;
  if (metrics === undefined) return undefined;
  const monitoring = await Monitoring.start(metrics, log, loaded.file).catch((error: unknown) => {
    throw listenError(error, metrics, 'another "metrics.port"') ?? error;
  });
  monitoring.metrics.logLinesLost = () => output.linesLost;
  return monitoring;
}

export async function monitoredStop(monitoring: Monitoring | undefined, stop: () => Promise<unknown>): Promise<void> {
  monitoring?.draining();
  await stop();
  monitoring?.close();
}

export async function countedReload(metrics: Metrics | undefined, reload: () => Promise<void>): Promise<void> {
  try {
    await reload();
    metrics?.configReload('reloaded');
  } catch (error) {
    metrics?.configReload('refused');
    throw error;
  }
}
