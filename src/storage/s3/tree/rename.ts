import { isChanged, StorageError, type StorePath } from '../../object-store.ts';
import { isInside } from '../../store-path.ts';
import type { HeldNames } from '../claims/name-claims.ts';
import { copyObject } from '../upload/copy.ts';
import { DirectoryRename, type DirectoryRenameContext } from './directory-rename.ts';
import { sameEtag } from '../api/etag.ts';
import type { WriteCondition } from '../api/object-fields.ts';
import type { ObjectInfo } from '../api/object-info.ts';
import { outcomeOf } from '../../flow/outcome.ts';

/** A source that is written to all the time is given up after so many rounds. */
const MAX_ROUNDS = 5;

/**
 * Under the claims on both names. Copies first and deletes after, for a file as for a directory: whatever interrupts it,
 * every file is whole in at least one of the two places. What is deleted is what was copied: a source that another program
 * has overwritten meanwhile is copied again.
 */
export async function rename(
  context: DirectoryRenameContext,
  from: StorePath,
  to: StorePath,
  options: { readonly overwrite: boolean },
): Promise<void> {
  if (from === '') throw new StorageError('permission-denied', 'The root directory cannot be renamed.');
  const sourceKey = context.keys.fileKey(from);
  if (to === '') throw new StorageError('exists', 'The target exists already.');
  // Copy and delete of one and the same would lose it.
  if (from === to) {
    if ((await context.objects.head(sourceKey)) !== undefined || (await context.directories.hasKeys(from))) return;
    throw noSource();
  }
  const targetKey = context.keys.newKey(to);
  await context.claims.hold([from, to], async (held) => {
    const [source, target, directory, noParent] = await Promise.all([
      context.objects.head(sourceKey),
      context.objects.head(targetKey),
      context.directories.hasKeys(to),
      outcomeOf(context.directories.requireParentNow(to)),
    ]);
    if (source === undefined && !(await context.directories.hasKeys(from))) throw noSource();
    if (target === undefined && noParent !== undefined) throw noParent;
    held.check();
    if (source === undefined) {
      if (isInside(to, from)) throw new StorageError('failure', 'A directory cannot be moved into itself.');
      if (target !== undefined) {
        throw new StorageError(options.overwrite ? 'not-a-directory' : 'exists', 'The target exists already.');
      }
      await new DirectoryRename(context, from, to).run({ targetExists: directory, overwrite: options.overwrite });
      return;
    }
    if (target !== undefined && !options.overwrite) throw new StorageError('exists', 'The target exists already.');
    if (target === undefined && directory) {
      throw new StorageError(options.overwrite ? 'is-a-directory' : 'exists', 'The target is a directory.');
    }
    const condition = { exclusive: target === undefined, replaces: target?.etag };
    await renameFile(context, { from, source, target: targetKey, condition, held });
  });
}

interface FileRename {
  readonly from: StorePath;
  /** What is there. */
  readonly source: ObjectInfo;
  readonly target: string;
  /** What must be at the target. */
  readonly condition: WriteCondition;
  readonly held: HeldNames;
}

async function renameFile(
  context: DirectoryRenameContext,
  { from, target, held, ...first }: FileRename,
): Promise<void> {
  let source: ObjectInfo | undefined = first.source;
  let there = first.condition;
  const { sameBytes } = context.objects;
  for (let round = 0; round < MAX_ROUNDS && source !== undefined; round += 1) {
    const version: ObjectInfo = source;
    try {
      const copied = await copyObject(context, version, target, there);
      there = { exclusive: false, replaces: copied.etag };
      source = await context.objects.head(version.key);
      if (source === undefined) return;
      if (!sameEtag(source.etag, version.etag)) continue;
      held.check();
      await sameBytes.during(version.key, async () => {
        // Noted before it is gone: whoever reads it finds it at the new name.
        sameBytes.note(version, copied);
        await context.directories.removeEntry(from, async () =>
          context.objects.deleteVersion(version.key, version.etag),
        );
      });
      return;
    } catch (error) {
      if (!isChanged(error)) throw error;
      source = await context.objects.head(version.key);
      // The target, and not the source: another program has made it what it is now.
      if (source !== undefined && sameEtag(source.etag, version.etag)) throw error;
    }
  }
  if (source === undefined) throw noSource();
  throw new StorageError('changed', 'The file is being written to and was not moved.');
}

function noSource(): StorageError {
  return new StorageError('not-found', 'No such file or directory.');
}
