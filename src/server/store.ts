import type { StorageConfig } from '../config/schema.ts';
import { ConfigError } from '../policy/config-error.ts';
import type { ObjectStore, StoreEventSink } from '../storage/object-store.ts';
import { StorageError } from '../storage/object-store.ts';
import type { RequestTry } from '../storage/s3/api/retry.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { ConfiguredStore } from './stores/configured-store.ts';
import { localStore } from './stores/local.ts';
import { memoryStore } from './stores/memory.ts';
import { s3Store } from './stores/s3.ts';

/** What the server must know of the configured store. Nothing else asks which kind it is. */
export function configuredStore(storage: StorageConfig): ConfiguredStore {
  switch (storage.type) {
    case 'local':
      return localStore(storage);
    case 'memory':
      return memoryStore(storage);
    case 's3':
      return s3Store(storage);
  }
}

/** Events that an operator should look at: something is lost, left, or not as it seems. */
const PROBLEM = /(_FAILED|_GIVE_UP|_LEFT|_INTERRUPTED|_HIDDEN|_UNKNOWN|_UNSUPPORTED)$/;

/** Writes a store's events to the log, and counts them. */
export function storeEvents(log: Logger, metrics?: Metrics): StoreEventSink {
  return (event, { error, ...fields }) => {
    // These two are counted with their reasons, by the requests themselves.
    if (event !== 'S3_RETRY' && event !== 'S3_GIVE_UP') metrics?.storage.event(event);
    const line = { event: `storage.${event}`, ...fields, ...(error === undefined ? {} : { err: error }) };
    if (PROBLEM.test(event)) log.warn(line, event);
    else log.info(line, event);
  };
}

/** Opens the configured store. Throws ConfigError where it cannot be used. */
export async function openStore(
  storage: StorageConfig,
  file: string,
  log: Logger,
  metrics?: Metrics,
): Promise<ObjectStore> {
  const onTry =
    metrics === undefined
      ? undefined
      : (ended: RequestTry): void => {
          metrics.storage.request(ended);
        };
  try {
    return await configuredStore(storage).open(file, { onEvent: storeEvents(log, metrics), onTry });
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    throw new ConfigError(
      file,
      '$.storage',
      `the store cannot be opened: ${error.message} ${error.detail ?? ''}`.trim(),
    );
  }
}
