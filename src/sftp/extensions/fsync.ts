// fsync@openssh.com "1" (OpenSSH PROTOCOL §4.6): every byte written so far is safe from a crash of the server.
//
//   byte SSH_FXP_EXTENDED, uint32 id, string "fsync@openssh.com", string handle
//
// Answered with STATUS.
import { SSH_FX } from '../protocol.ts';
import { OK } from '../reply.ts';
import { readHandle, type ExtensionRow } from '../request.ts';
import { SftpStatus } from '../status.ts';

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
    if (handle.kind !== 'write') throw new SftpStatus(SSH_FX.FAILURE, 'The file is not open for writing.');
    return {
      handles: [handle],
      run: async () => {
        await handle.file.sync();
        return OK;
      },
    };
  },
};
