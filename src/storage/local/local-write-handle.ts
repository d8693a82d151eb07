import type { Stats } from 'node:fs';
import { KEPT_MODE_BITS, StorageError } from '../object-store.ts';
import type { AttributeChange, Entry, OpenWriteOptions, StorePath, WriteHandle } from '../object-store.ts';
import { STORE_ROOT } from '../store-path.ts';
import type { FileCopier } from './copy-bytes.ts';
import {
  byteLength,
  chownDescriptor,
  closeDescriptor,
  readFully,
  statDescriptor,
  syncDescriptor,
  truncateDescriptor,
  writeFully,
} from './descriptor.ts';
import type { DirectoryRef } from './directory-ref.ts';
import { ExtentSet } from '../flow/extents.ts';
import { asStorageError, errnoOf, toStorageError } from './errno.ts';
import { GatheredWrites } from './gathered-writes.ts';
import { applyToDescriptor } from './local-attributes.ts';
import { entryOf } from './local-entry.ts';
import { lstatOrUndefined, type Located } from './path-resolver.ts';
import { RangeLock } from './range-lock.ts';
import { isSameVersion, isUnchanged, TemporaryFile, type Target } from './temporary-file.ts';

/** What a write handle starts from. The handle releases the directory and closes the base. */
export interface LocalUpload {
  readonly directory: DirectoryRef;
  readonly name: string;
  readonly options: OpenWriteOptions;
  readonly partialUploads: 'store' | 'discard';
  /** Whether close and sync wait for the disk. */
  readonly sync: boolean;
  readonly copier: FileCopier;
  /** What the file may have of holes. Bytes. */
  readonly maxSparseBytes: number;
  /** The file that is at the name, undefined where none is. */
  readonly existing: Stats | undefined;
  /** That file, open for reading, where its bytes are kept. */
  readonly base: number | undefined;
  /** Where a path is, and what is there. Whoever gets it releases the directory. */
  readonly locate: (path: StorePath) => Promise<Located>;
  /** Told once, when nothing of the handle is left. */
  readonly onEnd: (handle: LocalWriteHandle) => void;
  /** Attributes of the file that it began from were set. */
  readonly onTouched: (before: Stats, after: Stats) => Promise<void>;
}

/** Where the version becomes the file. */
interface Place {
  readonly directory: DirectoryRef;
  readonly name: string;
  /** The file that it changes or replaces; undefined for a new one. */
  readonly existing: Stats | undefined;
}

type Outcome = 'stored' | 'discarded';

/** Writes up to this length are gathered: their bytes cost less to copy than a system call in a thread. */
const SMALL_WRITE_BYTES = 4096;

/** The mode of a file whose client names none, as with open(2): the umask takes the rest. */
const DEFAULT_MODE = 0o666;

/**
 * Writes a new version beside the file and puts it in place at close, or at the first checkpoint: from that on it writes
 * into the file itself, as any program would.
 *
 * A file that is opened to keep its bytes is copied at the first change only: until then the handle reads the old
 * file, and if no change comes, nothing is replaced. The old file stays as it is in any case until the close.
 *
 * Small writes are taken into memory and go to the file together, at the latest before whatever else is asked of the
 * handle. One that fails there makes all later calls fail, the close with them, so that nothing is taken for stored.
 */
export class LocalWriteHandle implements WriteHandle {
  readonly isNew: boolean;
  readonly keepsHoles = true;
  readonly #upload: LocalUpload;
  #place: Place;
  /** The temporary file has become the file. */
  #published = false;
  /** It has lost its name, and will not be stored. */
  #detached = false;
  /** It has, or is about to: nothing is gathered any more. */
  #visible = false;
  /** Everything that uses a descriptor runs in here, so that closing can wait for it. */
  readonly #ranges = new RangeLock();
  readonly #gathered = new GatheredWrites();
  /** Ends a copy of the old bytes that nobody waits for any more. */
  readonly #givenUp = new AbortController();
  /** Bytes that were left out, and holes that the old file has as far as it was copied. */
  #holes = 0;
  /** There once it holds everything that the file has so far. */
  #temporary: TemporaryFile | undefined;
  #preparing: Promise<TemporaryFile> | undefined;
  /** As the calls so far leave it, in flight or not. */
  #size: number;
  /** Bytes were received, or another size was set. */
  #dirty = false;
  /** What the file kept or a write has reached: for where it ends if the client does not close it. */
  readonly #reached = new ExtentSet();
  /** Mode and times, applied at the end: later writes would change the times again. */
  #change: AttributeChange;
  #failure: StorageError | undefined;
  #outcome: Promise<Outcome> | undefined;

  private constructor(upload: LocalUpload) {
    const { mtime, atime } = upload.options.attributes;
    this.#upload = upload;
    this.isNew = upload.existing === undefined;
    this.#place = { directory: upload.directory, name: upload.name, existing: upload.existing };
    this.#size = upload.base === undefined ? 0 : (upload.existing?.size ?? 0);
    this.#reached.add(0, this.#size);
    this.#change = { ...(mtime !== undefined && { mtime }), ...(atime !== undefined && { atime }) };
  }

  static async open(upload: LocalUpload): Promise<LocalWriteHandle> {
    const handle = new LocalWriteHandle(upload);
    try {
      if (upload.base === undefined) await handle.#prepare(0);
      return handle;
    } catch (error) {
      await handle.#release();
      throw error;
    }
  }

  async stat(): Promise<Entry> {
    this.#check();
    const { mode, ...times } = this.#change;
    const size = this.#size;
    void this.#writeGathered();
    return this.#ranges.run(0, 0, true, async () => {
      const { kind, attributes } = entryOf(await asStorageError(() => statDescriptor(this.#readable())));
      const bits = mode === undefined ? attributes.mode : (attributes.mode & ~0o7777) | (mode & KEPT_MODE_BITS);
      return { kind, attributes: { ...attributes, ...times, mode: bits, size } };
    });
  }

  async write(offset: number | 'end', chunks: readonly Buffer[]): Promise<void> {
    this.#check();
    const length = byteLength(chunks);
    if (length === 0) return;
    const start = offset === 'end' || this.#upload.options.append ? this.#size : offset;
    checkSize(start + length);
    this.#leaveOut(start - this.#size);
    this.#size = Math.max(this.#size, start + length);
    this.#reach(start, start + length);
    this.#dirty = true;
    // Where there is no file to write to yet, making one may fail: that is better told now. And what is written into a file
    // that all see is seen.
    if (length > SMALL_WRITE_BYTES || this.#temporary === undefined || this.#visible) {
      void this.#writeGathered();
      return this.#writeNow(start, chunks, length);
    }
    if (this.#gathered.add(start, chunks, length)) return;
    // Waiting for what was here before, so that no more is gathered than the disk takes.
    const written = this.#writeGathered();
    this.#gathered.add(start, chunks, length);
    return written;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    this.#check();
    const end = Math.min(offset + length, this.#size);
    if (end <= offset) return Buffer.alloc(0);
    void this.#writeGathered();
    return this.#ranges.run(offset, end, true, async () => {
      const buffer = Buffer.allocUnsafeSlow(end - offset);
      const filled = await asStorageError(() => readFully(this.#readable(), buffer, offset));
      // A write further on is in flight: what lies before it is a hole.
      return filled < buffer.length ? buffer.fill(0, filled) : buffer;
    });
  }

  async truncate(size: number): Promise<void> {
    this.#check();
    checkSize(size);
    // Some clients set the size that the file has: that changes nothing.
    if (size === this.#size) return;
    this.#leaveOut(size - this.#size);
    void this.#writeGathered();
    this.#size = size;
    this.#reached.remove(size, Number.MAX_SAFE_INTEGER);
    this.#dirty = true;
    return this.#mutate(0, Infinity, async () => {
      const { fd } = this.#temporary ?? (await this.#prepare(size));
      await truncateDescriptor(fd, size);
    });
  }

  async setAttributes(change: AttributeChange): Promise<void> {
    this.#check();
    if (this.#published) {
      void this.#writeGathered();
      await this.#ranges.run(0, Infinity, false, () => asStorageError(() => this.#apply(change)));
      return;
    }
    const { uid, gid, ...others } = change;
    this.#change = { ...this.#change, ...others };
    if (uid === undefined && gid === undefined) return;
    void this.#writeGathered();
    // At once, so that the client is told when it is not allowed to. That does not spoil the upload.
    await this.#ranges.run(0, Infinity, false, () =>
      asStorageError(async () => {
        const { fd } = this.#temporary ?? (await this.#prepare(Infinity));
        await chownDescriptor(fd, uid ?? -1, gid ?? -1);
      }),
    );
  }

  /** The whole of another file instead of writes: `size` bytes of the descriptor. */
  async copyFrom(source: number, size: number): Promise<void> {
    this.#check();
    this.#size = size;
    this.#dirty = true;
    void this.#writeGathered();
    return this.#mutate(0, Infinity, async () => {
      const { fd } = this.#temporary ?? (await this.#prepare(0));
      this.#holes += await this.#upload.copier.copy(source, fd, size, true, this.#givenUp.signal);
    });
  }

  async sync(): Promise<void> {
    this.#check();
    void this.#writeGathered();
    // Over everything, since the writes before it must have ended; those after it wait for it.
    return this.#mutate(0, Infinity, async () => {
      if (this.#upload.sync && this.#temporary !== undefined) await syncDescriptor(this.#temporary.fd);
    });
  }

  async close(): Promise<void> {
    if (this.#outcome !== undefined) throw closed();
    const outcome = this.#end('whole');
    this.#outcome = outcome.catch(() => 'discarded');
    await outcome;
  }

  checkpoint(): Promise<void> {
    this.#check();
    this.#visible = true;
    void this.#writeGathered();
    return this.#mutate(0, Infinity, async () => {
      const temporary = this.#temporary;
      const { sync } = this.#upload;
      if (temporary !== undefined && !this.#published) {
        await applyToDescriptor(temporary.fd, this.#change);
        await this.#takeName(() => temporary.publish(this.#place.name, this.#target(), { sync }));
        this.#published = true;
      } else {
        await this.#apply(this.#change);
        if (temporary !== undefined && sync) await syncDescriptor(temporary.fd);
      }
      this.#change = {};
      this.#dirty = false;
      this.#reach(0, this.#size);
    });
  }

  async moved(path: StorePath): Promise<boolean> {
    this.#check();
    const { directory, name, stats } = await this.#upload.locate(path);
    await this.#mutate(0, Infinity, async () => {
      const before = this.#place;
      try {
        await this.#temporary?.moveTo(directory);
      } catch (error) {
        directory.release();
        throw error;
      }
      this.#place = { directory, name, existing: stats };
      before.directory.release();
    });
    return true;
  }

  /**
   * The attributes of a file were set, perhaps by another of its names. Where it is the one that this changes, it still is;
   * and where it still has the name of this, they hold for this too.
   */
  async touched(before: Stats, after: Stats): Promise<void> {
    const { existing, directory, name } = this.#place;
    const isBase = existing !== undefined && isSameVersion(existing, before);
    if (isBase) this.#place = { ...this.#place, existing: after };
    if (this.#preparing === undefined || this.#published || (!isBase && after.nlink < 2)) return;
    const now = await lstatOrUndefined(directory.path(name));
    if (now === undefined || !isSameVersion(now, after)) return;
    const { mode, mtimeMs, atimeMs } = after;
    if (before.mode !== mode) this.#change = { ...this.#change, mode: mode & KEPT_MODE_BITS };
    // Who starts empty has times of his own.
    if (isBase && before.mtimeMs !== mtimeMs && this.#upload.base !== undefined) {
      const times = { mtime: Math.floor(mtimeMs / 1000), atime: Math.floor(atimeMs / 1000) };
      this.#change = { ...this.#change, ...times };
    }
  }

  /** Nothing of it is left in the directory, which may be removed: the bytes are there as long as it is open. */
  async detached(): Promise<void> {
    this.#detached = true;
    await this.#ranges.run(0, Infinity, false, async () => this.#temporary?.unname());
  }

  stopCopying(): void {
    this.#givenUp.abort(new StorageError('failure', 'The file was given up while its old bytes were being copied'));
  }

  abandon(options?: { readonly discard: boolean }): Promise<Outcome> {
    this.stopCopying();
    const keep = this.#dirty && this.#upload.partialUploads === 'store' && options?.discard !== true;
    // What was written into the file that all see is there.
    const store = keep || this.#published;
    this.#outcome ??= this.#end(store ? 'what was received' : 'nothing').catch(() => 'discarded');
    return this.#outcome;
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#outcome !== undefined) throw closed();
  }

  /** An operation on the bytes: one that fails makes all later ones fail, and the close. */
  #mutate(start: number, end: number, action: () => Promise<void>): Promise<void> {
    return this.#ranges.run(start, end, false, async () => {
      if (this.#failure !== undefined) throw this.#failure;
      try {
        await action();
      } catch (error) {
        this.#failure ??= toStorageError(error);
        throw this.#failure;
      }
    });
  }

  async #writeNow(start: number, chunks: readonly Buffer[], length: number): Promise<void> {
    return this.#mutate(start, start + length, async () => {
      const { fd } = this.#temporary ?? (await this.#prepare(Infinity));
      await writeFully(fd, chunks, start);
    });
  }

  /** Whatever follows on it comes after the gathered bytes. Who does not wait for it learns of a failure later. */
  #writeGathered(): Promise<void> {
    const gathered = this.#gathered.take();
    if (gathered === undefined) return Promise.resolve();
    const written = this.#writeNow(gathered.start, [gathered.bytes], gathered.bytes.length);
    written.catch(() => undefined);
    return written;
  }

  /** The descriptor that has the bytes as they are. */
  #readable(): number {
    const fd = this.#temporary?.fd ?? this.#upload.base;
    if (fd === undefined) throw closed();
    return fd;
  }

  /** Makes the temporary file, with the first `keep` bytes of the old one. Once; the first caller's `keep` counts. */
  #prepare(keep: number): Promise<TemporaryFile> {
    this.#preparing ??= this.#makeTemporary(keep);
    return this.#preparing;
  }

  async #makeTemporary(keep: number): Promise<TemporaryFile> {
    const { base, options, copier } = this.#upload;
    const { directory, existing } = this.#place;
    const { mode = DEFAULT_MODE, uid, gid } = options.attributes;
    const temporary = await this.#create(directory, existing === undefined ? mode & KEPT_MODE_BITS : 0o600);
    try {
      if (existing !== undefined) {
        if (base !== undefined) {
          const kept = Math.min(keep, existing.size);
          const { signal } = this.#givenUp;
          this.#holes += await copier.copy(base, temporary.fd, kept, keep >= existing.size, signal);
          if (this.#holes > this.#upload.maxSparseBytes) throw tooSparse();
        }
        await temporary.takeAfter(existing);
      } else if (uid !== undefined || gid !== undefined) {
        // Who may not give files away gets the file all the same, as with the attributes of SSH_FXP_OPEN elsewhere.
        await chownDescriptor(temporary.fd, uid ?? -1, gid ?? -1).catch(() => undefined);
      }
    } catch (error) {
      await temporary.discard();
      throw error;
    }
    this.#temporary = temporary;
    return temporary;
  }

  async #create(directory: DirectoryRef, mode: number): Promise<TemporaryFile> {
    if (!this.#detached) return TemporaryFile.create(directory, mode);
    // Its own directory may be gone.
    const root = await this.#upload.locate(STORE_ROOT);
    try {
      return await TemporaryFile.createNameless(root.directory, mode);
    } finally {
      root.directory.release();
    }
  }

  async #end(commit: 'whole' | 'what was received' | 'nothing'): Promise<Outcome> {
    try {
      if (commit !== 'nothing') void this.#writeGathered();
      await this.#ranges.idle();
      if (this.#failure !== undefined) throw this.#failure;
      if (commit === 'nothing') return 'discarded';
      return await asStorageError(async () => {
        if (commit === 'what was received') {
          if (!(await this.#isUndisturbed())) return 'discarded';
          if (!this.#published) await this.#cutAtFirstGap();
        }
        await this.#commit();
        return 'stored';
      });
    } finally {
      await this.#release();
    }
  }

  /** Whether nobody has put another file at the name since. A part never takes the place of somebody's whole file. */
  async #isUndisturbed(): Promise<boolean> {
    const { directory, name, existing } = this.#place;
    const path = directory.path(name);
    if (this.#published && this.#temporary !== undefined) {
      const [own, now] = [await statDescriptor(this.#temporary.fd), await lstatOrUndefined(path)];
      return now?.ino === own.ino && now.dev === own.dev;
    }
    return existing === undefined ? (await lstatOrUndefined(path)) === undefined : isUnchanged(path, existing);
  }

  /** What may be at the name at the commit. */
  #target(): Target {
    const { options } = this.#upload;
    if (options.create && options.exclusive && this.#place.existing === undefined) return 'nothing';
    return options.truncate ? 'anything' : (this.#place.existing ?? 'nothing');
  }

  /** What lies behind a gap would make the file look longer to a client that resumes than what it has sent. */
  async #cutAtFirstGap(): Promise<void> {
    const end = this.#reached.endOfRun(0);
    if (end < this.#size && this.#temporary !== undefined) await truncateDescriptor(this.#temporary.fd, end);
  }

  /** The file grows by so many bytes that nobody writes. Throws where it has too many of them. */
  #leaveOut(bytes: number): void {
    if (bytes <= 0) return;
    if (this.#holes + bytes > this.#upload.maxSparseBytes) throw tooSparse();
    this.#holes += bytes;
  }

  #reach(from: number, to: number): void {
    try {
      this.#reached.add(from, to);
    } catch {
      // In too many pieces to remember: taken for a gap, which only matters if the client never closes the file.
    }
  }

  async #commit(): Promise<void> {
    const { sync } = this.#upload;
    if (this.#published || this.#temporary === undefined) {
      await this.#apply(this.#change);
      if (this.#temporary !== undefined && sync) await syncDescriptor(this.#temporary.fd);
      return;
    }
    const temporary = this.#temporary;
    await applyToDescriptor(temporary.fd, this.#change);
    await this.#takeName(() => temporary.commit(this.#place.name, this.#target(), { sync }));
  }

  async #takeName(put: () => Promise<void>): Promise<void> {
    try {
      await put();
    } catch (error) {
      const isTaken = errnoOf(error) === 'EEXIST' && !this.#upload.options.exclusive;
      throw isTaken ? new StorageError('changed', 'Another file has been put there meanwhile') : error;
    }
  }

  async #apply(change: AttributeChange): Promise<void> {
    const fd = this.#temporary?.fd ?? this.#upload.base;
    if (fd === undefined) return;
    const before = await statDescriptor(fd);
    await applyToDescriptor(fd, change);
    // It still is the file that this began from, and others too.
    if (this.#temporary === undefined) await this.#upload.onTouched(before, await statDescriptor(fd));
  }

  /** Never throws. */
  async #release(): Promise<void> {
    const { base } = this.#upload;
    await this.#temporary?.discard();
    if (base !== undefined) await closeDescriptor(base).catch(() => undefined);
    this.#place.directory.release();
    this.#upload.onEnd(this);
  }
}

function checkSize(size: number): void {
  if (!Number.isSafeInteger(size) || size < 0) throw new StorageError('too-large', 'The file would be too large');
}

function tooSparse(): StorageError {
  return new StorageError('too-large', 'The file would have larger holes than are allowed');
}

function closed(): StorageError {
  return new StorageError('failure', 'The file is closed');
}
