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
  requested: RequestedAttributes,
  options: { readonly followSymlinks: boolean },
): Promise<void> {
  const { size, change, ownerLeftOut = false } = requested;
  checkOwner(context, requested);
  if (size !== undefined) await context.view.truncate(path, size, context.ended);
  // Where nothing is left to do, the path must still be there.
  if (Object.keys(change).length > 0 || ownerLeftOut) await context.view.setAttributes(path, change, options);
}

/** FSETSTAT: of the file that is open, whatever is at its name by now. */
export async function setOpenFileAttributes(
  context: RequestContext,
  handle: OpenFile,
  requested: RequestedAttributes,
): Promise<void> {
  const { size, change } = requested;
  checkOwner(context, requested);
  if (size !== undefined) {
    if (handle.kind !== 'write' || !handle.writable) {
      throw new SftpStatus(SSH_FX.FAILURE, 'The file is not open for writing: its size cannot be set.');
    }
    await handle.file.truncate(size);
  }
  if (Object.keys(change).length === 0 || context.view.ignoresSetStat) return;
  context.view.require('setAttributes', handle.path, handle.file);
  await handle.file.setAttributes(change);
}

function checkOwner({ owners }: RequestContext, { ownerLeftOut }: RequestedAttributes): void {
  if (ownerLeftOut !== true || owners !== 'refuse') return;
  throw new SftpStatus(SSH_FX.PERMISSION_DENIED, 'Permission denied: this server does not change owners.');
}
