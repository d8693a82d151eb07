import { randomBytes } from 'node:crypto';
import { StorageError, type AttributeChange, type OpenWriteOptions } from '../../object-store.ts';
import {
  applyChange,
  definedOnly,
  isNoChange,
  mergeChanges,
  withoutTimes,
  type ObjectMetadata,
} from '../attributes.ts';
import { UPLOAD_TAG, type ObjectInfo, type ObjectProperties } from '../object-api.ts';
import { assemble, checkSparse, checkUnchanged } from './assemble.ts';
import { MultipartUpload } from './multipart.ts';
import { Overlay } from './overlay.ts';
import type { PartBody } from './open-part.ts';
import { MIN_PART_BYTES, planParts } from './part-plan.ts';
import { PartStream } from './part-stream.ts';
import { completePatched, type PatchTools } from './patch.ts';
import type { SpoolSpace } from './spool.ts';

export interface UploadTools extends PatchTools {
  readonly spool: SpoolSpace | undefined;
  /** Zeros that are stored for one file for bytes that nobody has written. */
  readonly maxSparseBytes: number;
  /** Gives a stored object other metadata. */
  readonly rewriteMetadata: (key: string, change: AttributeChange) => Promise<void>;
}

/**
 * Where a file is on its way to the store. `buffering` and `streaming` take writes in (almost) any order and send parts
 * as they fill; `spooled` holds changes over the stored object on local disk, for handles that read what they write, or
 * that write into the middle of a stored file, and sends at close.
 */
export type UploadState =
  /** A stored file was opened to be continued, and nothing was written yet. */
  | { readonly phase: 'untouched'; readonly base: ObjectInfo }
  | { readonly phase: 'buffering'; readonly stream: PartStream }
  | StreamingState
  | { readonly phase: 'spooled'; readonly overlay: Overlay }
  | { readonly phase: 'completing'; readonly size: number }
  | { readonly phase: 'done'; readonly size: number }
  | { readonly phase: 'failed'; readonly error: StorageError };

interface StreamingState {
  readonly phase: 'streaming';
  readonly stream: PartStream;
  readonly upload: MultipartUpload;
  /** The stored object whose bytes are the first parts. */
  readonly base: ObjectInfo | undefined;
}

export interface UploadTarget {
  readonly key: string;
  /** The object at the key when the file was opened. */
  readonly existing: ObjectInfo | undefined;
}

export interface UploadEnds {
  /** What ends waits for memory. */
  readonly signal: () => AbortSignal;
  /** Told when a part could not be sent. */
  readonly onPartFailure: (failure: StorageError) => void;
}

/** The state of one file being written. Calls must not overlap; upload-handle.ts sees to that. */
export class Upload {
  readonly #tools: UploadTools;
  readonly #key: string;
  readonly #options: OpenWriteOptions;
  readonly #ends: UploadEnds;
  /** The stored object whose bytes are kept. */
  readonly #base: ObjectInfo | undefined;
  /** What a file that replaces another keeps of it, as open(2) does: mode and owner, but not the times. */
  readonly #kept: ObjectProperties;
  readonly #tag = randomBytes(16).toString('hex');
  #state: UploadState;
  #change: AttributeChange;
  /** What the multipart upload was begun with: later changes need a copy of the metadata after the end. */
  #changeAtBegin: AttributeChange | undefined;

  /** `options.attributes` are those of a new file; of one that is written anew only the times are taken. */
  constructor(tools: UploadTools, target: UploadTarget, options: OpenWriteOptions, ends: UploadEnds) {
    this.#tools = tools;
    this.#key = target.key;
    this.#options = options;
    this.#ends = ends;
    const { existing } = target;
    this.#base = options.truncate ? undefined : existing;
    const { [UPLOAD_TAG]: _, ...metadata } = withoutTimes(existing?.properties.metadata ?? {});
    this.#kept = options.truncate ? { metadata } : { ...existing?.properties, metadata };
    const { mtime, atime } = options.attributes;
    this.#change = existing === undefined ? options.attributes : definedOnly({ mtime, atime });
    if (options.read) this.#state = { phase: 'spooled', overlay: this.#newOverlay() };
    else if (this.#base !== undefined) this.#state = { phase: 'untouched', base: this.#base };
    else this.#state = { phase: 'buffering', stream: this.#newStream({ firstNumber: 1, start: 0 }) };
  }

  get state(): UploadState {
    return this.#state;
  }

  /** Throws the failure of an upload that failed. */
  get size(): number {
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

  /** The metadata that the object would have if it were closed now. */
  get metadata(): ObjectMetadata {
    const before = this.#state.phase === 'untouched' ? this.#state.base.properties.metadata : this.#kept.metadata;
    return applyChange('file', before, this.#change);
  }

  /** Bytes of part memory that are held. */
  get memoryBytes(): number {
    const state = this.#state;
    return state.phase === 'buffering' || state.phase === 'streaming' ? state.stream.memoryBytes : 0;
  }

  async write(position: number, chunks: readonly Buffer[]): Promise<void> {
    if (this.#state.phase === 'untouched') await this.#continue(this.#state.base, position);
    const state = this.#state;
    switch (state.phase) {
      case 'buffering':
      case 'streaming':
        return state.stream.write(position, chunks);
      case 'spooled':
        return state.overlay.write(position, chunks);
      default:
        throw ended(state);
    }
  }

  async read(offset: number, length: number): Promise<Buffer> {
    if (this.#state.phase !== 'spooled') throw ended(this.#state);
    const { overlay } = this.#state;
    const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(length, overlay.size - offset)));
    await overlay.read(offset, bytes);
    return bytes;
  }

  async truncate(size: number): Promise<void> {
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
  }

  setAttributes(change: AttributeChange): void {
    this.#change = mergeChanges(this.#change, change);
  }

  async sync(): Promise<void> {
    const state = this.#state;
    if (state.phase === 'spooled') return state.overlay.sync();
    if (state.phase !== 'buffering' && state.phase !== 'streaming') return;
    await state.stream.sendTail();
    // The tail may have been the first part.
    if (this.#state.phase === 'streaming') await this.#state.upload.drain();
  }

  /** Whether memory of a starter, or of a whole part, is held. */
  holds(kind: 'starter' | 'part'): boolean {
    const state = this.#state;
    return (state.phase === 'buffering' || state.phase === 'streaming') && state.stream.holds(kind);
  }

  /** Gives part memory back at the price of local disk or of a short part. Answers how many bytes came free. */
  async park(): Promise<number> {
    const state = this.#state;
    return state.phase === 'buffering' || state.phase === 'streaming' ? state.stream.park() : 0;
  }

  /** What lies behind a gap would make the file look longer to a client that resumes than what it has sent. */
  async cutAtFirstGap(): Promise<void> {
    const state = this.#state;
    if (state.phase === 'buffering' || state.phase === 'streaming') {
      await state.stream.truncate(state.stream.contiguousEnd());
    } else if (state.phase === 'spooled') {
      await state.overlay.truncate(state.overlay.contiguousEnd());
    }
  }

  /** Makes the file the object at its key. After an error `fail` must follow. */
  async commit(): Promise<void> {
    const state = this.#state;
    const { size } = this;
    switch (state.phase) {
      case 'untouched':
        await this.#keepOnlyAttributes();
        break;
      case 'buffering':
      case 'streaming':
        checkSparse(state.stream.holes, this.#tools.maxSparseBytes);
        await this.#commitStream(state.stream, size);
        await state.stream.release();
        break;
      case 'spooled':
        checkSparse(state.overlay.holes, this.#tools.maxSparseBytes);
        // Nothing written over nothing kept is an empty file, and that is a new one.
        if (state.overlay.unchanged && this.#base !== undefined) await this.#keepOnlyAttributes();
        else await assemble(this.#tools, state.overlay, this.#target(this.#tag), this.#ends.signal());
        await state.overlay.release();
        break;
      default:
        throw ended(state);
    }
    this.#state = { phase: 'done', size };
  }

  /** Leaves nothing: no part at the store, no memory, no spool file. Never throws. False if it had ended already. */
  async fail(error: StorageError): Promise<boolean> {
    const state = this.#state;
    if (state.phase === 'failed' || state.phase === 'done') return false;
    this.#state = { phase: 'failed', error };
    if (state.phase === 'streaming') await state.upload.abort();
    if (state.phase === 'buffering' || state.phase === 'streaming') await state.stream.release();
    if (state.phase === 'spooled') await state.overlay.release();
    return true;
  }

  /** Decides at the first write how a stored file is continued. */
  async #continue(base: ObjectInfo, position: number): Promise<void> {
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
      const upload = await this.#beginUpload();
      const stream = this.#newStream({ firstNumber: parts.length + 1, start: base.size });
      this.#state = { phase: 'streaming', stream, upload, base };
      for (const { number, from, to } of parts) await upload.copy(number, base, from, to);
    }
  }

  async #commitStream(stream: PartStream, size: number): Promise<void> {
    // After a sync there is an upload, however small the file.
    const whole = this.#state.phase === 'buffering' ? await stream.takeWhole() : undefined;
    if (whole !== undefined) {
      const { exclusive } = this.#options;
      const properties = this.#properties(exclusive ? this.#tag : undefined);
      try {
        await this.#tools.objects.put(this.#key, whole.body, properties, { exclusive });
      } finally {
        whole.done();
      }
      return;
    }
    await stream.finish();
    // The last parts may have been the first ones.
    const state = this.#state;
    if (state.phase !== 'streaming') throw ended(state);
    await state.upload.drain();
    if (state.base !== undefined) await checkUnchanged(this.#tools.objects, state.base);
    if (this.#options.exclusive && (await this.#tools.objects.head(this.#key)) !== undefined) {
      // Not every store heeds the condition of the request that follows.
      throw new StorageError('exists', 'The file exists already.');
    }
    this.#state = { phase: 'completing', size };
    try {
      await this.#complete(state);
    } catch (error) {
      this.#state = state;
      throw error;
    }
  }

  async #complete({ stream, upload, base }: StreamingState): Promise<void> {
    if (stream.patches !== undefined) {
      const target = this.#target(randomBytes(16).toString('hex'));
      await completePatched(this.#tools, { upload, tag: this.#tag, stream }, target, this.#ends.signal());
      return;
    }
    await upload.complete(stream.nextNumber - 1, stream.size, {
      exclusive: this.#options.exclusive,
      replaces: base?.etag,
    });
    // A multipart upload has the metadata that it was begun with.
    if (this.#change !== this.#changeAtBegin) await this.#tools.rewriteMetadata(this.#key, this.#change);
  }

  /** The file's bytes stay as they are. */
  async #keepOnlyAttributes(): Promise<void> {
    if (this.#base === undefined || isNoChange('file', this.#base.properties.metadata, this.#change)) return;
    await this.#tools.rewriteMetadata(this.#key, this.#change);
  }

  #newOverlay(): Overlay {
    return new Overlay(this.#base, this.#tools.readBase, this.#tools.spool);
  }

  #newStream(origin: { readonly firstNumber: number; readonly start: number }): PartStream {
    const sink = {
      send: async (number: number, body: PartBody, done: () => void): Promise<void> => {
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
    const stream: PartStream = new PartStream(this.#tools, sink, this.#ends.signal, origin);
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
    const { onPartFailure } = this.#ends;
    return MultipartUpload.begin(this.#tools, this.#key, this.#properties(this.#tag), this.#tag, onPartFailure);
  }

  #target(tag: string): { key: string; properties: ObjectProperties; tag: string; exclusive: boolean } {
    return { key: this.#key, properties: this.#properties(tag), tag, exclusive: this.#options.exclusive };
  }

  #properties(tag: string | undefined): ObjectProperties {
    const metadata = applyChange('file', this.#kept.metadata, this.#change);
    return { ...this.#kept, metadata: tag === undefined ? metadata : { ...metadata, [UPLOAD_TAG]: tag } };
  }
}

/** Why a file in this state takes no more calls. */
export function ended(state: UploadState): StorageError {
  return state.phase === 'failed' ? state.error : new StorageError('failure', 'The file is closed.');
}
