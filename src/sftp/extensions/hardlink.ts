// hardlink@openssh.com "1" (OpenSSH PROTOCOL §4.5): link(2). Only where a store can.
//
//   byte SSH_FXP_EXTENDED, uint32 id, string "hardlink@openssh.com", string oldpath, string newpath
//
// Answered with STATUS.
import { OK } from '../reply.ts';
import { readPath, type ExtensionRow } from '../request.ts';

export const hardlink: ExtensionRow = {
  packet: 'plain',
  extensionName: 'hardlink@openssh.com',
  revision: '1',
  name: 'hardlink',
  permission: 'write',
  writes: true,
  available: (view) => view.capabilities.hardlink,
  prepare: (context, reader) => {
    const target = readPath(context, reader);
    const path = readPath(context, reader);
    return {
      handles: context.handles.writersAt(target),
      action: () => ({ kind: 'hardlink', path, target }),
      run: async () => {
        await context.view.hardlink(target, path);
        return OK;
      },
    };
  },
};
