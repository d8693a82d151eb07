import { randomBytes } from 'node:crypto';
import {
  StorageError,
  type AttributeChange,
  type Entry,
  type OpenWriteOptions,
  type StoreEventSink,
  type StorePath,
  type WriteHandle,
} from '../../object-store.ts';
import {
  applyChange,
  attributesFrom,
  isNoChange,
  definedOnly,
  mergeChanges,
  withoutTimes,
  type AttributeDefaults,
} from '../attributes.ts';
import { toStorageError } from '../errors.ts';
import { Lane } from '../lane.ts';
import { UPLOAD_TAG, type ObjectInfo, type ObjectProperties } from '../object-api.ts';
import { assemble, checkUnchanged } from './assemble.ts';
import { MultipartUpload } from './multipart.ts';
import { Overlay } from './overlay.ts';
import { MIN_PART_BYTES, planParts } from './part-plan.ts';
import { completePatched, type PatchTools } from './patch.ts';
import { PartStream } from './part-stream.ts';
import type { SpoolSpace } from './spool.ts';

export type PartialUploadPolicy = 'store' | 'discard';
export type SetStatPolicy = 'store' | 'ignore' | 'refuse';

export interface UploadTools extends PatchTools {
  readonly spool: SpoolSpace | undefined;
  /** Gives a stored object other metadata. */
  readonly rewriteMetadata: (key: string, change: AttributeChange) => Promise<void>;
  readonly partialUploads: PartialUploadPolicy;
  readonly setStat: SetStatPolicy;
  readonly defaults: AttributeDefaults;
  readonly events: StoreEventSink;
}

/**
 * Where a file is on its way to the store. `buffering` and `streaming` take writes in (almost) any order and send parts
 * as they fill; `spooled` holds changes over the stored object on local disk, for handles that read what they write, or
 * that write into the middle of a stored file, and sends at close.
 */
type UploadState =
  /** A stored file was opened to be continued, and nothing was written yet. */
  | { readonly phase: 'untouched'; readonly base: ObjectInfo }
  | { readonly phase: 'buffering'; readonly stream: PartStream }
  | {
      readonly phase: 'streaming';
      readonly stream: PartStream;
      readonly upload: MultipartUpload;
      readonly base: ObjectInfo | undefined;
    }
  | { readonly phase: 'spooled'; readonly overlay: Overlay }
  | { readonly phase: 'completing'; readonly size: number }
  | { readonly phase: 'done'; readonly size: number }
  | { readonly phase: 'failed'; readonly error: StorageError };

/** An open file that is written. Calls are carried out one after the other, in the order in which they were made. */
export class UploadHandle implements WriteHandle {
  readonly #tools: UploadTools;
  readonly #path: StorePath;
  readonly #key: string;
  readonly #options: OpenWriteOptions;
  /** The stored object whose bytes are kept. */
  readonly #base: ObjectInfo | undefined;
  /** What a file that replaces another keeps of it, as open(2) does: mode and owner, but not the times. */
  readonly #kept: ObjectProperties;
  readonly #onEnd: () => void;
  readonly #lane = new Lane();
  readonly #tag = randomBytes(16).toString('hex');
  #state: UploadState;
  #change: AttributeChange;
  /** What the multipart upload was begun with: later changes need a copy of the metadata after the end. */
  #changeAtBegin: AttributeChange | undefined;
  #waits = new AbortController();
  #received = 0;

  /** `existing` is the object at the key, if any. `onEnd` is called once, when nothing of the handle is left. */
  constructor(
    tools: UploadTools,
    target: { readonly path: StorePath; readonly key: string },
    options: OpenWriteOptions,
    existing: ObjectInfo | undefined,
    onEnd: () => void,
  ) {
    const base = options.truncate ? undefined : existing;
    this.#tools = tools;
    this.#path = target.path;
    this.#key = target.key;
    this.#options = options;
    this.#base = base;
    this.#onEnd = onEnd;
    const { [UPLOAD_TAG]: _, ...metadata } = withoutTimes(existing?.properties.metadata ?? {});
    this.#kept = options.truncate ? { metadata } : { ...existing?.properties, metadata };
    const { mtime, atime } = options.attributes;
    this.#change =
      tools.setStat !== 'store' ? {} : existing === undefined ? options.attributes : definedOnly({ mtime, atime });
    if (options.read) this.#state = { phase: 'spooled', overlay: this.#newOverlay() };
    else if (base !== undefined) this.#state = { phase: 'untouched', base };
    else this.#state = { phase: 'buffering', stream: this.#newStream({ firstNumber: 1, start: 0 }) };
  }

  get phase(): UploadState['phase'] {
    return this.#state.phase;
  }

  async stat(): Promise<Entry> {
    const now = Math.floor(this.#tools.clock.now() / 1000);
    const before = this.#state.phase === 'untouched' ? this.#state.base.properties.metadata : this.#kept.metadata;
    const metadata = applyChange('file', before, this.#change);
    return Promise.resolve({
      kind: 'file',
      attributes: attributesFrom('file', this.#size(), now, metadata, this.#tools.defaults),
    });
  }

  async write(offset: number, chunks: readonly Buffer[]): Promise<void> {
    return this.#step(async () => {
      const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      if (length === 0) return;
      const position = this.#options.append ? this.#size() : offset;
      await this.#prepare(position);
      const state = this.#state;
      switch (state.phase) {
        case 'buffering':
        case 'streaming':
          await state.stream.write(position, chunks);
          break;
        case 'spooled':
          await state.overlay.write(position, chunks);
          break;
        default:
          throw ended(state);
      }
      this.#received += length;
    });
  }

  async read(offset: number, length: number): Promise<Buffer> {
    if (!this.#options.read) throw new StorageError('permission-denied', 'The file is not open for reading.');
    return this.#step(async () => {
      if (this.#state.phase !== 'spooled') throw ended(this.#state);
      const { overlay } = this.#state;
      const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(length, overlay.size - offset)));
      await overlay.read(offset, bytes);
      return bytes;
    });
  }

  async truncate(size: number): Promise<void> {
    return this.#step(async () => {
      if (this.#state.phase === 'untouched') {
        if (size === this.#state.base.size) return;
        this.#state = { phase: 'spooled', overlay: this.#newOverlay() };
      }
      const state = this.#state;
      switch (state.phase) {
        case 'buffering':
        case 'streaming':
          return state.stream.truncate(size);
        case 'spooled':
          return state.overlay.truncate(size);
        default:
          throw ended(state);
      }
    });
  }

  async setAttributes(change: AttributeChange): Promise<void> {
    if (this.#tools.setStat === 'refuse') {
      throw new StorageError('unsupported', 'This server does not set file attributes.');
    }
    if (this.#tools.setStat === 'ignore') return;
    return this.#step(async () => {
      this.#change = mergeChanges(this.#change, change);
      return Promise.resolve();
    });
  }

  /**
   * Every byte that was taken is stored as part of the multipart upload when this resolves; the last ones as a short
   * part that is sent again once it is full. Bytes written out of order, and those of a `spooled` file, are on the
   * local disk. The file itself appears at close, as always.
   */
  async sync(): Promise<void> {
    return this.#step(async () => {
      const state = this.#state;
      if (state.phase === 'spooled') return state.overlay.sync();
      if (state.phase !== 'buffering' && state.phase !== 'streaming') return;
      await state.stream.sendTail();
      if (this.#state.phase === 'streaming') await this.#state.upload.drain();
    });
  }

  async close(): Promise<void> {
    return this.#step(async () => this.#commit());
  }

  async abandon(options?: { readonly discard: boolean }): Promise<'stored' | 'discarded'> {
    const discard = options?.discard === true || this.#tools.partialUploads === 'discard';
    // Nobody waits for the writes any more that wait for memory.
    this.#waits.abort(new StorageError('failure', 'The file was closed.'));
    return this.#lane.run(async () => {
      if (this.#state.phase === 'done') return 'stored';
      if (this.#state.phase === 'failed') return 'discarded';
      this.#waits = new AbortController();
      const received = this.#received;
      let outcome: 'stored' | 'discarded' = 'discarded';
      try {
        if (!discard && received > 0) {
          await this.#cutAtFirstGap();
          await this.#commit();
          outcome = 'stored';
        }
      } catch (error) {
        await this.#fail(toStorageError(error, 'abandon'));
      }
      if (outcome === 'discarded') await this.#fail(new StorageError('failure', 'The file was closed.'));
      this.#tools.events('PARTIAL_CLOSE', { path: this.#path, receivedBytes: received, outcome });
      return outcome;
    });
  }

  /** Runs one call after those before it. An error ends the upload: nothing after it could be right. */
  async #step<T>(task: () => Promise<T>): Promise<T> {
    return this.#lane.run(async () => {
      if (this.#state.phase === 'done' || this.#state.phase === 'failed') throw ended(this.#state);
      const waits = this.#waits;
      try {
        return await task();
      } catch (error) {
        const failure = toStorageError(error, 'upload');
        // A wait that `abandon` has ended is no failure: what was taken until then may still be stored.
        if (!waits.signal.aborted || waits.signal.reason !== failure || this.#partFailed) await this.#fail(failure);
        throw failure;
      }
    });
  }

  #partFailed = false;

  #size(): number {
    const state = this.#state;
    switch (state.phase) {
      case 'untouched':
        return state.base.size;
      case 'buffering':
      case 'streaming':
        return state.stream.size;
      case 'spooled':
        return state.overlay.size;
      case 'completing':
      case 'done':
        return state.size;
      case 'failed':
        throw state.error;
    }
  }

  /** Decides at the first write how a stored file is continued. */
  async #prepare(position: number): Promise<void> {
    if (this.#state.phase !== 'untouched') return;
    const { base } = this.#state;
    if (position !== base.size) {
      this.#state = { phase: 'spooled', overlay: this.#newOverlay() };
    } else if (base.size < MIN_PART_BYTES) {
      // Too small to be a part: its bytes are sent again with the new ones.
      const bytes = Buffer.allocUnsafe(base.size);
      await this.#tools.readBase(base, 0, bytes);
      const stream = this.#newStream({ firstNumber: 1, start: 0 });
      this.#state = { phase: 'buffering', stream };
      await stream.write(0, [bytes]);
    } else {
      const parts = planParts(base.size, [{ from: 0, to: base.size }], this.#tools.plan);
      const stream = this.#newStream({ firstNumber: parts.length + 1, start: base.size });
      const upload = await this.#beginUpload();
      this.#state = { phase: 'streaming', stream, upload, base };
      for (const { number, from, to } of parts) await upload.copy(number, base, from, to);
    }
  }

  async #commit(): Promise<void> {
    const state = this.#state;
    const size = this.#size();
    switch (state.phase) {
      case 'untouched':
        await this.#keepOnlyAttributes();
        break;
      case 'buffering': {
        const whole = await state.stream.takeWhole();
        if (whole === undefined) {
          await state.stream.finish();
          if (this.#state.phase === 'streaming') await this.#completeUpload(this.#state, size);
        } else {
          try {
            await this.#tools.objects.put(
              this.#key,
              whole.body,
              this.#properties(this.#options.exclusive ? this.#tag : undefined),
              {
                exclusive: this.#options.exclusive,
              },
            );
          } finally {
            whole.done();
          }
        }
        await state.stream.release();
        break;
      }
      case 'streaming':
        await state.stream.finish();
        await this.#completeUpload(state, size);
        await state.stream.release();
        break;
      case 'spooled':
        if (state.overlay.unchanged) await this.#keepOnlyAttributes();
        else {
          const target = {
            key: this.#key,
            properties: this.#properties(this.#tag),
            tag: this.#tag,
            exclusive: this.#options.exclusive,
          };
          await assemble(this.#tools, state.overlay, target, this.#waits.signal);
        }
        await state.overlay.release();
        break;
      default:
        throw ended(state);
    }
    this.#state = { phase: 'done', size };
    this.#onEnd();
  }

  async #completeUpload(state: Extract<UploadState, { phase: 'streaming' }>, size: number): Promise<void> {
    const { stream, upload, base } = state;
    await upload.drain();
    if (base !== undefined) await checkUnchanged(this.#tools.objects, base);
    if (this.#options.exclusive && (await this.#tools.objects.head(this.#key)) !== undefined) {
      // Not every store heeds the condition of the request that follows.
      throw new StorageError('exists', 'The file exists already.');
    }
    this.#state = { phase: 'completing', size };
    try {
      if (stream.patches === undefined) {
        await upload.complete(stream.nextNumber - 1, size, this.#options.exclusive);
      } else {
        const tag = randomBytes(16).toString('hex');
        const target = { key: this.#key, properties: this.#properties(tag), tag, exclusive: this.#options.exclusive };
        await completePatched(this.#tools, { upload, tag: this.#tag, stream }, target, this.#waits.signal);
        return;
      }
    } catch (error) {
      this.#state = state;
      throw error;
    }
    if (this.#change !== this.#changeAtBegin) await this.#tools.rewriteMetadata(this.#key, this.#change);
  }

  /** The file's bytes stay as they are. */
  async #keepOnlyAttributes(): Promise<void> {
    if (this.#base === undefined) return;
    if (isNoChange('file', this.#base.properties.metadata, this.#change)) return;
    await this.#tools.rewriteMetadata(this.#key, this.#change);
  }

  /** What lies behind a gap would make the file look longer to a client that resumes than what it has sent. */
  async #cutAtFirstGap(): Promise<void> {
    const state = this.#state;
    if (state.phase === 'buffering' || state.phase === 'streaming') {
      await state.stream.truncate(state.stream.contiguousEnd());
    } else if (state.phase === 'spooled') {
      await state.overlay.truncate(state.overlay.contiguousEnd());
    }
  }

  /** Leaves nothing: no part at the store, no memory, no spool file. */
  async #fail(error: StorageError): Promise<void> {
    const state = this.#state;
    if (state.phase === 'failed' || state.phase === 'done') return;
    this.#state = { phase: 'failed', error };
    if (state.phase === 'streaming') await state.upload.abort();
    if (state.phase === 'buffering' || state.phase === 'streaming') await state.stream.release();
    if (state.phase === 'spooled') await state.overlay.release();
    this.#onEnd();
  }

  #newOverlay(): Overlay {
    return new Overlay(this.#base, this.#tools.readBase, this.#tools.spool);
  }

  #newStream(origin: { readonly firstNumber: number; readonly start: number }): PartStream {
    const sink = {
      send: async (number: number, body: Buffer, done: () => void): Promise<void> => {
        let upload: MultipartUpload;
        try {
          upload = await this.#uploadOf(stream);
        } catch (error) {
          done();
          throw error;
        }
        await upload.send(number, body, done);
      },
    };
    const stream: PartStream = new PartStream(this.#tools, sink, () => this.#waits.signal, origin);
    return stream;
  }

  /** The multipart upload, begun with the first part. */
  async #uploadOf(stream: PartStream): Promise<MultipartUpload> {
    if (this.#state.phase === 'streaming') return this.#state.upload;
    const upload = await this.#beginUpload();
    this.#state = { phase: 'streaming', stream, upload, base: undefined };
    return upload;
  }

  async #beginUpload(): Promise<MultipartUpload> {
    this.#changeAtBegin = this.#change;
    return MultipartUpload.begin(this.#tools, this.#key, this.#properties(this.#tag), this.#tag, (failure) => {
      this.#partFailed = true;
      this.#waits.abort(failure);
    });
  }

  #properties(tag: string | undefined): ObjectProperties {
    const metadata = applyChange('file', this.#kept.metadata, this.#change);
    return { ...this.#kept, metadata: tag === undefined ? metadata : { ...metadata, [UPLOAD_TAG]: tag } };
  }
}

function ended(state: UploadState): StorageError {
  return state.phase === 'failed' ? state.error : new StorageError('failure', 'The file is closed.');
}
