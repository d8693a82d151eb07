import { subscribe } from '../events/event-channels.ts';
import { eventLog } from '../telemetry/event-log.ts';
import { eventMetrics } from '../telemetry/event-metrics.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** Lets the log, and the metrics where there are any, have the events of a server, until what it answers is called. */
export function attachSubscribers(server: string, log: Logger, metrics: Metrics | undefined): () => void {
  const onError = (error: unknown): void => {
    log.error({ event: 'telemetry.failed', err: error }, 'an event could not be told: please report it');
  };
  const subscribers = [eventLog(log), ...(metrics === undefined ? [] : [eventMetrics(metrics)])];
  const ends = subscribers.map((handlers) => subscribe(server, handlers, onError));
  return () => {
    for (const end of ends) end();
  };
}
