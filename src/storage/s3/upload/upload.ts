import { randomBytes } from 'node:crypto';
import type { AttributeChange, OpenWriteOptions, StorageError, StorePath } from '../../object-store.ts';
import { sameEtag } from '../api/etag.ts';
import { changed } from '../api/object-api.ts';
import type { ObjectMetadata, WriteCondition } from '../api/object-fields.ts';
import type { ObjectInfo, VersionReference } from '../api/object-info.ts';
import type { PartBody } from '../api/send-body.ts';
import type { HeldNames } from '../claims/name-claims.ts';
import type { S3Context } from '../s3-context.ts';
import { checkSparse } from './assemble.ts';
import { commitVersion, type Commit, type CommitContext, type StoreVersion } from './commit.ts';
import { rewriteMetadata } from './metadata.ts';
import { MultipartUpload, type NewObject } from './multipart.ts';
import { Overlay } from './overlay.ts';
import { MIN_PART_BYTES, planParts } from './part-plan.ts';
import { PartStream } from './part-stream.ts';
import { completePatched, type PatchContext } from './patch.ts';
import { storeAttributes, storeOverlay, storeWhole } from './store-version.ts';
import { UploadAttributes } from './upload-attributes.ts';
import {
  ended,
  sentAway,
  type StreamingState,
  type UploadEnds,
  type UploadState,
  type UploadTarget,
} from './upload-state.ts';

export type UploadContext = PatchContext & CommitContext & Pick<S3Context, 'spool' | 'maxSparseBytes'>;

/** The state of one file being written. Calls must not overlap; upload-handle.ts sees to that. */
export class Upload {
  readonly #context: UploadContext;
  #options: OpenWriteOptions;
  readonly #ends: UploadEnds;
  /** Where the version is committed, and what was there when it began. */
  #target: UploadTarget;
  /** The stored object whose bytes are kept. */
  #base: ObjectInfo | undefined;
  /** The version of another file that this one takes over whole. */
  #source: ObjectInfo | undefined;
  readonly #attributes: UploadAttributes;
  #state: UploadState;

  constructor(context: UploadContext, target: UploadTarget, options: OpenWriteOptions, ends: UploadEnds) {
    this.#context = context;
    this.#target = target;
    this.#options = options;
    this.#ends = ends;
    const { existing } = target;
    this.#base = options.truncate ? undefined : existing;
    this.#attributes = new UploadAttributes(existing, options);
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
    return this.#attributes.metadata(this.unchangedBase?.properties.metadata);
  }

  /** The stored object, where every byte is still its. */
  get unchangedBase(): ObjectInfo | undefined {
    const state = this.#state;
    if (state.phase === 'untouched') return state.base;
    return state.phase === 'spooled' && state.overlay.unchanged && this.#source === undefined ? this.#base : undefined;
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

  /** Throws 'unsupported' for bytes that were sent away. */
  async read(offset: number, length: number): Promise<Buffer> {
    const bytes = Buffer.alloc(Math.max(0, Math.min(length, this.size - offset)));
    const state = this.#state;
    switch (state.phase) {
      case 'untouched':
        await this.#context.readBase(state.base, offset, bytes);
        break;
      case 'buffering':
      case 'streaming': {
        const base = state.phase === 'streaming' ? state.base : undefined;
        await state.stream.read(offset, bytes, async (from, into) => {
          if (base === undefined || from + into.length > base.size) throw sentAway();
          await this.#context.readBase(base, from, into);
        });
        break;
      }
      case 'spooled':
        await state.overlay.read(offset, bytes);
        break;
      default:
        throw ended(state);
    }
    return bytes;
  }

  /** What is at the key is about to go: from now on this does not need it, but for the bytes of a large one. */
  async keepBase(): Promise<void> {
    if (this.#state.phase === 'untouched') {
      // Without a local disk it goes on as it can: what is appended to the file needs none.
      if (this.#context.spool === undefined) return;
      this.#state = { phase: 'spooled', overlay: this.#newOverlay() };
    }
    if (this.#state.phase === 'spooled') await this.#state.overlay.keepBase();
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
    this.#attributes.set(change);
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

  /**
   * Takes over the whole content of a stored file, which the store copies when this one is committed. False where bytes
   * were written already, or kept.
   */
  takeOver(source: ObjectInfo): boolean {
    const state = this.#state;
    if (this.#base !== undefined || this.size > 0) return false;
    if (state.phase !== 'buffering' && !(state.phase === 'spooled' && state.overlay.unchanged)) return false;
    if (state.phase === 'buffering' && !state.stream.untouched) return false;
    this.#source = source;
    this.#state = { phase: 'spooled', overlay: this.#newOverlay() };
    return true;
  }

  /**
   * The path has this name now. False where parts are on their way to the old one: it is committed there, where nothing is
   * any more. Throws 'changed' where the kept bytes are not at the new one.
   */
  async move(path: StorePath, key: string): Promise<boolean> {
    const state = this.#state;
    if (state.phase === 'streaming') {
      this.#target = { ...this.#target, existing: undefined };
      return false;
    }
    if (state.phase !== 'untouched' && state.phase !== 'buffering' && state.phase !== 'spooled') throw changed();
    const { objects } = this.#context;
    const existing = await objects.head(key);
    if (this.#base !== undefined) {
      const { etag } = objects.sameBytes.latest(this.#base);
      if (existing === undefined || !sameEtag(existing.etag, etag)) throw changed();
      this.#base = existing;
      if (state.phase === 'untouched') this.#state = { phase: 'untouched', base: existing };
      else if (state.phase === 'spooled') state.overlay.rebase(existing);
    }
    this.#target = { path, key, existing };
    if (existing !== undefined) this.#options = { ...this.#options, exclusive: false };
    return true;
  }

  /**
   * Makes the file the object at its key, and answers that. With `onlyOverBase` nothing is replaced but what was there when
   * the version began. After an error `fail` must follow.
   */
  async commit({ onlyOverBase }: { readonly onlyOverBase: boolean }): Promise<ObjectInfo> {
    const state = this.#state;
    const { size } = this;
    const { path, key, existing: base } = this.#target;
    const { exclusive } = this.#options;
    const commit: Commit = async (store, how) =>
      commitVersion(this.#context, { path, key, base, onlyOverBase: onlyOverBase || exclusive, exclusive }, store, how);
    const unchanged = this.unchangedBase;
    let stored: VersionReference;
    const target = this.#attributes.objectAt(key);
    let { properties } = target;
    if (unchanged !== undefined) {
      const kept = await storeAttributes(this.#context, unchanged, { path, key }, this.#attributes);
      stored = kept;
      properties = kept.properties;
    } else if (state.phase === 'spooled') {
      checkSparse(state.overlay.holes, this.#context.maxSparseBytes);
      const content = { overlay: state.overlay, source: this.#source };
      stored = await storeOverlay(this.#context, content, target, { commit, signal: this.#ends.signal() });
    } else if (state.phase === 'buffering' || state.phase === 'streaming') {
      checkSparse(state.stream.holes, this.#context.maxSparseBytes);
      stored = await this.#commitStream(state.stream, target, commit);
    } else throw ended(state);
    if (state.phase === 'spooled') await state.overlay.release();
    if (state.phase === 'buffering' || state.phase === 'streaming') await state.stream.release();
    this.#state = { phase: 'done', size };
    const lastModified = unchanged?.lastModified ?? Math.floor(this.#context.clock.now() / 1000);
    return { key, size, etag: stored.etag, lastModified, properties };
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
      await this.#context.readBase(base, 0, bytes);
      const stream = this.#newStream({ firstNumber: 1, start: 0 });
      this.#state = { phase: 'buffering', stream };
      await stream.write(0, [bytes]);
    } else {
      const parts = planParts(base.size, [{ from: 0, to: base.size }], this.#context.plan);
      const upload = this.#beginUpload();
      const stream = this.#newStream({ firstNumber: parts.length + 1, start: base.size });
      this.#state = { phase: 'streaming', stream, upload, base };
      const { sameBytes } = this.#context.objects;
      for (const { number, from, to } of parts) await upload.copy(number, sameBytes.latest(base), from, to);
    }
  }

  async #commitStream(stream: PartStream, target: NewObject, commit: Commit): Promise<VersionReference> {
    const { size } = stream;
    // After a sync there is an upload, however small the file.
    if (this.#state.phase === 'buffering') {
      const stored = await storeWhole(this.#context, stream, target, commit);
      if (stored !== undefined) return stored;
    }
    this.#context.claims.ahead(this.#target.path);
    await stream.finish();
    // The last parts may have been the first ones.
    const state = this.#state;
    if (state.phase !== 'streaming') throw ended(state);
    await state.upload.drain();
    this.#state = { phase: 'completing', size };
    try {
      const store: StoreVersion = async (condition, held) => this.#complete(state, { condition, held });
      return await commit(store, { looksFirst: true, once: stream.patches !== undefined });
    } catch (error) {
      this.#state = state;
      throw error;
    }
  }

  async #complete(
    { stream, upload }: StreamingState,
    under: { readonly condition: WriteCondition; readonly held: HeldNames },
  ): Promise<VersionReference> {
    const { key } = this.#target;
    if (stream.patches !== undefined) {
      const target = this.#attributes.objectAt(key, randomBytes(16).toString('hex'));
      const sent = { upload, tag: this.#attributes.tag, stream };
      return completePatched(this.#context, sent, target, { ...under, signal: this.#ends.signal() });
    }
    const stored = await upload.complete(stream.nextNumber - 1, stream.size, under.condition);
    // A multipart upload has the metadata that it was begun with.
    const { changedSinceBegin, change } = this.#attributes;
    return changedSinceBegin ? rewriteMetadata(this.#context, stored, change) : stored;
  }

  #newOverlay(): Overlay {
    return new Overlay(this.#source ?? this.#base, this.#context.readBase, this.#context.spool);
  }

  #newStream(origin: { readonly firstNumber: number; readonly start: number }): PartStream {
    const sink = {
      send: async (number: number, body: PartBody, done: () => void): Promise<void> =>
        this.#uploadOf(stream).send(number, body, done),
    };
    const stream: PartStream = new PartStream(this.#context, sink, this.#ends.signal, origin);
    return stream;
  }

  /** The multipart upload, begun with the first part. */
  #uploadOf(stream: PartStream): MultipartUpload {
    if (this.#state.phase === 'streaming') return this.#state.upload;
    const upload = this.#beginUpload();
    this.#state = { phase: 'streaming', stream, upload, base: undefined };
    return upload;
  }

  #beginUpload(): MultipartUpload {
    this.#attributes.begin();
    const object = this.#attributes.objectAt(this.#target.key);
    return new MultipartUpload(this.#context, object, this.#ends.onPartFailure);
  }
}
