import { StorageError, type StorePath } from '../storage/object-store.ts';
import type { ClientPath } from './client-path.ts';

/** What a user may do in a directory. The SFTP request table names one of these for every request. */
export const PERMISSIONS = ['list', 'read', 'write', 'delete', 'rename', 'mkdir', 'setAttributes'] as const;

export type Permission = (typeof PERMISSIONS)[number];

export type PermissionSet = ReadonlySet<Permission>;

/** Look and download. */
export const READ_ONLY: PermissionSet = new Set<Permission>(['list', 'read']);

export const READ_WRITE: PermissionSet = new Set<Permission>(PERMISSIONS);

/** What a user may do at single paths of a store, as a session policy has it. A rename is reading, deleting, and writing elsewhere. */
export interface PathRules {
  allows(permission: Permission, path: StorePath): boolean;
  /** Whether `permission` is given at every path in the directory, however deep. */
  allowsEverywhereIn(permission: Permission, directory: StorePath): boolean;
  allowsRmdir(directory: StorePath): boolean;
  /** Whether the user may ask what is there. */
  maySee(path: StorePath): boolean;
}

/** The user may not do this at this path. */
export class NotAllowed extends StorageError {
  readonly path: ClientPath;

  constructor(permission: Permission, path: ClientPath) {
    super('permission-denied', `Permission denied: ${permission} is not allowed here.`);
    this.path = path;
  }
}
