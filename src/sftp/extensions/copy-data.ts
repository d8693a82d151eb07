// copy-data "1" (draft-ietf-secsh-filexfer-extensions-00 §7): copies between two open files without the client.
//
//   byte SSH_FXP_EXTENDED, uint32 id, string "copy-data",
//   string read-from-handle, uint64 read-from-offset, uint64 read-data-length,
//   string write-to-handle, uint64 write-to-offset
//
// A length of zero copies up to the end of the file. Answered with STATUS; EOF where the file ends before the length. A whole
// file is copied inside the store where that can do it.
import { copyRange } from '../../storage/copy-range.ts';
import { SSH_FX } from '../protocol.ts';
import { END_OF_FILE, OK } from '../reply.ts';
import { readHandle, type ExtensionRow } from '../request.ts';
import { SftpStatus } from '../status.ts';

export const copyData: ExtensionRow = {
  packet: 'plain',
  extensionName: 'copy-data',
  revision: '1',
  name: 'copy-data',
  permission: 'write',
  writes: true,
  available: () => true,
  prepare: (context, reader) => {
    const source = context.handles.findFile(readHandle(reader));
    const from = reader.uint64AsNumber();
    const length = reader.uint64AsNumber();
    const target = context.handles.findFile(readHandle(reader));
    const to = reader.uint64AsNumber();
    if (source.kind === 'write' && !source.readable) {
      throw new SftpStatus(SSH_FX.FAILURE, 'The source is not open for reading.');
    }
    if (target.kind !== 'write' || !target.writable) {
      throw new SftpStatus(SSH_FX.FAILURE, 'The target is not open for writing.');
    }
    // It might read what it has written, without end.
    if (source.path === target.path) throw new SftpStatus(SSH_FX.FAILURE, 'A file cannot be copied into itself.');
    let copied = 0;
    return {
      handles: [source, target],
      action: () => ({ kind: 'copy', path: source.path, target: target.path, bytes: copied }),
      run: async () => {
        if (source.kind === 'read' && from === 0 && length === 0 && to === 0) {
          const size = await target.file.copyWhole?.(source.file);
          if (size !== undefined) {
            copied = size;
            source.bytesRead += size;
            target.bytesWritten += size;
            return OK;
          }
        }
        const copying = copyRange({
          read: (offset, bytes) => source.file.read(offset, bytes),
          writer: target.file,
          from,
          to,
          length: length === 0 ? Infinity : length,
          check: () => {
            // A CLOSE that has come commits what was copied: half of it must never become the file.
            if (!target.closeReceived) context.ended.throwIfAborted();
            context.cutOff.throwIfAborted();
          },
          onCopied: (bytes) => {
            copied += bytes;
            source.bytesRead += bytes;
            target.bytesWritten += bytes;
          },
        });
        await copying.catch(async (error: unknown) => {
          if (context.cutOff.aborted) await target.file.abandon({ discard: true });
          throw error;
        });
        return length > 0 && copied < length ? END_OF_FILE : OK;
      },
    };
  },
};
