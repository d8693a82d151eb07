import { StorageError } from '../storage/object-store.ts';
import { joinStorePath, STORE_ROOT } from '../storage/store-path.ts';
import { normalizePath, ROOT } from './client-path.ts';
import type { MountTable, StoreLocation } from './mount-table.ts';

/**
 * What the store keeps for a link at `link`: a relative target as it is; an absolute one, which begins at the view's
 * root, so that it begins at the store's root.
 * @throws StorageError 'permission-denied' if an absolute target is outside of the link's store
 */
export function storeLinkTarget(target: string, link: StoreLocation, mounts: MountTable): string {
  if (!target.startsWith('/') || isWholeStore(link, mounts)) return target;
  const location = mounts.locate(normalizePath(target, ROOT));
  if (location.kind === 'virtual' || location.directory.store !== link.directory.store) {
    throw new StorageError('permission-denied', 'Permission denied: the link would lead to another store.');
  }
  return `/${location.path}`;
}

/** The way back. A target that the user does not see is shown as if the view ended there. */
export function clientLinkTarget(target: string, link: StoreLocation, mounts: MountTable): string {
  if (!target.startsWith('/') || isWholeStore(link, mounts)) return target;
  const inStore = joinStorePath(STORE_ROOT, normalizePath(target, ROOT).slice(1));
  return mounts.clientPathOf(link.directory, inStore) ?? '/';
}

function isWholeStore({ directory }: StoreLocation, mounts: MountTable): boolean {
  return directory.entry === '/' && directory.path === '' && mounts.directories.length === 1;
}
