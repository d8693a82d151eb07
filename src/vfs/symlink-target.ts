import { StorageError } from '../storage/object-store.ts';
import { normalizePath, ROOT } from './client-path.ts';
import type { MountTable, StoreLocation } from './mount-table.ts';

/**
 * What the store keeps for a link at `link`: a relative target as it is; an absolute one, which begins at the view's
 * root, so that it begins at the store's root.
 * @throws StorageError 'permission-denied' if an absolute target is outside of the link's store
 */
export function storeLinkTarget(target: string, link: StoreLocation, mounts: MountTable): string {
  if (!target.startsWith('/') || isWholeStore(link)) return target;
  const location = mounts.locate(normalizePath(target, ROOT));
  if (location.kind === 'virtual' || location.directory.store !== link.directory.store) {
    throw new StorageError('permission-denied', 'Permission denied: the link would lead to another store.');
  }
  return `/${location.path}`;
}

/** The way back. A target outside of the mapped directory is shown as if the view ended there. */
export function clientLinkTarget(target: string, link: StoreLocation): string {
  if (!target.startsWith('/') || isWholeStore(link)) return target;
  const { entry, path } = link.directory;
  const inStore = normalizePath(target, ROOT).slice(1);
  const prefix = path === '' ? '' : `${path}/`;
  if (inStore !== path && !inStore.startsWith(prefix)) return '/';
  const rest = inStore === path ? '' : inStore.slice(prefix.length);
  return entry === '/' ? `/${rest}` : rest === '' ? entry : `${entry}/${rest}`;
}

function isWholeStore(link: StoreLocation): boolean {
  return link.directory.entry === '/' && link.directory.path === '';
}
