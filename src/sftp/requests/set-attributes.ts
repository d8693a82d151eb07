import type { ClientPath } from '../../vfs/client-path.ts';
import type { RequestedAttributes } from '../attributes.ts';
import type { OpenFile } from '../open-handle.ts';
import { SSH_FX } from '../protocol.ts';
import type { RequestContext } from '../request.ts';
import { SftpStatus } from '../status.ts';

/** SETSTAT on a path: the size first, then what a change of size would spoil (the times). */
export async function setPathAttributes(
  context: RequestContext,
  path: ClientPath,
  { size, change }: RequestedAttributes,
  options: { readonly followSymlinks: boolean },
): Promise<void> {
  if (size !== undefined) await context.view.truncate(path, size, context.ended);
  if (Object.keys(change).length > 0) await context.view.setAttributes(path, change, options);
}

/** FSETSTAT: of the file that is open, whatever is at its name by now. */
export async function setOpenFileAttributes(
  context: RequestContext,
  handle: OpenFile,
  { size, change }: RequestedAttributes,
): Promise<void> {
  if (size !== undefined) {
    if (handle.kind !== 'write' || !handle.writable) {
      throw new SftpStatus(SSH_FX.FAILURE, 'The file is not open for writing: its size cannot be set.');
    }
    await handle.file.truncate(size);
  }
  if (Object.keys(change).length === 0) return;
  context.view.require('setAttributes', handle.path);
  await handle.file.setAttributes(change);
}
