import {
  StorageError,
  type AttributeChange,
  type Entry,
  type OpenWriteOptions,
  type ReadHandle,
  type StorePath,
  type WriteHandle,
} from '../../object-store.ts';
import { fileEntry } from '../mapping/attributes.ts';
import { DownloadHandle } from '../download/download-handle.ts';
import { toStorageError } from '../api/errors.ts';
import { SerialQueue } from '../../flow/serial-queue.ts';
import { ended, type UploadState, type UploadTarget } from './upload-state.ts';
import { Upload, type UploadContext } from './upload.ts';
import type { S3Context } from '../s3-context.ts';

export type UploadHandleContext = UploadContext &
  Pick<S3Context, 'partialUploads' | 'setStat' | 'listTimes' | 'attributeDefaults'>;

/** Memory of an upload that has received nothing for so long goes to those that wait for it. Milliseconds. */
const IDLE_MS = 1_000;

/** An open file that is written. Calls are carried out one after the other, in the order in which they were made. */
export class UploadHandle implements WriteHandle {
  readonly isNew: boolean;
  readonly #context: UploadHandleContext;
  #path: StorePath;
  #options: OpenWriteOptions;
  #upload: Upload;
  readonly #queue = new SerialQueue();
  readonly #onEnd: () => void;
  readonly #endShortage: () => void;
  /** Ends waits for memory. */
  #waits = new AbortController();
  #partFailed = false;
  /** A write was ended while it waited: those behind it, taken now, would close the gap that it left in an append. */
  #interruption: StorageError | undefined;
  #received = 0;
  /** Bytes were received, or another size was set. */
  #changed = false;
  /** Calls that have not ended. */
  #steps = 0;
  #lastStep: number;
  #parking = false;

  /** `onEnd` is called once, when nothing of the handle is left. */
  constructor(context: UploadHandleContext, target: UploadTarget, options: OpenWriteOptions, onEnd: () => void) {
    this.#context = context;
    this.isNew = target.existing === undefined;
    this.#path = target.path;
    this.#options = options;
    this.#onEnd = onEnd;
    this.#lastStep = context.clock.now();
    const attributes = context.setStat === 'store' ? options.attributes : {};
    this.#upload = this.#begin(target, { ...options, attributes });
    this.#endShortage = context.buffers.register({
      idleMs: (kind) => (this.#steps > 0 || !this.#upload.holds(kind) ? undefined : this.#idleMs),
      reclaim: () => {
        this.#parkIfIdle();
      },
      giveUp: () => {
        void this.#giveUp();
      },
    });
  }

  get phase(): UploadState['phase'] {
    return this.#upload.state.phase;
  }

  /** After the calls before it: a session may ask by path right behind a WRITE. */
  async stat(): Promise<Entry> {
    return this.#step(async () => {
      const { size, metadata, unchangedBase } = this.#upload;
      const stored = unchangedBase?.lastModified ?? Math.floor(this.#context.clock.now() / 1000);
      return Promise.resolve(fileEntry({ size, lastModified: stored, metadata }, this.#context));
    });
  }

  async write(offset: number | 'end', chunks: readonly Buffer[]): Promise<void> {
    return this.#step(async () => {
      const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      if (length === 0) return;
      await this.#upload.write(offset === 'end' || this.#options.append ? this.#upload.size : offset, chunks);
      this.#received += length;
      this.#changed = true;
    });
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const read = await this.#step(async () => {
      try {
        return await this.#upload.read(offset, length);
      } catch (error) {
        // A question that cannot be answered is no failure of the upload.
        if (error instanceof StorageError && error.code === 'unsupported') return error;
        throw error;
      }
    });
    if (read instanceof StorageError) throw read;
    return read;
  }

  async truncate(size: number): Promise<void> {
    return this.#step(async () => {
      // Some clients set the size that the file has: that changes nothing.
      if (size === this.#upload.size) return;
      await this.#upload.truncate(size);
      this.#changed = true;
    });
  }

  async setAttributes(change: AttributeChange): Promise<void> {
    if (this.#context.setStat === 'refuse') {
      throw new StorageError('unsupported', 'This server does not set file attributes.');
    }
    if (this.#context.setStat === 'ignore') return;
    return this.#step(async () => {
      this.#upload.setAttributes(change);
      return Promise.resolve();
    });
  }

  /**
   * Every byte that was taken is stored as part of the multipart upload when this resolves; the last ones as a short
   * part that is sent again once it is full. Bytes written out of order, and those of a `spooled` file, are on the
   * local disk. The file itself appears at close, as always.
   */
  async sync(): Promise<void> {
    return this.#step(async () => this.#upload.sync());
  }

  async close(): Promise<void> {
    await this.#step(async () => this.#upload.commit({ onlyOverBase: !this.#options.truncate }));
    this.#end();
  }

  async checkpoint(): Promise<void> {
    return this.#step(async () => {
      const existing = await this.#upload.commit({ onlyOverBase: !this.#options.truncate });
      const key = existing.key;
      this.#options = { ...this.#options, create: false, exclusive: false, truncate: false, attributes: {} };
      this.#upload = this.#begin({ path: this.#path, key, existing }, this.#options);
      this.#changed = false;
    });
  }

  /** Without its bytes it is as good as before until they are needed. */
  async keepBase(): Promise<void> {
    const { phase } = this.#upload.state;
    // Others need no base. They may wait for memory, and who replaces the file must not wait for that.
    if (phase !== 'untouched' && phase !== 'spooled') return;
    await this.#step(async () => this.#upload.keepBase().catch(() => undefined));
  }

  async moved(path: StorePath): Promise<boolean> {
    return this.#step(async () => {
      const follows = await this.#upload.move(path, this.#context.keys.newKey(path));
      if (follows) this.#path = path;
      return follows;
    });
  }

  /**
   * The file becomes a copy of the version that is open for reading, made by the store when this one is committed. Answers
   * its size in bytes; undefined where this is not possible, and nothing has changed then.
   */
  async copyWhole(source: ReadHandle): Promise<number | undefined> {
    if (!(source instanceof DownloadHandle)) return undefined;
    const version = source.versionIn(this.#context.objects);
    if (version === undefined) return undefined;
    return this.#step(async () => {
      if (!this.#upload.takeOver(version)) return Promise.resolve(undefined);
      this.#received += version.size;
      this.#changed = true;
      return Promise.resolve(version.size);
    });
  }

  async abandon(options?: { readonly discard: boolean }): Promise<'stored' | 'discarded'> {
    const discard = options?.discard === true || this.#context.partialUploads === 'discard';
    // Nobody waits any more for the writes that wait for memory.
    this.#waits.abort(new StorageError('failure', 'The file was closed.'));
    return this.#queue.run(async () => {
      const { phase } = this.#upload.state;
      if (phase === 'done') return 'stored';
      if (phase === 'failed') return 'discarded';
      const reason = discard
        ? 'discarded by the settings'
        : this.#changed
          ? await this.#storePart()
          : 'nothing received';
      const outcome = reason === undefined ? 'stored' : 'discarded';
      if (reason !== undefined) await this.#upload.fail(new StorageError('failure', 'The file was closed.'));
      this.#context.events('PARTIAL_CLOSE', {
        path: this.#path,
        receivedBytes: this.#received,
        outcome,
        ...(reason === undefined ? {} : { reason }),
      });
      this.#end();
      return outcome;
    });
  }

  /** Why the part was not stored; undefined if it was. Somebody else's file is never replaced by a part. */
  async #storePart(): Promise<string | undefined> {
    this.#waits = new AbortController();
    try {
      await this.#upload.cutAtFirstGap();
      await this.#upload.commit({ onlyOverBase: true });
      return undefined;
    } catch (error) {
      const failure = toStorageError(error, 'abandon');
      if (failure.code === 'changed' || failure.code === 'exists') return 'the name has another file by now';
      this.#context.events('PARTIAL_CLOSE_FAILED', { path: this.#path, code: failure.code, detail: failure.detail });
      return failure.message;
    }
  }

  #begin(target: UploadTarget, options: OpenWriteOptions): Upload {
    return new Upload(this.#context, target, options, {
      signal: () => this.#waits.signal,
      onPartFailure: (failure) => {
        this.#partFailed = true;
        this.#waits.abort(failure);
      },
    });
  }

  /** Runs one call after those before it. An error ends the upload: nothing after it could be right. */
  async #step<T>(task: () => Promise<T>): Promise<T> {
    this.#steps += 1;
    return this.#queue.run(async () => {
      const { signal } = this.#waits;
      try {
        const { state } = this.#upload;
        if (state.phase === 'done' || state.phase === 'failed') throw ended(state);
        if (this.#interruption !== undefined) throw this.#interruption;
        return await task();
      } catch (error) {
        const failure = toStorageError(error, 'upload');
        // A wait that `abandon` has ended is no failure: what was taken until then may still be stored.
        const cancelled = signal.aborted && signal.reason === failure && !this.#partFailed;
        if (cancelled) this.#interruption = failure;
        else if (await this.#upload.fail(failure)) this.#end();
        throw failure;
      } finally {
        this.#steps -= 1;
        this.#lastStep = this.#context.clock.now();
      }
    });
  }

  get #idleMs(): number {
    return this.#context.clock.now() - this.#lastStep;
  }

  /** Many clients that each hold a part and send no more would otherwise keep those waiting that do send. */
  #parkIfIdle(): void {
    if (this.#upload.memoryBytes === 0 || this.#steps > 0 || this.#idleMs < IDLE_MS || this.#parking) return;
    this.#parking = true;
    void this.#park();
  }

  /** No step: a part that cannot be put away stays as idle as it was. */
  async #park(): Promise<void> {
    await this.#queue.run(async () => {
      try {
        const bytes = await this.#upload.park();
        if (bytes > 0) this.#context.events('UPLOAD_PARKED', { path: this.#path, bytes });
      } catch (error) {
        if (await this.#upload.fail(toStorageError(error, 'upload'))) this.#end();
      }
    });
    this.#parking = false;
  }

  /** The file is not stored, and its next call says why. The old file stays. */
  async #giveUp(): Promise<void> {
    const failure = new StorageError(
      'unavailable',
      'The server needs its memory for other uploads; this one was idle for too long. Please send the file again.',
    );
    await this.#queue.run(async () => {
      // It has gone on while this waited for its turn.
      if (this.#steps > 0) return;
      const idleMs = this.#idleMs;
      if (!(await this.#upload.fail(failure))) return;
      this.#context.events('UPLOAD_GIVE_UP', { path: this.#path, receivedBytes: this.#received, idleMs });
      this.#end();
    });
  }

  #end(): void {
    this.#endShortage();
    this.#onEnd();
  }
}
