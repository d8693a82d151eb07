/** What a user may do in a directory. The SFTP request table names one of these for every request. */
export const PERMISSIONS = ['list', 'read', 'write', 'delete', 'rename', 'mkdir', 'setAttributes'] as const;

export type Permission = (typeof PERMISSIONS)[number];

export type PermissionSet = ReadonlySet<Permission>;

/** Look and download. */
export const READ_ONLY: PermissionSet = new Set<Permission>(['list', 'read']);

export const READ_WRITE: PermissionSet = new Set<Permission>(PERMISSIONS);
