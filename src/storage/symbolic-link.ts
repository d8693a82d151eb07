import { StorageError } from './object-store.ts';
import type { StorePath } from './object-store.ts';

/**
 * A symbolic link stands on the way to `path`, or at its end where the operation follows links. No store follows one by
 * itself: where a link leads, and what may be done there, depends on what the user sees, which only the view knows. To
 * everybody else it is a permission that is denied.
 */
export class SymbolicLinkMet extends StorageError {
  /** The path that was asked for. */
  readonly path: StorePath;
  /** The first link on it: `path` itself, or a directory above. */
  readonly link: StorePath;
  /** As `ObjectStore.readlink` tells it; undefined for an absolute path outside of the store. */
  readonly target: string | undefined;

  constructor(path: StorePath, link: StorePath, target: string | undefined) {
    super('permission-denied', 'Permission denied: there is a symbolic link on the way', {
      detail: `symbolic link at "/${link}"`,
    });
    this.path = path;
    this.link = link;
    this.target = target;
  }
}
