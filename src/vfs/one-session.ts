import type { ObjectStore } from '../storage/object-store.ts';
import { SessionStore } from '../storage/registry/session-store.ts';
import { StoreRegistry } from '../storage/registry/store-registry.ts';
import type { LogicalDirectory } from './mount-table.ts';

/** Each store through its registry, all of them as the same session. */
export function asOneSession(directories: readonly LogicalDirectory[]): LogicalDirectory[] {
  const stores = new Map<ObjectStore, ObjectStore>();
  return directories.map((directory) => {
    const { store } = directory;
    const seen = stores.get(store) ?? new SessionStore(StoreRegistry.of(store));
    stores.set(store, seen);
    return { ...directory, store: seen };
  });
}
