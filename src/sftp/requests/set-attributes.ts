import type { ClientPath } from '../../vfs/client-path.ts';
import type { RequestedAttributes } from '../attributes.ts';
import type { OpenHandle } from '../open-handle.ts';
import type { RequestContext } from '../request.ts';

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

/** FSETSTAT. A handle that only reads or lists has no way to set anything: its path does. */
export async function setOpenFileAttributes(
  context: RequestContext,
  handle: OpenHandle,
  requested: RequestedAttributes,
): Promise<void> {
  if (handle.kind !== 'write') {
    await setPathAttributes(context, handle.path, requested, { followSymlinks: true });
    return;
  }
  if (requested.size !== undefined) await handle.file.truncate(requested.size);
  if (Object.keys(requested.change).length > 0) {
    context.view.require('setAttributes', handle.path, handle.file);
    await handle.file.setAttributes(requested.change);
  }
}
