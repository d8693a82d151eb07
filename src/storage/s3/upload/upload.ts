import { randomBytes } from 'node:crypto';
import type { StorageError } from '../../object-store.ts';
import { type AttributeChange, type OpenWriteOptions, type StorePath } from '../../object-store.ts';
import {
  applyChange,
  definedOnly,
  isNoChange,
  mergeChanges,
  withoutTimes,
  type ObjectMetadata,
} from '../tree/attributes.ts';
import { copyObject } from '../tree/copy.ts';
import type { HeldNames } from '../claims/name-claims.ts';
import type { VersionReference } from '../api/delete-in-one.ts';
import { sameEtag } from '../api/etag.ts';
import { rewriteMetadata } from '../tree/metadata.ts';
import { changed, type ObjectInfo } from '../api/object-api.ts';
import { UPLOAD_TAG, type ObjectProperties, type WriteCondition } from '../api/object-fields.ts';
import { assemble, checkSparse, checkUnchanged } from './assemble.ts';
import { commitVersion, type Commit, type CommitTools, type StoreVersion } from './commit.ts';
import { MultipartUpload } from './multipart.ts';
import { Overlay } from './overlay.ts';
import type { PartBody } from './open-part.ts';
import { MIN_PART_BYTES, planParts } from './part-plan.ts';
import { PartStream } from './part-stream.ts';
import { completePatched, type PatchTools } from './patch.ts';
import type { SpoolSpace } from './spool.ts';
import {
  ended,
  sentAway,
  type StreamingState,
  type UploadEnds,
  type UploadState,
  type UploadTarget,
} from './upload-state.ts';

export interface UploadTools extends PatchTools, CommitTools {
  readonly spool: SpoolSpace | undefined;
  /** Zeros that are stored for one file for bytes that nobody has written. */
  readonly maxSparseBytes: number;
}

/** The state of one file being written. Calls must not overlap; upload-handle.ts sees to that. */
export class Upload {
  readonly #tools: UploadTools;
  #options: OpenWriteOptions;
  readonly #ends: UploadEnds;
  /** Where the version is committed, and what was there when it began. */
  #target: UploadTarget;
  /** The stored object whose bytes are kept. */
  #base: ObjectInfo | undefined;
  /** The version of another file that this one takes over whole. */
  #source: ObjectInfo | undefined;
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
    this.#target = target;
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
    const before = this.unchangedBase?.properties.metadata ?? this.#kept.metadata;
    return applyChange('file', before, this.#change);
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
        await this.#tools.readBase(state.base, offset, bytes);
        break;
      case 'buffering':
      case 'streaming': {
        const base = state.phase === 'streaming' ? state.base : undefined;
        await state.stream.read(offset, bytes, async (from, into) => {
          if (base === undefined || from + into.length > base.size) throw sentAway();
          await this.#tools.readBase(base, from, into);
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
    if (this.#state.phase === 'untouched') this.#state = { phase: 'spooled', overlay: this.#newOverlay() };
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
    const { objects } = this.#tools;
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
  async commit(onlyOverBase: boolean): Promise<ObjectInfo> {
    const state = this.#state;
    const { size } = this;
    const { path, key, existing: base } = this.#target;
    const { exclusive } = this.#options;
    const commit: Commit = async (store, how) =>
      commitVersion(this.#tools, { path, key, base, onlyOverBase: onlyOverBase || exclusive, exclusive }, store, how);
    const unchanged = this.unchangedBase;
    let stored: VersionReference;
    let properties = this.#properties(this.#tag);
    if (unchanged !== undefined) {
      const kept = await this.#keepOnlyAttributes(unchanged);
      stored = kept;
      properties = kept.properties;
    } else if (state.phase === 'spooled') {
      checkSparse(state.overlay.holes, this.#tools.maxSparseBytes);
      stored = await this.#commitOverlay(state.overlay, commit);
    } else if (state.phase === 'buffering' || state.phase === 'streaming') {
      checkSparse(state.stream.holes, this.#tools.maxSparseBytes);
      stored = await this.#commitStream(state.stream, size, commit);
    } else throw ended(state);
    if (state.phase === 'spooled') await state.overlay.release();
    if (state.phase === 'buffering' || state.phase === 'streaming') await state.stream.release();
    this.#state = { phase: 'done', size };
    const lastModified = unchanged?.lastModified ?? Math.floor(this.#tools.clock.now() / 1000);
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
      await this.#tools.readBase(base, 0, bytes);
      const stream = this.#newStream({ firstNumber: 1, start: 0 });
      this.#state = { phase: 'buffering', stream };
      await stream.write(0, [bytes]);
    } else {
      const parts = planParts(base.size, [{ from: 0, to: base.size }], this.#tools.plan);
      const upload = await this.#beginUpload();
      const stream = this.#newStream({ firstNumber: parts.length + 1, start: base.size });
      this.#state = { phase: 'streaming', stream, upload, base };
      const { sameBytes } = this.#tools.objects;
      for (const { number, from, to } of parts) await upload.copy(number, sameBytes.latest(base), from, to);
    }
  }

  async #commitOverlay(overlay: Overlay, commit: Commit): Promise<VersionReference> {
    const source = overlay.unchanged ? this.#source : undefined;
    const target = { key: this.#target.key, properties: this.#properties(this.#tag), tag: this.#tag };
    if (source === undefined) return assemble(this.#tools, overlay, target, commit, this.#ends.signal());
    // Not every store heeds the pin of a copy.
    await checkUnchanged(this.#tools.objects, source);
    const version = { ...source, ...this.#tools.objects.sameBytes.latest(source) };
    const store: StoreVersion = async (condition) =>
      copyObject(this.#tools.copy, version, target.key, target.properties, condition);
    return commit(store, { looksFirst: true });
  }

  async #commitStream(stream: PartStream, size: number, commit: Commit): Promise<VersionReference> {
    const { key } = this.#target;
    // After a sync there is an upload, however small the file.
    const whole = this.#state.phase === 'buffering' ? await stream.takeWhole() : undefined;
    if (whole !== undefined) {
      const properties = this.#properties(this.#tag);
      const put: StoreVersion = async (condition) => {
        const { etag } = await this.#tools.objects.put(key, whole.body, properties, condition);
        return { key, etag };
      };
      try {
        return await commit(put, { looksFirst: false });
      } finally {
        whole.done();
      }
    }
    this.#tools.claims.ahead(this.#target.path);
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
      const tag = randomBytes(16).toString('hex');
      const target = { key, properties: this.#properties(tag), tag };
      return completePatched(this.#tools, { upload, tag: this.#tag, stream }, target, under, this.#ends.signal());
    }
    const stored = await upload.complete(stream.nextNumber - 1, stream.size, under.condition);
    // A multipart upload has the metadata that it was begun with.
    return this.#change === this.#changeAtBegin ? stored : rewriteMetadata(this.#tools.copy, stored, this.#change);
  }

  /** The file's bytes stay as they are. */
  async #keepOnlyAttributes(base: ObjectInfo): Promise<ObjectInfo> {
    if (isNoChange('file', base.properties.metadata, this.#change)) return base;
    const { claims, objects, copy } = this.#tools;
    return claims.hold([this.#target.path], async () => {
      const { key, etag } = objects.sameBytes.latest(base);
      if (key !== this.#target.key) throw changed();
      return rewriteMetadata(copy, { key, etag }, this.#change);
    });
  }

  #newOverlay(): Overlay {
    return new Overlay(this.#source ?? this.#base, this.#tools.readBase, this.#tools.spool);
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
    return MultipartUpload.begin(this.#tools, this.#target.key, this.#properties(this.#tag), this.#tag, onPartFailure);
  }

  #properties(tag: string): ObjectProperties {
    const metadata = applyChange('file', this.#kept.metadata, this.#change);
    return { ...this.#kept, metadata: { ...metadata, [UPLOAD_TAG]: tag } };
  }
}
