import { StorageError, type Entry } from '../storage/object-store.ts';
import { SymbolicLinkMet } from '../storage/symbolic-link.ts';
import { parentOf, ROOT, type ClientPath } from './client-path.ts';
import { LinkTrail, type Words } from './link-trail.ts';
import type { Location, MountTable } from './mount-table.ts';
import { NotAllowed } from './permissions.ts';

/** Whether an operation follows a link at the end of its path too. */
export interface LinkOptions {
  readonly followSymlinks: boolean;
}

const FOLLOW: LinkOptions = { followSymlinks: true };
const STAY: LinkOptions = { followSymlinks: false };

/** What is at a path of the view. Throws SymbolicLinkMet for a link above, and with `followSymlinks` for one there. */
export type Look = (path: ClientPath, options: LinkOptions) => Promise<Entry>;

/**
 * Follows symbolic links for a view, and nobody else does: a store says where it met one, its target is made a path of
 * the view, and the operation begins again with that path and the permissions there. So no link leads out of the view,
 * nor into another mapped directory with more rights than the user has there; and since the store follows none in
 * between either, it does not matter when a link was put there.
 */
export class LinkFollower {
  readonly #mounts: MountTable;
  readonly #look: Look;
  readonly #mayMeetLinks: boolean;

  constructor(mounts: MountTable, look: Look) {
    this.#mounts = mounts;
    this.#look = look;
    this.#mayMeetLinks = mounts.directories.some(({ store }) => store.capabilities.holdsSymlinks);
  }

  /**
   * Runs `action` with `path`, and again with where the path leads whenever a store has met a link on it.
   */
  async follow<T>(
    path: ClientPath,
    options: LinkOptions,
    action: (at: ClientPath) => Promise<T>,
    trail?: LinkTrail,
  ): Promise<T> {
    let at = path;
    let links = trail;
    for (;;) {
      try {
        return await action(at);
      } catch (error) {
        if (!this.#mayMeetLinks) throw error;
        links ??= this.#newTrail();
        const next = await this.#whereItLeads(at, options, error, links);
        if (next === undefined) throw error;
        at = next;
      }
    }
  }

  /** For an operation on two paths of which none is followed at its end. */
  async followBoth(
    one: ClientPath,
    other: ClientPath,
    action: (one: ClientPath, other: ClientPath) => Promise<void>,
  ): Promise<void> {
    if (this.#mayMeetLinks && storeOf(this.#mounts.locate(one)) !== storeOf(this.#mounts.locate(other))) {
      // The same path may be in both stores: whose link was met has to be known before.
      const [realOne, realOther] = [
        await this.#real(one, STAY, 'of a link'),
        await this.#real(other, STAY, 'of a link'),
      ];
      await action(realOne, realOther);
      return;
    }
    await this.follow(one, STAY, (realOne) => this.follow(other, STAY, (realOther) => action(realOne, realOther)));
  }

  /**
   * The path that a client's `path`, from `start` on, really means: links followed as far as anything is there.
   * Undefined where no store can hold links: nobody need be asked.
   */
  async realpath(start: ClientPath, path: string): Promise<ClientPath | undefined> {
    if (!this.#mayMeetLinks) return undefined;
    const trail = this.#newTrail();
    return await this.#real(await trail.lead(start, path), FOLLOW, 'of a client', trail);
  }

  /** Undefined where `error` has nothing to do with a link on `path`. */
  async #whereItLeads(
    path: ClientPath,
    options: LinkOptions,
    error: unknown,
    trail: LinkTrail,
  ): Promise<ClientPath | undefined> {
    if (error instanceof SymbolicLinkMet) {
      const location = this.#mounts.locate(path);
      if (location.kind === 'virtual' || location.path !== error.path) return undefined;
      return await trail.beyond(error, location);
    }
    // What is not allowed here may be allowed where a link on the way leads.
    if (!(error instanceof NotAllowed) || error.path !== path) return undefined;
    const real = await this.#real(path, options, 'of a link', trail).catch(() => path);
    return real === path ? undefined : real;
  }

  /**
   * `path` without links; a link at its end is followed with `followSymlinks` only. What a link leads to may be missing, the
   * directory that it would be in must be there.
   */
  async #real(path: ClientPath, options: LinkOptions, words: Words, trail?: LinkTrail): Promise<ClientPath> {
    const look = async (at: ClientPath): Promise<ClientPath> => {
      try {
        await this.#look(at, options);
      } catch (error) {
        if (!isMissing(error) || at === ROOT) throw error;
        if (words === 'of a link') await this.#mustBeDirectory(parentOf(at));
      }
      return at;
    };
    return await this.follow(path, options, look, trail);
  }

  #newTrail(): LinkTrail {
    return new LinkTrail(this.#mounts, async (path, words, trail) => {
      const real = await this.#real(path, FOLLOW, words, trail);
      if (words === 'of a link') await this.#mustBeDirectory(real);
      return real;
    });
  }

  async #mustBeDirectory(path: ClientPath): Promise<void> {
    const { kind } = await this.#look(path, STAY);
    if (kind !== 'directory') throw new StorageError('not-a-directory', 'Not a directory.');
  }
}

/** Nothing is there, or what is above is no directory. */
function isMissing(error: unknown): boolean {
  return error instanceof StorageError && ['not-found', 'not-a-directory'].includes(error.code);
}

function storeOf(location: Location): unknown {
  return location.kind === 'store' ? location.directory.store : undefined;
}
