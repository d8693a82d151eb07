import { StorageError } from '../storage/object-store.ts';
import { joinStorePath, STORE_ROOT } from '../storage/store-path.ts';
import type { SymbolicLinkMet } from '../storage/symbolic-link.ts';
import { joinPath, parentOf, ROOT, type ClientPath } from './client-path.ts';
import type { MountTable, StoreLocation } from './mount-table.ts';

/** As Linux has it (path_resolution(7)). */
const MAX_LINKS = 40;
/** Directories that are looked up for `..` in the targets of one operation. */
const MAX_LOOKUPS = 100;

/**
 * Whose words are followed. A link's are strict: `..` does not go up from the root, nor back from what is no directory.
 * A client's path stays in the root, and what is missing is passed letter by letter: it asks where it would be.
 */
export type Words = 'of a link' | 'of a client';

interface Start {
  readonly at: ClientPath;
  /** No link is on the way to it. */
  readonly isReal: boolean;
}

/** The directory at a path with every link followed, on the same trail. */
export type RealDirectory = (path: ClientPath, words: Words, trail: LinkTrail) => Promise<ClientPath>;

/**
 * The links that one operation follows. Each is resolved in the user's view: a relative target begins beside the link as
 * the user sees it, an absolute one is a path of the link's store, which the view must show. Whatever comes out is a
 * path of the user's like any other, and goes through the mapped directories and their permissions again.
 */
export class LinkTrail {
  readonly #mounts: MountTable;
  readonly #realDirectory: RealDirectory;
  #followed = 0;
  #lookups = 0;

  constructor(mounts: MountTable, realDirectory: RealDirectory) {
    this.#mounts = mounts;
    this.#realDirectory = realDirectory;
  }

  /**
   * Where the path at `location` leads, now that a store has met a link on it. More links may come there.
   * @throws StorageError 'permission-denied' where it leaves what the user sees, 'failure' after too many
   */
  async beyond(met: SymbolicLinkMet, { clientPath, directory }: StoreLocation): Promise<ClientPath> {
    // The way to a mapped directory is the operator's, who can name the right place: a link there may be anybody's.
    if (met.link.length <= directory.path.length) throw met;
    this.#followed += 1;
    if (this.#followed > MAX_LINKS) throw new StorageError('failure', 'Too many symbolic links.');
    if (met.target === undefined) throw leadsOutside();
    const rest = met.path.slice(met.link.length);
    const link = clientPath.slice(0, clientPath.length - rest.length) as ClientPath;
    const steps = `${met.target}${rest}`.split('/');
    if (!met.target.startsWith('/')) return await this.#walk({ at: parentOf(link), isReal: true }, steps, 'of a link');
    // Up to the first `..` it is a place in the store; that goes back from where the view shows the place.
    const up = steps.indexOf('..');
    const head = steps.slice(0, up === -1 ? undefined : up).filter((step) => step !== '' && step !== '.');
    const start = this.#mounts.clientPathOf(directory, joinStorePath(STORE_ROOT, head.join('/')));
    if (start === undefined) throw leadsOutside();
    return up === -1 ? start : await this.#walk({ at: start, isReal: false }, steps.slice(up), 'of a link');
  }

  /**
   * A path from a client, from `start` on. As the file system has it, not letter by letter: `..` after a name goes back
   * from where that name leads.
   */
  async lead(start: ClientPath, path: string): Promise<ClientPath> {
    const at = path.startsWith('/') ? ROOT : start;
    return await this.#walk({ at, isReal: false }, path.split('/'), 'of a client');
  }

  async #walk(start: Start, steps: readonly string[], words: Words): Promise<ClientPath> {
    let { at, isReal } = start;
    for (const step of steps) {
      if (step === '' || step === '.') continue;
      if (step !== '..') {
        at = joinPath(at, step);
        isReal = false;
        continue;
      }
      if (!isReal && at !== ROOT) at = await this.#real(at, words);
      isReal = true;
      if (at === ROOT && words === 'of a link') throw leadsOutside();
      at = parentOf(at);
    }
    return at;
  }

  async #real(path: ClientPath, words: Words): Promise<ClientPath> {
    this.#lookups += 1;
    if (this.#lookups > MAX_LOOKUPS) throw new StorageError('failure', 'The path goes up and down too often.');
    return await this.#realDirectory(path, words, this);
  }
}

function leadsOutside(): StorageError {
  return new StorageError('permission-denied', 'Permission denied: the link leads outside.');
}
