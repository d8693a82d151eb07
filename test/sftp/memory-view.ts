// A user with all rights on a store in memory.
import { MemoryStore, type MemoryStoreOptions } from '../../src/storage/memory/memory-store.ts';
import { READ_WRITE, type PermissionSet } from '../../src/vfs/permissions.ts';
import { UserView } from '../../src/vfs/user-view.ts';
import { storePath } from '../storage/store-path.ts';

export function memoryView(
  options: MemoryStoreOptions = {},
  permissions: PermissionSet = READ_WRITE,
): { store: MemoryStore; view: UserView } {
  const store = new MemoryStore(options);
  const view = new UserView({
    directories: [{ entry: '/', store, path: storePath('') }],
    permissions,
    userName: 'tester',
  });
  return { store, view };
}
