// statvfs@openssh.com "2" and fstatvfs@openssh.com "2" (OpenSSH PROTOCOL §4.4): figures of the file system.
//
//   byte SSH_FXP_EXTENDED, uint32 id, string "statvfs@openssh.com", string path
//   byte SSH_FXP_EXTENDED, uint32 id, string "fstatvfs@openssh.com", string handle
//
// Answered with EXTENDED_REPLY: uint32 id, then eleven uint64:
//   f_bsize, f_frsize, f_blocks, f_bfree, f_bavail, f_files, f_ffree, f_favail, f_fsid, f_flag, f_namemax
import type { StoreStatistics } from '../../storage/object-store.ts';
import { SshWriter } from '../../wire/writer.ts';
import type { Reply } from '../reply.ts';
import { readHandle, readPath, type ExtensionRow, type RequestContext } from '../request.ts';

const ST_RDONLY = 0x1;
const ST_NOSUID = 0x2;

export const statvfs: ExtensionRow = {
  packet: 'plain',
  extensionName: 'statvfs@openssh.com',
  revision: '2',
  name: 'statvfs',
  permission: 'none',
  writes: false,
  available: () => true,
  prepare: (context, reader) => {
    const path = readPath(context, reader);
    return { onlyLooks: true, run: async () => encode(context, await context.view.statistics(path)) };
  },
};

export const fstatvfs: ExtensionRow = {
  packet: 'plain',
  extensionName: 'fstatvfs@openssh.com',
  revision: '2',
  name: 'fstatvfs',
  permission: 'none',
  writes: false,
  available: () => true,
  prepare: (context, reader) => {
    const handle = context.handles.find(readHandle(reader));
    return { handles: [handle], run: async () => encode(context, await context.view.statistics(handle.path)) };
  },
};

function encode(context: RequestContext, statistics: StoreStatistics): Reply {
  const readOnly = context.readOnly || !context.view.permissions.has('write');
  const body = new SshWriter(88)
    .uint64(statistics.blockSize)
    .uint64(statistics.blockSize)
    .uint64(statistics.totalBlocks)
    .uint64(statistics.freeBlocks)
    .uint64(statistics.freeBlocks)
    .uint64(statistics.totalFiles)
    .uint64(statistics.freeFiles)
    .uint64(statistics.freeFiles)
    .uint64(0)
    .uint64(ST_NOSUID | (readOnly ? ST_RDONLY : 0))
    .uint64(statistics.maxNameBytes)
    .finish();
  return { kind: 'extended', body };
}
