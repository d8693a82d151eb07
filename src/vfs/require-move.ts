import type { StoreLocation } from './mount-table.ts';
import { NotAllowed } from './permissions.ts';

/** Where rules are for single paths: what moves is read and deleted here and written there, a directory with all that is in it. */
export async function requireMove(source: StoreLocation, target: StoreLocation): Promise<void> {
  const { rules: leaving } = source.directory;
  const { rules: arriving } = target.directory;
  if (leaving === undefined && arriving === undefined) return;
  const { kind } = await source.directory.store.stat(source.path, { followSymlinks: false });
  const how = kind === 'directory' ? 'allowsEverywhereIn' : 'allows';
  for (const permission of ['read', 'delete'] as const) {
    if (leaving?.[how](permission, source.path) === false) throw new NotAllowed(permission, source.clientPath);
  }
  if (arriving?.[how]('write', target.path) === false) throw new NotAllowed('write', target.clientPath);
}
