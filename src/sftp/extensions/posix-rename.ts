// posix-rename@openssh.com "1" (OpenSSH PROTOCOL §4.3): rename(2), which replaces an existing target.
//
//   byte SSH_FXP_EXTENDED, uint32 id, string "posix-rename@openssh.com", string oldpath, string newpath
//
// Answered with STATUS.
import type { ExtensionRow } from '../request.ts';
import { prepareRename } from '../requests/path-requests.ts';

export const posixRename: ExtensionRow = {
  packet: 'plain',
  extensionName: 'posix-rename@openssh.com',
  revision: '1',
  name: 'posix-rename',
  permission: 'rename',
  writes: true,
  available: () => true,
  prepare: (context, reader) => prepareRename(context, reader, { overwrite: true }),
};
