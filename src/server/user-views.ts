import type { ObjectStore } from '../storage/object-store.ts';
import { joinStorePath, STORE_ROOT } from '../storage/store-path.ts';
import type { PermissionSet } from '../vfs/permissions.ts';
import { READ_ONLY, READ_WRITE } from '../vfs/permissions.ts';
import { UserView } from '../vfs/user-view.ts';
import { homeAreas, startDirectory } from '../config/home-directories.ts';
import type { UserConfig } from '../config/schema.ts';

/** What a user sees of the store (Transfer Family's HomeDirectory and HomeDirectoryMappings). */
export function viewOf(user: UserConfig, store: ObjectStore): UserView {
  return new UserView({
    directories: homeAreas(user).map(({ entry, path, mapping }) => ({
      entry,
      store,
      path: joinStorePath(STORE_ROOT, path.slice(1)),
      ...(mapping !== undefined && user.homeDirectoryMappings[mapping]?.readOnly === true
        ? { permissions: READ_ONLY }
        : {}),
    })),
    home: startDirectory(user),
    permissions: permissionSet(user.permissions),
    userName: user.name,
  });
}

export function permissionSet(permissions: UserConfig['permissions']): PermissionSet {
  if (permissions === 'read-only') return READ_ONLY;
  if (permissions === 'read-write') return READ_WRITE;
  return new Set(permissions);
}
