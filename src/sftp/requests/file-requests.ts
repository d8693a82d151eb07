import type { OpenWriteOptions } from '../../storage/object-store.ts';
import type { Permission } from '../../vfs/permissions.ts';
import { readAttributes } from '../attributes.ts';
import type { OpenMode } from '../events.ts';
import { MAX_READ_BYTES } from '../limits.ts';
import { newHandle } from '../open-handle.ts';
import { SSH_FX, SSH_FXF } from '../protocol.ts';
import { END_OF_FILE, OK, type Reply } from '../reply.ts';
import { readHandle, readPath, type PlainRow, type WriteRow } from '../request.ts';
import { SftpStatus } from '../status.ts';
import { setOpenFileAttributes } from './set-attributes.ts';

const FLAG_MODES: readonly (readonly [number, OpenMode])[] = [
  [SSH_FXF.CREAT, 'CREATE'],
  [SSH_FXF.EXCL, 'EXCLUSIVE'],
  [SSH_FXF.APPEND, 'APPEND'],
  [SSH_FXF.TRUNC, 'TRUNCATE'],
  [SSH_FXF.READ, 'READ'],
  [SSH_FXF.WRITE, 'WRITE'],
];

const CHANGING_FLAGS = SSH_FXF.WRITE | SSH_FXF.APPEND | SSH_FXF.CREAT | SSH_FXF.TRUNC;

/** §6.3: string filename, uint32 pflags, ATTRS. The attributes' size, which WinSCP sends, means nothing here. */
export const open: PlainRow = {
  packet: 'plain',
  name: 'open',
  permission: 'by flags',
  writes: 'by flags',
  prepare: (context, reader) => {
    const path = readPath(context, reader);
    const flags = reader.uint32();
    const { change } = readAttributes(reader, context.owners);
    const changing = (flags & CHANGING_FLAGS) !== 0;
    const readable = !changing || (flags & SSH_FXF.READ) !== 0;
    const needs: Permission[] = [];
    if (readable) needs.push('read');
    if (changing) needs.push('write');
    const attributes = change.mode === undefined ? change : { ...change, mode: change.mode & ~context.umask };
    const options: OpenWriteOptions = {
      create: (flags & SSH_FXF.CREAT) !== 0,
      exclusive: (flags & SSH_FXF.CREAT) !== 0 && (flags & SSH_FXF.EXCL) !== 0,
      truncate: (flags & SSH_FXF.TRUNC) !== 0,
      append: (flags & SSH_FXF.APPEND) !== 0,
      read: readable,
      attributes,
    };
    return {
      needs,
      handles: context.handles.writersAt(path),
      writes: changing,
      onlyLooks: !changing,
      action: () => ({
        kind: 'open',
        path,
        modes: FLAG_MODES.filter(([bit]) => (flags & bit) !== 0).map(([, mode]) => mode),
      }),
      run: async () => {
        const handle = await context.handles.open(async () => {
          if (!changing) return { ...newHandle(path), kind: 'read', file: await context.view.openRead(path) };
          const file = await context.view.openWrite(path, options);
          const writable = (flags & (SSH_FXF.WRITE | SSH_FXF.APPEND)) !== 0;
          return { ...newHandle(path), kind: 'write', file, readable, writable };
        });
        return { kind: 'handle', handle };
      },
    };
  },
};

/** §6.3: string handle. The answer comes after the store has confirmed the file. */
export const close: PlainRow = {
  packet: 'plain',
  name: 'close',
  permission: 'none',
  writes: false,
  prepare: (context, reader) => {
    const name = readHandle(reader);
    const handle = context.handles.find(name);
    return {
      handles: [handle],
      closes: handle,
      ...(handle.kind === 'directory'
        ? {}
        : {
            action: () => ({
              kind: 'close',
              path: handle.path,
              bytesRead: handle.bytesRead,
              bytesWritten: handle.bytesWritten,
              milliseconds: Math.round(performance.now() - handle.openedAt),
            }),
          }),
      run: async () => {
        try {
          if (handle.kind === 'directory') await handle.stream.close();
          else await handle.file.close();
        } finally {
          context.handles.delete(name);
        }
        return OK;
      },
    };
  },
};

/** §6.4: string handle, uint64 offset, uint32 len. */
export const read: PlainRow = {
  packet: 'plain',
  name: 'read',
  permission: 'none',
  writes: false,
  prepare: (context, reader) => {
    const handle = context.handles.findFile(readHandle(reader));
    const high = reader.uint32();
    const low = reader.uint32();
    const length = Math.min(reader.uint32(), MAX_READ_BYTES);
    if (handle.kind === 'write' && !handle.readable) {
      throw new SftpStatus(SSH_FX.FAILURE, 'The file is not open for reading.');
    }
    return {
      io: 'read',
      handles: [handle],
      readBytes: length,
      run: async (): Promise<Reply> => {
        // No file is that long.
        if (high > 0x1fffff) return END_OF_FILE;
        const data = await handle.file.read(high * 0x1_0000_0000 + low, length);
        handle.bytesRead += data.length;
        return data.length === 0 && length > 0 ? END_OF_FILE : { kind: 'data', data };
      },
    };
  },
};

/** §6.4: string handle, uint64 offset, string data. */
export const write: WriteRow = {
  packet: 'write',
  name: 'write',
  permission: 'none',
  writes: true,
  prepare: (context, { handle: name, offset, data, dataBytes }) => {
    const handle = context.handles.findFile(name);
    if (handle.kind !== 'write' || !handle.writable) {
      throw new SftpStatus(SSH_FX.FAILURE, 'The file is not open for writing.');
    }
    if (offset === undefined || offset + dataBytes > Number.MAX_SAFE_INTEGER) {
      throw new SftpStatus(SSH_FX.FAILURE, 'The offset is beyond every file size.');
    }
    return {
      io: 'write',
      handles: [handle],
      run: async () => {
        if (dataBytes > 0) await handle.file.write(offset, data);
        handle.bytesWritten += dataBytes;
        return OK;
      },
    };
  },
};

/** §6.8: string handle. */
export const fstat: PlainRow = {
  packet: 'plain',
  name: 'fstat',
  permission: 'none',
  writes: false,
  prepare: (context, reader) => {
    const handle = context.handles.find(readHandle(reader));
    return {
      handles: [handle],
      onlyLooks: true,
      run: async () => ({
        kind: 'attributes',
        entry:
          handle.kind === 'directory'
            ? await context.view.stat(handle.path, { followSymlinks: true })
            : await handle.file.stat(),
      }),
    };
  },
};

/** §6.9: string handle, ATTRS. */
export const fsetstat: PlainRow = {
  packet: 'plain',
  name: 'fsetstat',
  permission: 'setAttributes',
  writes: true,
  prepare: (context, reader) => {
    const handle = context.handles.findFile(readHandle(reader));
    const requested = readAttributes(reader, context.owners);
    return {
      handles: [handle],
      action: () => ({ kind: 'setstat', path: handle.path, ...requested }),
      run: async () => {
        await setOpenFileAttributes(context, handle, requested);
        return OK;
      },
    };
  },
};
