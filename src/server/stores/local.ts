import type { StorageConfig, UserConfig } from '../../config/schema.ts';
import { ConfigError } from '../../policy/config-error.ts';
import { rootProblem } from '../../storage/local/check-root.ts';
import { LocalStore } from '../../storage/local/local-store.ts';
import type { ConfiguredStore } from './configured-store.ts';

/** Files in a directory of this machine. */
export function localStore(storage: Extract<StorageConfig, { type: 'local' }>): ConfiguredStore {
  const { root, fsync, hardlinks, symlinks, partialUploads, maxSparseBytes } = storage;
  return {
    place: `directory ${JSON.stringify(root)}`,
    identity: JSON.stringify(['local', root]),
    directory: root,
    budgets: undefined,
    faultKinds: [],
    tlsGroups: [],
    check: async (file, users) => {
      const problem = await rootProblem(root, isWritten(users));
      if (problem !== null) throw new ConfigError(file, '$.storage.root', problem);
      return null;
    },
    probe: async () => Promise.resolve(null),
    open: async (_file, { onEvent }) =>
      LocalStore.open(root, { fsync, hardlinks, symlinks, partialUploads, maxSparseBytes, onEvent }),
  };
}

/** A directory that everybody only reads may be one that nobody can write. */
function isWritten(users: readonly UserConfig[]): boolean {
  return users.length === 0 || users.some(mayWrite);
}

function mayWrite({ permissions, homeDirectoryType, homeDirectoryMappings }: UserConfig): boolean {
  if (permissions === 'read-only') return false;
  if (permissions !== 'read-write' && permissions.every((each) => each === 'list' || each === 'read')) return false;
  return homeDirectoryType === 'PATH' || homeDirectoryMappings.some(({ readOnly }) => !readOnly);
}
