import { setMaxListeners } from 'node:events';
import type { StorageError } from '../../object-store.ts';
import { toStorageError } from '../api/errors.ts';
import { abortOrphans } from '../journal/orphans.ts';
import type { StoredPart, UploadReference } from '../api/multipart-api.ts';
import type { ObjectProperties, WriteCondition } from '../api/object-fields.ts';
import type { JournalEntry } from '../journal/upload-journal.ts';
import type { S3Context } from '../s3-context.ts';
import type { VersionReference, ObjectInfo } from '../api/object-info.ts';
import type { PartBody } from '../api/send-body.ts';

/** Parts that are too large for memory take their room on the disk while they are sent. */
const FILES_IN_FLIGHT = 2;

export type MultipartContext = Pick<S3Context, 'multipart' | 'journal' | 'partsInFlight' | 'clock' | 'events'>;

/** An object that is to be made. */
export interface NewObject {
  readonly key: string;
  readonly properties: ObjectProperties;
  /** It is among the properties' metadata, and tells the finished object from any other. */
  readonly tag: string;
}

/** An upload that the store has begun. */
interface Begun {
  readonly reference: UploadReference;
  readonly journalEntry: JournalEntry;
  readonly tag: string;
}

/**
 * One multipart upload: several parts in flight, and an end that leaves nothing at the store. The first failure of a
 * part is the failure of the upload: it ends the other parts and is thrown by whatever is called next.
 */
export class MultipartUpload {
  readonly #context: MultipartContext;
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

  private constructor(context: MultipartContext, begun: Begun, onFailure: (failure: StorageError) => void) {
    this.#context = context;
    this.#reference = begun.reference;
    this.#journalEntry = begun.journalEntry;
    this.#tag = begun.tag;
    this.#onFailure = onFailure;
    // Each part in flight listens to it.
    setMaxListeners(0, this.#abort.signal);
  }

  /**
   * Announces the upload in the journal, begins it at the store, and notes its id in the journal. `onFailure` is told once,
   * when a part fails.
   */
  static async begin(
    context: MultipartContext,
    { key, properties, tag }: NewObject,
    onFailure: (failure: StorageError) => void = () => undefined,
  ): Promise<MultipartUpload> {
    const at = context.clock.now();
    const entry = await context.journal.announce({ kind: 'upload', key, at });
    const answers = { lost: 0 };
    let reference: UploadReference;
    try {
      reference = await context.multipart.create(key, properties, (tries) => {
        answers.lost = tries;
      });
    } catch (error) {
      if (answers.lost > 0) entry.leave(error, answers.lost);
      else entry.end();
      throw error;
    }
    const upload = new MultipartUpload(context, { reference, journalEntry: entry, tag }, onFailure);
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
      await this.#freeSlot(Buffer.isBuffer(body) ? this.#context.partsInFlight : FILES_IN_FLIGHT);
    } catch (error) {
      done();
      throw error;
    }
    this.#track(this.#context.multipart.uploadPart(this.#reference, number, body, this.#abort.signal).finally(done));
  }

  /** Copies bytes `from` to `to` of `base` into a part, inside the store. Resolves and throws as `send` does. */
  async copy(number: number, base: VersionReference, from: number, to: number): Promise<void> {
    await this.#freeSlot(this.#context.partsInFlight);
    this.#track(
      this.#context.multipart.copyPart(
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
    const object = await this.#context.multipart.complete(this.#reference, parts, {
      ...condition,
      size,
      tag: this.#tag,
    });
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
      await this.#context.multipart.abort(this.#reference);
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
    const { journal, clock } = this.#context;
    const { key, uploadId } = this.#reference;
    let reason: unknown = new Error('uploads whose answers were lost');
    try {
      const sibling = { uploadId, afterMs: clock.now() - at };
      if (await abortOrphans(this.#context, { key, at, tries, sibling }, new Set())) return;
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
