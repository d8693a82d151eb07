import { setMaxListeners } from 'node:events';
import type { StorageError, StoreEventSink } from '../../object-store.ts';
import type { Clock } from '../../flow/clock.ts';
import { toStorageError } from '../api/errors.ts';
import { abortOrphans } from '../journal/orphans.ts';
import type { MultipartApi, StoredPart, UploadReference } from '../api/multipart-api.ts';
import type { ObjectProperties, WriteCondition } from '../api/object-fields.ts';
import type { JournalEntry, UploadJournal } from '../journal/upload-journal.ts';
import type { VersionReference, ObjectInfo } from '../api/object-info.ts';
import type { PartBody } from '../api/send-body.ts';

/** A stored object, pinned: the bytes that a new file takes over. */
export interface BaseObject {
  readonly key: string;
  readonly etag: string;
  readonly size: number;
}

/** Parts that are too large for memory take their room on the disk while they are sent. */
const FILES_IN_FLIGHT = 2;

export interface MultipartTools {
  readonly multipart: MultipartApi;
  readonly journal: UploadJournal;
  /** Requests in flight for one upload. */
  readonly partsInFlight: number;
  readonly clock: Clock;
  readonly events: StoreEventSink;
}

/**
 * One multipart upload: several parts in flight, and an end that leaves nothing at the store. The first failure of a
 * part is the failure of the upload: it ends the other parts and is thrown by whatever is called next.
 */
export class MultipartUpload {
  readonly #tools: MultipartTools;
  readonly #reference: UploadReference;
  readonly #journalEntry: JournalEntry;
  readonly #tag: string;
  readonly #stored = new Map<number, StoredPart>();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #abort = new AbortController();
  #aborted: Promise<boolean> | undefined;
  #failure: StorageError | undefined;
  /** Told once when a part fails, so that a writer that waits for memory does not wait in vain. */
  readonly #onFailure: (failure: StorageError) => void;

  private constructor(
    tools: MultipartTools,
    reference: UploadReference,
    journalEntry: JournalEntry,
    tag: string,
    onFailure: (failure: StorageError) => void,
  ) {
    this.#tools = tools;
    this.#reference = reference;
    this.#journalEntry = journalEntry;
    this.#tag = tag;
    this.#onFailure = onFailure;
    // Each part in flight listens to it.
    setMaxListeners(0, this.#abort.signal);
  }

  /**
   * Announces the upload in the journal, begins it at the store, and notes its id in the journal. `tag` is among `properties` and tells the
   * finished object from any other.
   */
  static async begin(
    tools: MultipartTools,
    key: string,
    properties: ObjectProperties,
    tag: string,
    onFailure: (failure: StorageError) => void,
  ): Promise<MultipartUpload> {
    const at = tools.clock.now();
    const entry = await tools.journal.announce({ kind: 'upload', key, at });
    const answers = { lost: 0 };
    let reference: UploadReference;
    try {
      reference = await tools.multipart.create(key, properties, (tries) => {
        answers.lost = tries;
      });
    } catch (error) {
      if (answers.lost > 0) entry.leave(error, answers.lost);
      else entry.end();
      throw error;
    }
    const upload = new MultipartUpload(tools, reference, entry, tag, onFailure);
    try {
      await entry.identify(reference.uploadId);
    } catch (error) {
      await upload.abort();
      throw error;
    }
    if (answers.lost > 0) await upload.#abortTwins(at, answers.lost);
    return upload;
  }

  /**
   * Sends a part. Resolves when it is on its way, which waits while too many others are; `done` is called when the
   * body is no longer needed, whatever became of it. Throws the upload's failure.
   */
  async send(number: number, body: PartBody, done: () => void): Promise<void> {
    try {
      await this.#freeSlot(Buffer.isBuffer(body) ? this.#tools.partsInFlight : FILES_IN_FLIGHT);
    } catch (error) {
      done();
      throw error;
    }
    this.#track(this.#tools.multipart.uploadPart(this.#reference, number, body, this.#abort.signal).finally(done));
  }

  /** Copies bytes `from` to `to` of `base` into a part, inside the store. Resolves and throws as `send` does. */
  async copy(number: number, base: VersionReference, from: number, to: number): Promise<void> {
    await this.#freeSlot(this.#tools.partsInFlight);
    this.#track(
      this.#tools.multipart.copyPart(
        this.#reference,
        number,
        { key: base.key, etag: base.etag, from, to },
        this.#abort.signal,
      ),
    );
  }

  /** Resolves when every part sent so far is stored. Throws the upload's failure. */
  async drain(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.race(this.#inFlight);
    this.#throwFailure();
  }

  /** Parts that the store has confirmed. */
  get storedParts(): number {
    return this.#stored.size;
  }

  /** Makes parts 1 to `count` the object and confirms its size. Throws StorageError; then the upload is not ended. */
  async complete(count: number, size: number, condition: WriteCondition): Promise<ObjectInfo> {
    await this.drain();
    const parts: StoredPart[] = [];
    for (let number = 1; number <= count; number += 1) {
      const part = this.#stored.get(number);
      if (part === undefined) throw toStorageError(new Error(`part ${number} is missing`), 'CompleteMultipartUpload');
      parts.push(part);
    }
    const object = await this.#tools.multipart.complete(this.#reference, parts, { ...condition, size, tag: this.#tag });
    this.#journalEntry.end();
    return object;
  }

  /**
   * Ends the upload and leaves no part behind. Parts under way are ended first: one that arrived after the end would
   * stay. Never throws: what cannot be ended now stays in the journal, for the sweeper, and the answer is false.
   */
  async abort(): Promise<boolean> {
    return (this.#aborted ??= this.#abortOnce());
  }

  async #abortOnce(): Promise<boolean> {
    this.#abort.abort(new Error('upload aborted'));
    while (this.#inFlight.size > 0) await Promise.race(this.#inFlight);
    try {
      await this.#tools.multipart.abort(this.#reference);
      this.#journalEntry.end();
      return true;
    } catch (error) {
      this.#journalEntry.leave(error);
      return false;
    }
  }

  /**
   * Uploads of the same key whose ids were lost with the answers, asked for since `at`. Never throws: what cannot be
   * ended now is left to the sweeper.
   */
  async #abortTwins(at: number, tries: number): Promise<void> {
    const { journal, clock } = this.#tools;
    const { key, uploadId } = this.#reference;
    let reason: unknown = new Error('uploads whose answers were lost');
    try {
      const sibling = { uploadId, afterMs: clock.now() - at };
      if (await abortOrphans(this.#tools, { key, at, tries, sibling }, new Set())) return;
    } catch (error) {
      reason = error;
    }
    const twins = await journal.announce({ kind: 'upload', key, at: clock.now() }).catch(() => undefined);
    twins?.leave(reason, tries);
  }

  async #freeSlot(slots: number): Promise<void> {
    this.#throwFailure();
    while (this.#inFlight.size >= slots) {
      await Promise.race(this.#inFlight);
      this.#throwFailure();
    }
  }

  #track(request: Promise<StoredPart>): void {
    const tracked = request
      .then(
        (part) => {
          this.#stored.set(part.number, part);
        },
        (error: unknown) => {
          this.#fail(toStorageError(error, 'UploadPart'));
        },
      )
      .finally(() => {
        this.#inFlight.delete(tracked);
      });
    this.#inFlight.add(tracked);
  }

  #fail(failure: StorageError): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    if (this.#abort.signal.aborted) return;
    this.#abort.abort(failure);
    this.#onFailure(failure);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}
