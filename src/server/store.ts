import type { StorageConfig } from '../config/schema.ts';
import { ConfigError } from '../policy/config-error.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { StorageError } from '../storage/object-store.ts';
import type { ConfiguredStore, StoreWatchers } from './stores/configured-store.ts';
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

/** Opens the configured store. Throws ConfigError where it cannot be used. */
export async function openStore(storage: StorageConfig, file: string, watchers: StoreWatchers): Promise<ObjectStore> {
  try {
    return await configuredStore(storage).open(file, watchers);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    throw new ConfigError(
      file,
      '$.storage',
      `the store cannot be opened: ${error.message} ${error.detail ?? ''}`.trim(),
    );
  }
}
