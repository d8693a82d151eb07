import type { DirectoryEntry } from '../../storage/object-store.ts';
import { readAttributes } from '../attributes.ts';
import { NAME_PACKET_BYTES } from '../limits.ts';
import { longName } from '../long-name.ts';
import { newHandle } from '../open-handle.ts';
import { SSH_FX } from '../protocol.ts';
import { END_OF_FILE, OK, type ReplyName } from '../reply.ts';
import { readHandle, readPath, type PlainRow } from '../request.ts';
import { SftpStatus } from '../status.ts';

/** §6.7: string path. */
export const opendir: PlainRow = {
  packet: 'plain',
  name: 'opendir',
  permission: 'list',
  writes: false,
  prepare: (context, reader) => {
    const path = readPath(context, reader);
    return {
      onlyLooks: true,
      action: () => ({ kind: 'opendir', path }),
      run: async () => {
        const handle = await context.handles.open(async () => {
          const stream = await context.view.openDirectory(path);
          return { ...newHandle(path), kind: 'directory', stream, pending: [] };
        });
        return { kind: 'handle', handle };
      },
    };
  },
};

/** §6.7: string handle. As many names as a packet should have; EOF after the last. */
export const readdir: PlainRow = {
  packet: 'plain',
  name: 'readdir',
  permission: 'list',
  writes: false,
  prepare: (context, reader) => {
    const handle = context.handles.find(readHandle(reader));
    if (handle.kind !== 'directory') throw new SftpStatus(SSH_FX.FAILURE, 'The handle is not of a directory.');
    return {
      handles: [handle],
      onlyLooks: true,
      readBytes: NAME_PACKET_BYTES,
      run: async () => {
        let entries = handle.pending;
        while (entries.length === 0) {
          const page = await handle.stream.next();
          if (page === undefined) return END_OF_FILE;
          entries = page;
        }
        const now = Date.now() / 1000;
        const names: ReplyName[] = [];
        let bytes = 0;
        for (const entry of entries) {
          if (bytes >= NAME_PACKET_BYTES) break;
          const name = { name: entry.name, longName: longName(entry, context.names, now), entry };
          bytes += nameBytes(name, entry);
          names.push(name);
        }
        handle.pending = entries.slice(names.length);
        return { kind: 'name', names };
      },
    };
  },
};

/** Two strings and ATTRS; an ASCII long name has as many bytes as characters, others a few more. */
function nameBytes({ longName: long }: ReplyName, { name }: DirectoryEntry): number {
  return 8 + 2 * Buffer.byteLength(name) + long.length + 32;
}

/** §6.6: string path, ATTRS. */
export const mkdir: PlainRow = {
  packet: 'plain',
  name: 'mkdir',
  permission: 'mkdir',
  writes: true,
  prepare: (context, reader) => {
    const path = readPath(context, reader);
    const { change } = readAttributes(reader, context.owners);
    const attributes = change.mode === undefined ? change : { ...change, mode: change.mode & ~context.umask };
    return {
      action: () => ({ kind: 'mkdir', path }),
      run: async () => {
        await context.view.mkdir(path, attributes);
        return OK;
      },
    };
  },
};

/** §6.6: string path. */
export const rmdir: PlainRow = {
  packet: 'plain',
  name: 'rmdir',
  permission: 'delete',
  writes: true,
  prepare: (context, reader) => {
    const path = readPath(context, reader);
    return {
      action: () => ({ kind: 'rmdir', path }),
      run: async () => {
        await context.view.rmdir(path);
        return OK;
      },
    };
  },
};
