import type { ObjectStore } from '../storage/object-store.ts';
import type { PermissionSet } from '../vfs/permissions.ts';
import { READ_ONLY, READ_WRITE } from '../vfs/permissions.ts';
import { UserView } from '../vfs/user-view.ts';
import type { UserConfig } from '../config/schema.ts';

/** What a user sees of the store (Transfer Family's HomeDirectory and HomeDirectoryMappings). */
export function viewOf(user: UserConfig, store: ObjectStore): UserView {
  const permissions = permissionSet(user.permissions);
  const expand = (text: string): string => text.replaceAll('${transfer:UserName}', user.name);
  const storePath = (text: string): string => expand(text).replace(/^\/+|\/+$/g, '');
  if (user.homeDirectoryType === 'PATH') {
    return new UserView({
      directories: [{ entry: '/', store, path: storePath(user.home) }],
      home: '/',
      permissions,
      userName: user.name,
    });
  }
  return new UserView({
    directories: user.homeDirectoryMappings.map(({ entry, target, readOnly }) => ({
      entry,
      store,
      path: storePath(target),
      ...(readOnly ? { permissions: READ_ONLY } : {}),
    })),
    home: expand(user.home),
    permissions,
    userName: user.name,
  });
}

function permissionSet(permissions: UserConfig['permissions']): PermissionSet {
  if (permissions === 'read-only') return READ_ONLY;
  if (permissions === 'read-write') return READ_WRITE;
  return new Set(permissions);
}
