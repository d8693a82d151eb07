import { randomBytes } from 'node:crypto';
import { StorageError, type AttributeChange, type StorePath } from '../../object-store.ts';
import { isInside, parentOf } from '../../store-path.ts';
import { applyChange } from '../mapping/attributes.ts';
import type { NameClaims } from '../claims/name-claims.ts';
import type { Clock } from '../../flow/clock.ts';
import type { KeySpace } from '../mapping/keys.ts';
import type { S3Context } from '../s3-context.ts';
import { PathQueues } from '../../flow/path-queues.ts';
import type { ObjectApi } from '../api/object-api.ts';
import { UPLOAD_TAG } from '../api/object-fields.ts';
import type { ObjectInfo } from '../api/object-info.ts';

/** What tools that know directory markers look for. */
const MARKER_TYPE = 'application/x-directory';

/**
 * An OPEN takes a directory that was seen to be there for so long: a client writes many files into one. Whether it is
 * there when something is put into it is asked anew.
 */
const SEEN_MS = 30_000;
const MAX_SEEN = 10_000;

/**
 * Directories, which S3 does not have. A prefix `a/` under which there is any key is a directory; `mkdir` writes the
 * marker, an empty object `a/`, so that an empty one is there too. When the last entry of a directory without a marker
 * goes, the marker is written first: a directory does not vanish because it was emptied.
 *
 * Where both a file `a` and keys under `a/` exist, the path `a` is the file; what is under it can still be reached by
 * its own path.
 */
export class Directories {
  readonly #keys: KeySpace;
  readonly #objects: ObjectApi;
  readonly #claims: NameClaims;
  readonly #clock: Clock;
  /** Paths of directories seen lately, and until when that counts. */
  readonly #seen = new Map<StorePath, number>();
  /** The same for markers. */
  readonly #marked = new Map<StorePath, number>();
  /** Removals from a directory without a marker go one by one, or two could each leave the marker to the other. */
  readonly #removals: PathQueues;
  readonly #ofRole: boolean;

  /** `same`: that of the store, where this is one of its roles. What either has seen is its own. */
  constructor(
    { keys, objects, claims, clock }: Pick<S3Context, 'keys' | 'objects' | 'claims' | 'clock'>,
    same?: Directories,
  ) {
    this.#ofRole = same !== undefined;
    this.#removals = same === undefined ? new PathQueues() : same.#removals;
    this.#keys = keys;
    this.#objects = objects;
    this.#claims = claims;
    this.#clock = clock;
  }

  /**
   * The file's object, if there is one. What a role may see is a home and what is in it, and not the object that has the name of
   * the home: whether a directory is there then counts, which the store refuses to tell of a path that is not the role's at all.
   */
  async fileAt(path: StorePath, key = this.#keys.fileKey(path)): Promise<ObjectInfo | undefined> {
    try {
      return await this.#objects.head(key);
    } catch (error) {
      const isHidden = this.#ofRole && error instanceof StorageError && error.code === 'permission-denied';
      if (!isHidden) throw error;
      return undefined;
    }
  }

  /** Whether any key is under the path's prefix. Costs one list request of one key. */
  async hasKeys(path: StorePath): Promise<boolean> {
    if (path === '') return true;
    if (!this.#keys.canBeDirectory(path)) return false;
    const prefix = this.#keys.directoryPrefix(path);
    const page = await this.#objects.list({ prefix, maxKeys: 1 });
    if (page.objects[0]?.key === prefix) this.#note(this.#marked, path);
    if (page.count > 0) this.#note(this.#seen, path);
    else this.forget(path);
    return page.count > 0;
  }

  /** Whether the path was a directory not long ago: who looks at it asks what a directory is asked at once. */
  wasSeen(path: StorePath): boolean {
    return this.#isNoted(this.#seen, path);
  }

  /** The marker object with its metadata, if there is one. */
  async marker(path: StorePath): Promise<ObjectInfo | undefined> {
    if (!this.#keys.canBeDirectory(path)) return undefined;
    const marker = await this.#objects.head(this.#keys.directoryPrefix(path));
    if (marker !== undefined) {
      this.#note(this.#marked, path);
      this.#note(this.#seen, path);
    }
    return marker;
  }

  /** Throws 'not-found' or 'not-a-directory' unless the path's parent is a directory, or was one not long ago. */
  async requireParent(path: StorePath): Promise<void> {
    const parent = parentOf(path);
    if (parent === '' || this.#isNoted(this.#seen, parent) || (await this.hasKeys(parent))) return;
    throw await this.#noDirectory(parent);
  }

  /**
   * As `requireParent`, by what is there now. The path's own key does not count: a new file must not be what makes its
   * directory. To be asked under the claim on the path.
   */
  async requireParentNow(path: StorePath): Promise<void> {
    const parent = parentOf(path);
    if (parent === '' || (await this.marker(parent)) !== undefined) return;
    if (await this.#hasOthers(parent, this.#keys.newKey(path))) return;
    this.forget(parent);
    throw await this.#noDirectory(parent);
  }

  /**
   * Throws 'is-a-directory', 'not-found' or 'not-a-directory' unless a new file can be made at the path, where there was no
   * directory when it was opened: one that was made since has its marker. To be asked under the claim on the path.
   */
  async requirePlace(path: StorePath): Promise<void> {
    const [directory] = await Promise.all([this.marker(path), this.requireParentNow(path)]);
    if (directory !== undefined) throw new StorageError('is-a-directory', 'This is a directory.');
  }

  /** Throws 'exists', 'not-found' (the parent), 'not-a-directory'. Under the claim on the path. */
  async make(path: StorePath, change: AttributeChange): Promise<void> {
    const exists = new StorageError('exists', 'The name exists already.');
    if (path === '') throw exists;
    const [file, directory] = await Promise.all([
      this.fileAt(path, this.#keys.newKey(path)),
      this.hasKeys(path),
      this.requireParentNow(path),
    ]);
    if (file !== undefined || directory) throw exists;
    // The tag tells the marker of a try whose answer was lost from that of another client.
    const metadata = { ...applyChange('directory', {}, change), [UPLOAD_TAG]: randomBytes(16).toString('hex') };
    await this.writeMarker(path, metadata, { exclusive: true });
  }

  async writeMarker(
    path: StorePath,
    metadata: Readonly<Record<string, string>>,
    condition: { readonly exclusive: boolean },
  ): Promise<void> {
    const properties = { metadata, contentType: MARKER_TYPE };
    await this.#objects.put(this.#keys.directoryPrefix(path), Buffer.alloc(0), properties, condition);
    this.#note(this.#marked, path);
    this.#note(this.#seen, path);
  }

  /** Throws 'not-found', 'not-a-directory', 'not-empty'. Keys that listings hide count too. Under the claim on the path. */
  async remove(path: StorePath): Promise<void> {
    if (path === '') throw new StorageError('permission-denied', 'The root directory cannot be removed.');
    if (!this.#keys.canBeDirectory(path)) throw await this.#noDirectory(path);
    const prefix = this.#keys.directoryPrefix(path);
    const [file, page, marker] = await Promise.all([
      this.#objects.head(this.#keys.fileKey(path)),
      this.#objects.list({ prefix, maxKeys: 2 }),
      this.#objects.head(prefix),
    ]);
    if (file !== undefined) throw new StorageError('not-a-directory', 'This is not a directory.');
    if (page.count === 0) throw new StorageError('not-found', 'No such directory.');
    const notEmpty = new StorageError('not-empty', 'The directory is not empty.');
    if (page.count > 1 || page.objects[0]?.key !== prefix) throw notEmpty;
    this.forget(path);
    await this.removeEntry(path, async () => this.#objects.delete(prefix));
    // Whoever has found the directory there before it went is still at work, and has the claim on what it makes in it.
    await this.#claims.othersEnded(path);
    if (!(await this.hasKeys(path))) return;
    const { [UPLOAD_TAG]: _, ...metadata } = marker?.properties.metadata ?? {};
    await this.writeMarker(path, metadata, { exclusive: false });
    throw notEmpty;
  }

  /** Runs `remove`, which takes the file or directory `path` away, and keeps the directory that it was in. */
  async removeEntry(path: StorePath, remove: () => Promise<void>): Promise<void> {
    const parent = parentOf(path);
    if (parent === '' || this.#isNoted(this.#marked, parent)) {
      await remove();
      return;
    }
    await this.#removals.run([parent], async () => {
      await this.#keepParent(parent, path);
      await remove();
    });
  }

  /** A path is no longer known to be a directory, nor is anything under it. */
  forget(path: StorePath): void {
    for (const known of [this.#seen, this.#marked]) {
      for (const other of known.keys()) if (isInside(other, path)) known.delete(other);
    }
  }

  /** Whether there is any key in the directory beside this one. */
  async #hasOthers(directory: StorePath, key: string): Promise<boolean> {
    const page = await this.#objects.list({ prefix: this.#keys.directoryPrefix(directory), maxKeys: 2 });
    return page.count > 1 || (page.count === 1 && page.objects[0]?.key !== key);
  }

  async #noDirectory(path: StorePath): Promise<StorageError> {
    const file = await this.#objects.head(this.#keys.fileKey(path));
    if (file !== undefined) return new StorageError('not-a-directory', 'A part of the path is not a directory.');
    return new StorageError('not-found', 'No such directory.');
  }

  /** Writes the parent's marker if it has none and nothing but `path` is in it. */
  async #keepParent(parent: StorePath, path: StorePath): Promise<void> {
    if (this.#isNoted(this.#marked, parent)) return;
    const prefix = this.#keys.directoryPrefix(parent);
    const own = this.#keys.fileKey(path);
    const page = await this.#objects.list({ prefix, delimiter: '/', maxKeys: 3 });
    if (page.objects[0]?.key === prefix) {
      this.#note(this.#marked, parent);
      return;
    }
    const others =
      page.count -
      page.objects.filter(({ key }) => key === own).length -
      page.prefixes.filter((p) => p === `${own}/`).length;
    if (others === 0) await this.writeMarker(parent, {}, { exclusive: false });
  }

  #note(known: Map<StorePath, number>, path: StorePath): void {
    known.delete(path);
    known.set(path, this.#clock.now() + SEEN_MS);
    if (known.size > MAX_SEEN) for (const oldest of known.keys()) return void known.delete(oldest);
  }

  #isNoted(known: Map<StorePath, number>, path: StorePath): boolean {
    return (known.get(path) ?? 0) > this.#clock.now();
  }
}
