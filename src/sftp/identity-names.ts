/** Names of users and groups by number, where there are any: for `ls -l` lines and users-groups-by-id. */
export interface IdentityNames {
  user(uid: number): string | undefined;
  group(gid: number): string | undefined;
}

/** For stores whose numbers mean nobody on this machine. */
export const NO_IDENTITY_NAMES: IdentityNames = { user: () => undefined, group: () => undefined };
