import { StorageError, type StorePath } from '../../object-store.ts';
import { exists } from '../../refusals.ts';
import type { HeldNames } from '../claims/name-claims.ts';
import type { S3Context } from '../s3-context.ts';
import { sameEtag } from '../api/etag.ts';
import { changed, type ObjectApi } from '../api/object-api.ts';
import type { WriteCondition } from '../api/object-fields.ts';
import type { VersionReference } from '../api/object-info.ts';
import { outcomeOf } from '../../flow/outcome.ts';

export type CommitContext = Pick<S3Context, 'objects' | 'claims' | 'directories'>;

export interface CommitTarget {
  readonly path: StorePath;
  readonly key: string;
  /** What was at the key when the version began. */
  readonly base: VersionReference | undefined;
  /** Nothing but the base is replaced: 'changed' otherwise. */
  readonly onlyOverBase: boolean;
  /** As that, with the answer 'exists': the version must be a new file. */
  readonly exclusive: boolean;
}

/** The last request of a version, which makes it the object at its key, under the condition. */
export type StoreVersion = (condition: WriteCondition, held: HeldNames) => Promise<VersionReference>;

/** Runs the last request of a version where what is at its key allows it. */
export type Commit = (
  store: StoreVersion,
  how: {
    /** The store may not heed the condition of the request, so the key is looked at right before. */
    readonly looksFirst: boolean;
    /** It cannot be sent again where its condition did not hold. */
    readonly once?: boolean;
  },
) => Promise<VersionReference>;

/** A name that others change at every look is given up. */
const MAX_ROUNDS = 5;

/**
 * Makes a version the object at its key, under the claim on its path. Where there was nothing, its directory must still be
 * there, and none of its own name: a small file is stored while that is asked, and taken away again if it is not so.
 * Throws StorageError; then the key holds what it held.
 */
export async function commitVersion(
  context: CommitContext,
  target: CommitTarget,
  ...[store, { looksFirst, once = false }]: Parameters<Commit>
): Promise<VersionReference> {
  const { claims, objects, directories } = context;
  const { path, key, onlyOverBase, exclusive } = target;
  return claims.hold([path], async (held) => {
    let base = target.base === undefined ? undefined : standing(objects, target.base);
    for (let round = 0; ; round += 1) {
      const looks = looksFirst || round > 0 || !claims.supported;
      const place = base === undefined ? outcomeOf(directories.requirePlace(path)) : undefined;
      if (looks) {
        const now = await objects.head(key);
        if (now?.key !== base?.key || (now !== undefined && !sameEtag(now.etag, base?.etag ?? ''))) {
          await place;
          if (onlyOverBase) throw exclusive ? exists() : changed();
          base = now;
        }
        const refused = base === undefined ? await (place ?? outcomeOf(directories.requirePlace(path))) : undefined;
        if (refused !== undefined) throw refused;
      }
      try {
        held.check();
        const condition = { exclusive: base === undefined, replaces: base?.etag };
        const [stored] = await Promise.allSettled([store(condition, held), place]);
        const refused = base === undefined ? await place : undefined;
        if (stored.status === 'rejected') throw stored.reason;
        if (refused === undefined) return stored.value;
        await objects.deleteVersion(key, stored.value.etag);
        throw refused;
      } catch (error) {
        const isOther = error instanceof StorageError && (error.code === 'changed' || error.code === 'exists');
        if (!isOther) throw error;
        if (onlyOverBase) throw exclusive ? error : changed(error);
        if (once || round === MAX_ROUNDS) throw error;
      }
    }
  });
}

/** The base, or the same bytes with the metadata that this process has given them since. */
function standing(objects: ObjectApi, base: VersionReference): VersionReference {
  const now = objects.sameBytes.latest(base);
  return now.key === base.key ? now : base;
}
