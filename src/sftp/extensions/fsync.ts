// fsync@openssh.com "1" (OpenSSH PROTOCOL §4.6): every byte written so far is safe from a crash of the server.
//
//   byte SSH_FXP_EXTENDED, uint32 id, string "fsync@openssh.com", string handle
//
// Answered with STATUS.
import { OK } from '../reply.ts';
import { readHandle, type ExtensionRow } from '../request.ts';

export const fsync: ExtensionRow = {
  packet: 'plain',
  extensionName: 'fsync@openssh.com',
  revision: '1',
  name: 'fsync',
  permission: 'none',
  writes: true,
  available: () => true,
  prepare: (context, reader) => {
    const handle = context.handles.findFile(readHandle(reader));
    return {
      handles: [handle],
      run: async () => {
        // Of a file that is only read everything is stored already.
        if (handle.kind === 'write') await handle.file.sync();
        return OK;
      },
    };
  },
};
