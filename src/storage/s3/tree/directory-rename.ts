import { createHash } from 'node:crypto';
import { StorageError, type StorePath } from '../../object-store.ts';
import { copyObject, copyTag, MAX_SINGLE_COPY_BYTES, type CopyContext } from '../upload/copy.ts';
import { sameEtag } from '../api/etag.ts';
import { MAX_KEY_BYTES } from '../mapping/keys.ts';
import type { ListedObject } from '../api/list-parser.ts';
import { inParallel } from '../../flow/in-parallel.ts';
import type { S3Context } from '../s3-context.ts';

export type DirectoryRenameContext = CopyContext &
  Pick<S3Context, 'keys' | 'directories' | 'claims' | 'rename' | 'own'>;

/** A source that is written to all the time is given up after so many rounds. */
const MAX_ROUNDS = 5;
const PROGRESS_MS = 5_000;
const DELETE_BATCH = 1_000;

/** One directory's way from one prefix to another. */
export class DirectoryRename {
  readonly #context: DirectoryRenameContext;
  readonly #from: StorePath;
  readonly #to: StorePath;
  readonly #source: string;
  readonly #target: string;
  /** Says that the rename was begun, so that the same rename, asked for again, goes on where it was interrupted. */
  readonly #record: string;
  /** Source keys whose copy is complete, and of which version. */
  readonly #copied = new Map<string, string>();
  #deleted = 0;
  #lastProgress: number;

  constructor(context: DirectoryRenameContext, from: StorePath, to: StorePath) {
    this.#context = context;
    this.#from = from;
    this.#to = to;
    this.#source = context.keys.directoryPrefix(from);
    this.#target = context.keys.directoryPrefix(to);
    const name = createHash('sha256')
      .update(JSON.stringify([from, to]))
      .digest('hex');
    this.#record = context.keys.reservedKey('renames', name);
    this.#lastProgress = context.clock.now();
  }

  /** With `overwrite` an empty directory may be at the target, as rename(2) has it. */
  async run(state: { readonly targetExists: boolean; readonly overwrite: boolean }): Promise<void> {
    const { events, objects, directories, own } = this.#context;
    const resumed = state.targetExists && (await own.objects.head(this.#record)) !== undefined;
    if (state.targetExists && !resumed) {
      if (!state.overwrite) throw new StorageError('exists', 'The target exists already.');
      const there = await objects.list({ prefix: this.#target, maxKeys: 2 });
      if (there.count > 1 || there.objects.some(({ key }) => key !== this.#target) || there.prefixes.length > 0) {
        throw new StorageError('not-empty', 'The target is a directory that is not empty.');
      }
    }
    const entries = await this.#listSource();
    this.#checkNames(entries);
    const fields = { from: this.#from, to: this.#to };
    await own.objects.put(this.#record, Buffer.from(JSON.stringify(fields)), { metadata: {} }, { exclusive: false });
    events('RENAME_BEGIN', { ...fields, entries: entries.length, resumed });
    try {
      if (resumed) await this.#skipWhatIsThere(entries);
      await this.#copyAll(entries);
      // Whoever has opened a file of this name for writing finds at its CLOSE that it is a directory by now.
      if (!this.#copied.has(this.#source)) await directories.writeMarker(this.#to, {}, { exclusive: false });
      await directories.removeEntry(this.#from, async () => {
        await this.#deleteAll(entries);
        // Whoever found the directory there while it still was is making something in it: that is moved too.
        await this.#context.claims.othersEnded(this.#from);
        await this.#deleteAll(entries);
      });
    } catch (error) {
      // Every file is in at least one of the two directories; the same rename can be repeated.
      events('RENAME_INTERRUPTED', {
        ...fields,
        entries: entries.length,
        copied: this.#copied.size,
        deleted: this.#deleted,
        error,
      });
      throw error;
    } finally {
      directories.forget(this.#from);
      directories.forget(this.#to);
    }
    await own.objects.delete(this.#record);
    events('RENAME_END', { ...fields, entries: this.#copied.size });
  }

  async #listSource(): Promise<ListedObject[]> {
    const entries: ListedObject[] = [];
    const { maxEntries } = this.#context.rename;
    let token: string | undefined;
    do {
      const page = await this.#context.objects.list({ prefix: this.#source, token });
      entries.push(...page.objects);
      if (page.objects.length < page.count) {
        throw new StorageError('failure', 'The directory holds names that the server cannot move.');
      }
      if (entries.length > maxEntries) {
        throw new StorageError('too-large', `The directory has more than ${maxEntries} entries and is not moved.`);
      }
      token = page.next;
    } while (token !== undefined);
    return entries;
  }

  #checkNames(entries: readonly ListedObject[]): void {
    const added = Buffer.byteLength(this.#target) - Buffer.byteLength(this.#source);
    if (added > 0 && entries.some(({ key }) => Buffer.byteLength(key) + added > MAX_KEY_BYTES)) {
      throw new StorageError('invalid-name', 'A path in the directory would be longer than the store allows.');
    }
  }

  /** After an interruption: what the earlier run has copied, and what somebody wrote into the target since. */
  async #skipWhatIsThere(entries: readonly ListedObject[]): Promise<void> {
    const there = new Map<string, ListedObject>();
    let token: string | undefined;
    do {
      const page = await this.#context.objects.list({ prefix: this.#target, token });
      for (const object of page.objects) there.set(object.key, object);
      token = page.next;
    } while (token !== undefined);
    const pairs = entries.flatMap((entry) => {
      const copy = there.get(this.#targetOf(entry.key));
      return copy === undefined || copy.lastModified < entry.lastModified ? [] : { entry, copy };
    });
    await inParallel(pairs, this.#context.rename.concurrency, async ({ entry, copy }) => {
      if (copy.size !== entry.size || !(await this.#isCopy(entry, copy))) {
        throw new StorageError('exists', 'The target has files that are not from this directory.');
      }
      this.#copied.set(entry.key, entry.etag);
    });
  }

  /** Whether an object of the same length is a copy. Copies that are encrypted, or of what came in parts, have other ETags. */
  async #isCopy(entry: ListedObject, copy: ListedObject): Promise<boolean> {
    if (sameEtag(copy.etag, entry.etag)) return true;
    const { objects } = this.#context;
    const [source, target] = [await objects.identity(entry.key), await objects.identity(copy.key)];
    if (source === undefined || target === undefined) return false;
    if (!sameEtag(source.etag, entry.etag) || !sameEtag(target.etag, copy.etag)) return false;
    if (target.tag === copyTag(entry)) return true;
    if (source.tag !== undefined && source.tag === target.tag) return true;
    return source.checksums.some((checksum) => target.checksums.includes(checksum));
  }

  async #copyAll(entries: readonly ListedObject[]): Promise<void> {
    const missing = entries.filter(({ key, etag }) => this.#copied.get(key) !== etag);
    await inParallel(missing, this.#context.rename.concurrency, async (entry) => {
      await this.#copyOne(entry);
      this.#progress(entries.length);
    });
  }

  async #copyOne(entry: ListedObject): Promise<void> {
    const { objects } = this.#context;
    const target = this.#targetOf(entry.key);
    try {
      if (entry.size <= MAX_SINGLE_COPY_BYTES) {
        await objects.copy(entry, target, { exclusive: false });
      } else {
        const source = await objects.head(entry.key);
        if (source === undefined || !sameEtag(source.etag, entry.etag)) return;
        await copyObject(this.#context, source, target, { exclusive: false });
      }
      this.#copied.set(entry.key, entry.etag);
    } catch (error) {
      // Removed or overwritten since it was listed: the next look at the source says what there is now.
      if (!(error instanceof StorageError) || (error.code !== 'not-found' && error.code !== 'changed')) throw error;
    }
  }

  /**
   * Deletes the source page by page. What a page shows in another version than the copied one is copied again and left for
   * the next pass: a file that was written while the directory moved must not be deleted unseen. The deletion itself
   * names the version too; where the store does not heed that, one request is between the look and the deletion.
   */
  async #deleteAll(entries: readonly ListedObject[]): Promise<void> {
    for (let pass = 0; pass <= MAX_ROUNDS; pass += 1) {
      const markers: ListedObject[] = [];
      let changed = 0;
      let token: string | undefined;
      do {
        const page = await this.#context.objects.list({ prefix: this.#source, token });
        if (page.objects.length < page.count) {
          throw new StorageError('failure', 'The directory holds names that the server cannot move.');
        }
        const isCopied = ({ key, etag }: ListedObject): boolean => this.#copied.get(key) === etag;
        const copied = page.objects.filter(isCopied);
        markers.push(...copied.filter(isMarker));
        changed += await this.#deleteCopied(
          copied.filter((object) => !isMarker(object)),
          entries.length,
        );
        const others = page.objects.filter((object) => !isCopied(object));
        changed += others.length;
        await this.#copyAll(others);
        token = page.next;
      } while (token !== undefined);
      if (changed > 0) continue;
      // Backwards, so that a directory's marker goes after those of what is in it.
      if ((await this.#deleteCopied(markers.reverse(), entries.length)) === 0) return;
    }
    throw new StorageError('changed', 'The directory is being written to and was not moved.');
  }

  /** Answers how many were not deleted since they are other versions by now. */
  async #deleteCopied(copied: readonly ListedObject[], entries: number): Promise<number> {
    let others = 0;
    for (let i = 0; i < copied.length; i += DELETE_BATCH) {
      const batch = copied.slice(i, i + DELETE_BATCH);
      const left = await this.#context.objects.deleteVersions(batch);
      others += left.length;
      this.#deleted += batch.length - left.length;
      this.#progress(entries);
    }
    return others;
  }

  #targetOf(key: string): string {
    return this.#target + key.slice(this.#source.length);
  }

  #progress(entries: number): void {
    const now = this.#context.clock.now();
    if (now - this.#lastProgress < PROGRESS_MS) return;
    this.#lastProgress = now;
    this.#context.events('RENAME_PROGRESS', {
      from: this.#from,
      to: this.#to,
      entries,
      copied: this.#copied.size,
      deleted: this.#deleted,
    });
  }
}

/** A directory's marker: its key ends in the separator. */
function isMarker({ key }: ListedObject): boolean {
  return key.endsWith('/');
}
