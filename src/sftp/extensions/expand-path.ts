// expand-path@openssh.com "1" (OpenSSH PROTOCOL §4.9): REALPATH that knows `~` and `~user`.
//
//   byte SSH_FXP_EXTENDED, uint32 id, string "expand-path@openssh.com", string path
//
// Answered with NAME: one path, as for REALPATH.
import type { UserView } from '../../vfs/user-view.ts';
import { SSH_FX } from '../protocol.ts';
import { readText, type ExtensionRow } from '../request.ts';
import { onePath } from '../requests/path-requests.ts';
import { SftpStatus } from '../status.ts';

export const expandPath: ExtensionRow = {
  packet: 'plain',
  extensionName: 'expand-path@openssh.com',
  revision: '1',
  name: 'expand-path',
  permission: 'none',
  writes: false,
  available: () => true,
  prepare: (context, reader) => {
    const path = readText(reader);
    return {
      onlyLooks: true,
      run: async () => onePath(await context.view.realpath(expandTilde(path, context.view))),
    };
  },
};

function expandTilde(path: string, view: UserView): string {
  if (!path.startsWith('~')) return path;
  const slash = path.indexOf('/');
  const name = slash === -1 ? path.slice(1) : path.slice(1, slash);
  const rest = slash === -1 ? '' : path.slice(slash);
  return homeOf(name, view) + rest;
}

/** The home of the user `name`, or of the session's own user where it is empty; those of others are not told. */
export function homeOf(name: string, view: UserView): string {
  if (name === '' || name === view.userName) return view.home;
  throw new SftpStatus(SSH_FX.FAILURE, 'No such user.');
}
