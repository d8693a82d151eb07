// lsetstat@openssh.com "1" (OpenSSH PROTOCOL §4.7): SETSTAT that does not follow a symbolic link.
//
//   byte SSH_FXP_EXTENDED, uint32 id, string "lsetstat@openssh.com", string path, ATTRS attrs
//
// Answered with STATUS.
import type { ExtensionRow } from '../request.ts';
import { prepareSetstat } from '../requests/path-requests.ts';

export const lsetstat: ExtensionRow = {
  packet: 'plain',
  extensionName: 'lsetstat@openssh.com',
  revision: '1',
  name: 'lsetstat',
  permission: 'setAttributes',
  writes: true,
  available: () => true,
  prepare: (context, reader) => prepareSetstat(context, reader, { followSymlinks: false }),
};
