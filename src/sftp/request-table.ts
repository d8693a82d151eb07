import { copyData } from './extensions/copy-data.ts';
import { expandPath } from './extensions/expand-path.ts';
import { fsync } from './extensions/fsync.ts';
import { hardlink } from './extensions/hardlink.ts';
import { homeDirectory } from './extensions/home-directory.ts';
import { limits } from './extensions/limits.ts';
import { lsetstat } from './extensions/lsetstat.ts';
import { posixRename } from './extensions/posix-rename.ts';
import { fstatvfs, statvfs } from './extensions/statvfs.ts';
import { usersGroupsById } from './extensions/users-groups-by-id.ts';
import { SSH_FXP } from './protocol.ts';
import type { ExtensionRow, RequestRow } from './request.ts';
import { mkdir, opendir, readdir, rmdir } from './requests/directory-requests.ts';
import { close, fsetstat, fstat, open, read, write } from './requests/file-requests.ts';
import { lstat, readlink, realpath, remove, rename, setstat, stat, symlink } from './requests/path-requests.ts';

/** Every request of version 3 by its packet type. INIT and EXTENDED are the session's own. */
export const REQUESTS: ReadonlyMap<number, RequestRow> = new Map<number, RequestRow>([
  [SSH_FXP.OPEN, open],
  [SSH_FXP.CLOSE, close],
  [SSH_FXP.READ, read],
  [SSH_FXP.WRITE, write],
  [SSH_FXP.LSTAT, lstat],
  [SSH_FXP.FSTAT, fstat],
  [SSH_FXP.SETSTAT, setstat],
  [SSH_FXP.FSETSTAT, fsetstat],
  [SSH_FXP.OPENDIR, opendir],
  [SSH_FXP.READDIR, readdir],
  [SSH_FXP.REMOVE, remove],
  [SSH_FXP.MKDIR, mkdir],
  [SSH_FXP.RMDIR, rmdir],
  [SSH_FXP.REALPATH, realpath],
  [SSH_FXP.STAT, stat],
  [SSH_FXP.RENAME, rename],
  [SSH_FXP.READLINK, readlink],
  [SSH_FXP.SYMLINK, symlink],
]);

/** Every extension, in the order in which they are advertised. */
export const EXTENSIONS: readonly ExtensionRow[] = [
  posixRename,
  statvfs,
  fstatvfs,
  hardlink,
  fsync,
  lsetstat,
  limits,
  expandPath,
  copyData,
  homeDirectory,
  usersGroupsById,
];

/** All names that allow and deny lists know. */
export const REQUEST_NAMES: readonly string[] = [...REQUESTS.values(), ...EXTENSIONS].map(({ name }) => name);
