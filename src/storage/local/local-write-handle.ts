import type { Stats } from 'node:fs';
import { KEPT_MODE_BITS, StorageError } from '../object-store.ts';
import type { AttributeChange, Entry, StorePath, WriteHandle } from '../object-store.ts';
import { STORE_ROOT } from '../store-path.ts';
import { CommitPlace } from './commit-place.ts';
import { byteLength, readFully, truncateDescriptor } from './descriptor.ts';
import { asStorageError, toStorageError } from './errno.ts';
import { IN_THREADS, type FileCalls } from './file-calls.ts';
import { GatheredWrites } from './gathered-writes.ts';
import { applyToDescriptor, changeBetween } from './local-attributes.ts';
import { entryOf } from './local-entry.ts';
import type { LocalUpload } from './local-upload.ts';
import type { LocalWriter } from './local-writers.ts';
import { RangeLock } from './range-lock.ts';
import { TemporaryFile } from './temporary-file.ts';
import { UploadExtent } from './upload-extent.ts';

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
export class LocalWriteHandle implements WriteHandle, LocalWriter {
  readonly isNew: boolean;
  readonly keepsHoles = true;
  readonly #upload: LocalUpload;
  readonly #place: CommitPlace;
  readonly #extent: UploadExtent;
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
  /** There once it holds everything that the file has so far. */
  #temporary: TemporaryFile | undefined;
  #preparing: Promise<TemporaryFile> | undefined;
  /** Bytes were received, or another size was set. */
  #dirty = false;
  /** Mode and times, applied at the end: later writes would change the times again. */
  #change: AttributeChange;
  #failure: StorageError | undefined;
  #outcome: Promise<Outcome> | undefined;

  private constructor(upload: LocalUpload) {
    const { place, base, options, maxSparseBytes } = upload;
    const { mtime, atime } = options.attributes;
    this.#upload = upload;
    this.isNew = place.stats === undefined;
    this.#place = new CommitPlace(place, options);
    this.#extent = new UploadExtent(base === undefined ? 0 : (place.stats?.size ?? 0), maxSparseBytes);
    this.#change = { ...(mtime !== undefined && { mtime }), ...(atime !== undefined && { atime }) };
  }

  static async open(upload: LocalUpload): Promise<LocalWriteHandle> {
    const handle = new LocalWriteHandle(upload);
    upload.writers.add(handle);
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
    const { size } = this.#extent;
    void this.#writeGathered();
    return this.#ranges.run(0, 0, true, async () => {
      const { kind, attributes } = entryOf(await asStorageError(() => this.#calls.stat(this.#readable())));
      const bits = mode === undefined ? attributes.mode : (attributes.mode & ~0o7777) | (mode & KEPT_MODE_BITS);
      return { kind, attributes: { ...attributes, ...times, mode: bits, size } };
    });
  }

  async write(offset: number | 'end', chunks: readonly Buffer[]): Promise<void> {
    this.#check();
    const length = byteLength(chunks);
    if (length === 0) return;
    const start = offset === 'end' || this.#upload.options.append ? this.#extent.size : offset;
    this.#extent.write(start, start + length);
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
    const end = Math.min(offset + length, this.#extent.size);
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
    // Some clients set the size that the file has: that changes nothing.
    if (size === this.#extent.size) return;
    this.#extent.truncate(size);
    void this.#writeGathered();
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
        const { fd, calls } = this.#temporary ?? (await this.#prepare(Infinity));
        await calls.chown(fd, uid ?? -1, gid ?? -1);
      }),
    );
  }

  /** The whole of another file instead of writes: `size` bytes of the descriptor. */
  async copyFrom(source: number, size: number): Promise<void> {
    this.#check();
    this.#extent.copied(size);
    this.#dirty = true;
    void this.#writeGathered();
    return this.#mutate(0, Infinity, async () => {
      const { fd } = this.#temporary ?? (await this.#prepare(0));
      await this.#upload.copier.copy(source, fd, size, true, this.#givenUp.signal);
    });
  }

  async sync(): Promise<void> {
    this.#check();
    void this.#writeGathered();
    // Over everything, since the writes before it must have ended; those after it wait for it.
    return this.#mutate(0, Infinity, async () => {
      if (this.#upload.sync && this.#temporary !== undefined) await this.#calls.sync(this.#temporary.fd);
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
      await this.#store('publish');
      this.#published = this.#temporary !== undefined;
      this.#change = {};
      this.#dirty = false;
      this.#extent.reachedAll();
    });
  }

  async moved(path: StorePath): Promise<boolean> {
    this.#check();
    const there = await this.#upload.locate(path);
    let unused = there.directory;
    try {
      await this.#mutate(0, Infinity, async () => {
        await this.#temporary?.moveTo(there.directory);
        unused = this.#place.moveTo(there);
      });
    } finally {
      unused.release();
    }
    return true;
  }

  /**
   * The attributes of a file were set, perhaps by another of its names. Where it is the one that this changes, it still is;
   * and where it still has the name of this, they hold for this too.
   */
  async touched(before: Stats, after: Stats): Promise<void> {
    const isBase = this.#place.touched(before, after);
    if (this.#preparing === undefined || this.#published || (!isBase && after.nlink < 2)) return;
    if (!(await this.#place.holds(after))) return;
    // Who starts empty has times of his own.
    const keepsTimes = isBase && this.#upload.base !== undefined;
    this.#change = { ...this.#change, ...changeBetween(before, after, { times: keepsTimes }) };
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
      const temporary = this.#temporary ?? (await this.#prepare(Infinity));
      await temporary.write(chunks, start, length);
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

  /** How calls are made where the file is. */
  get #calls(): FileCalls {
    return this.#place.directory.calls;
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
    const { existing } = this.#place;
    const { mode = DEFAULT_MODE, uid, gid } = options.attributes;
    const temporary = await this.#create(existing === undefined ? mode & KEPT_MODE_BITS : 0o600);
    try {
      if (existing !== undefined) {
        if (base !== undefined) {
          const kept = Math.min(keep, existing.size);
          const { signal } = this.#givenUp;
          this.#extent.addHoles(await copier.copy(base, temporary.fd, kept, keep >= existing.size, signal));
        }
        await temporary.takeAfter(existing);
      } else if (uid !== undefined || gid !== undefined) {
        // Who may not give files away gets the file all the same, as with the attributes of SSH_FXP_OPEN elsewhere.
        await temporary.calls.chown(temporary.fd, uid ?? -1, gid ?? -1).catch(() => undefined);
      }
    } catch (error) {
      await temporary.discard();
      throw error;
    }
    this.#temporary = temporary;
    return temporary;
  }

  async #create(mode: number): Promise<TemporaryFile> {
    if (!this.#detached) return TemporaryFile.create(this.#place.directory, mode);
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
          const published = this.#published ? this.#temporary?.fd : undefined;
          if (!(await this.#place.isUndisturbed(published))) return 'discarded';
          const end = this.#extent.firstGap;
          if (this.#temporary !== undefined && !this.#published && end < this.#extent.size) {
            await truncateDescriptor(this.#temporary.fd, end);
          }
        }
        await this.#store('commit');
        return 'stored';
      });
    } finally {
      await this.#release();
    }
  }

  /** What was written gets its attributes and its name, or where it has that already, comes to the disk. */
  async #store(how: 'publish' | 'commit'): Promise<void> {
    const { sync } = this.#upload;
    const temporary = this.#temporary;
    if (temporary === undefined || this.#published) {
      await this.#apply(this.#change);
      if (temporary !== undefined && sync) await this.#calls.sync(temporary.fd);
      return;
    }
    await applyToDescriptor(temporary.fd, this.#change, this.#calls);
    await this.#place.take((name, target) => temporary[how](name, target, { sync }));
  }

  /** Sets attributes of the file that all see. */
  async #apply(change: AttributeChange): Promise<void> {
    if (this.#temporary !== undefined) return applyToDescriptor(this.#temporary.fd, change, this.#calls);
    const { base, writers } = this.#upload;
    if (base === undefined || Object.keys(change).length === 0) return;
    // It still is the file that this began from, and others too.
    const set = () => applyToDescriptor(base, change, this.#calls);
    await writers.whileSetting(() => this.#calls.stat(base), set);
  }

  /** Never throws. */
  async #release(): Promise<void> {
    const { base, writers } = this.#upload;
    await this.#temporary?.discard();
    if (base !== undefined) await IN_THREADS.close(base).catch(() => undefined);
    this.#place.release();
    writers.remove(this);
  }
}

function closed(): StorageError {
  return new StorageError('failure', 'The file is closed');
}
