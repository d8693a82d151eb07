import type { StorageConfig } from '../../config/schema.ts';
import { MemoryStore } from '../../storage/memory/memory-store.ts';
import type { ConfiguredStore } from './configured-store.ts';

/** Files in memory: each worker has its own. */
export function memoryStore({ partialUploads }: Extract<StorageConfig, { type: 'memory' }>): ConfiguredStore {
  return {
    place: 'memory',
    identity: undefined,
    directory: undefined,
    budgets: undefined,
    faultKinds: [],
    tlsGroups: [],
    check: async () => Promise.resolve(null),
    probe: async () => Promise.resolve(null),
    open: async () => Promise.resolve(new MemoryStore({ partialUploads })),
  };
}
