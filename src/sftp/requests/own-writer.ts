// A file is in the store from its CLOSE on; the session that writes it expects to see it before, as on any disk. sshfs sends
// LSTAT right behind the OPEN that creates a file, and sets mode and times by path before CLOSE.
import type { Entry } from '../../storage/object-store.ts';
import type { ClientPath } from '../../vfs/client-path.ts';
import type { RequestedAttributes } from '../attributes.ts';
import type { OpenWriteFile } from '../open-handle.ts';
import type { RequestContext } from '../request.ts';
import { setOpenFileAttributes, setPathAttributes } from './set-attributes.ts';

interface LinkOptions {
  readonly followSymlinks: boolean;
}

/** The entry at `path`: what this session is writing there, if it is, else what the store has. */
export async function statAsSession(context: RequestContext, path: ClientPath, options: LinkOptions): Promise<Entry> {
  const writer = await findOwnWriter(context, path, options);
  return await (writer === undefined ? context.view.stat(path, options) : writer.file.stat());
}

/** Sets attributes of `path`, or of the file that this session is writing there: it has them from its CLOSE on. */
export async function setAsSession(
  context: RequestContext,
  path: ClientPath,
  requested: RequestedAttributes,
  options: LinkOptions,
): Promise<void> {
  const writer = await findOwnWriter(context, path, options);
  if (writer === undefined) await setPathAttributes(context, path, requested, options);
  else await setOpenFileAttributes(context, writer, requested);
}

async function findOwnWriter(
  context: RequestContext,
  path: ClientPath,
  { followSymlinks }: LinkOptions,
): Promise<OpenWriteFile | undefined> {
  const writer = context.handles.writersAt(path).at(-1);
  if (writer === undefined || followSymlinks || !context.view.capabilities.symlink) return writer;
  // The file was opened through the link; the link itself is what is asked about.
  const entry = await context.view.stat(path, { followSymlinks: false }).catch(() => undefined);
  return entry?.kind === 'symlink' ? undefined : writer;
}
