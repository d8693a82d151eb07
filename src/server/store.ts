import { LocalStore } from '../storage/local/local-store.ts';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { StorageConfig } from '../config/schema.ts';
import { ConfigError } from '../policy/config-error.ts';
import { MemoryStore } from '../storage/memory/memory-store.ts';
import type { ObjectStore, StoreEventSink } from '../storage/object-store.ts';
import { StorageError } from '../storage/object-store.ts';
import type { RequestTry } from '../storage/s3/api/retry.ts';
import type { S3Credentials } from '../storage/s3/api/s3-client.ts';
import type { S3StoreOptions } from '../storage/s3/s3-options.ts';

/** Who is told what a store tells. */
export interface StoreSinks {
  readonly onEvent: StoreEventSink;
  /** Of every try of a request to S3. */
  readonly onTry?: (ended: RequestTry) => void;
}

/** Opens the configured store. Throws ConfigError where it cannot be used. */
export async function openStore(
  storage: StorageConfig,
  file: string,
  { onEvent, onTry }: StoreSinks,
): Promise<ObjectStore> {
  try {
    switch (storage.type) {
      case 'local': {
        const { root, fsync, hardlinks, symlinks, partialUploads, maxSparseBytes } = storage;
        return await LocalStore.open(root, { fsync, hardlinks, symlinks, partialUploads, maxSparseBytes, onEvent });
      }
      case 'memory':
        return new MemoryStore({ partialUploads: storage.partialUploads });
      case 's3': {
        checkBudget(storage, file);
        // The SDK is large: only those who use it load it.
        const { S3Store } = await import('../storage/s3/s3-store.ts');
        return await S3Store.open({ ...s3Options(storage, onEvent), onTry });
      }
    }
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    throw new ConfigError(
      file,
      '$.storage',
      `the store cannot be opened: ${error.message} ${error.detail ?? ''}`.trim(),
    );
  }
}

/** An upload fills one part while another is on its way, and an eighth of the budget is kept for small files. */
function checkBudget({ partBytes, uploadBudgetBytes }: Extract<StorageConfig, { type: 's3' }>, file: string): void {
  const least = Math.ceil(2.5 * partBytes);
  if (uploadBudgetBytes >= least) return;
  throw new ConfigError(
    file,
    '$.storage.uploadBudgetBytes',
    `too small for parts of ${partBytes} bytes: expected at least ${least}`,
  );
}

/** The S3 store's options, from the configuration's settings. */
export function s3Options(storage: Extract<StorageConfig, { type: 's3' }>, events: StoreEventSink): S3StoreOptions {
  const { endpoint, credentials } = storage;
  return {
    bucket: storage.bucket,
    prefix: storage.prefix,
    region: storage.region,
    ...(endpoint === undefined ? {} : { endpoint }),
    forcePathStyle: storage.forcePathStyle ?? endpoint !== undefined,
    ...(credentials === undefined ? {} : { credentials: withoutUndefined(credentials) }),
    requestChecksumCalculation: storage.requestChecksumCalculation,
    responseChecksumValidation: storage.responseChecksumValidation,
    partBytes: storage.partBytes,
    partsInFlight: storage.partsInFlight,
    uploadBudgetBytes: storage.uploadBudgetBytes,
    readAhead: {
      rangeBytes: storage.readAheadBytes,
      inFlight: storage.readAheadInFlight,
      budgetBytes: storage.readAheadBudgetBytes,
    },
    rename: { maxEntries: storage.renameMaxEntries, concurrency: storage.renameConcurrency },
    spool: {
      directory: storage.spoolDirectory ?? path.join(tmpdir(), `latticeport-spool-${process.getuid?.() ?? 0}`),
      maxBytes: storage.spoolMaxBytes,
    },
    maxSparseBytes: storage.maxSparseBytes,
    partialUploads: storage.partialUploads,
    setStat: storage.setStat,
    listTimes: storage.listTimes,
    events,
  };
}

type ConfiguredCredentials = NonNullable<Extract<StorageConfig, { type: 's3' }>['credentials']>;

function withoutUndefined({ sessionToken, ...credentials }: ConfiguredCredentials): S3Credentials {
  return sessionToken === undefined ? credentials : { ...credentials, sessionToken };
}
