import { setMaxListeners } from 'node:events';
import type { StorageError } from '../../object-store.ts';
import { abortReason } from '../../flow/clock.ts';
import { toStorageError } from '../api/errors.ts';
import { AdaptiveDepth } from '../../flow/adaptive-depth.ts';
import { abortOrphans } from '../journal/orphans.ts';
import type { StoredPart, UploadReference } from '../api/multipart-api.ts';
import type { ObjectProperties, WriteCondition } from '../api/object-fields.ts';
import type { JournalEntry } from '../journal/upload-journal.ts';
import type { S3Context } from '../s3-context.ts';
import type { VersionReference, ObjectInfo } from '../api/object-info.ts';
import type { PartBody } from '../api/send-body.ts';
import type { PartBuffers } from './part-buffers.ts';

/** Parts that are too large for memory take their room on the disk while they are sent. */
const FILES_IN_FLIGHT = 2;

export type MultipartContext = Pick<S3Context, 'multipart' | 'journal' | 'partsInFlight' | 'clock' | 'events'> & {
  readonly buffers: Pick<PartBuffers, 'isScarce'>;
};

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
}

/**
 * One multipart upload: several parts in flight, and an end that leaves nothing at the store. The first failure of a
 * part is the failure of the upload: it ends the other parts and is thrown by whatever is called next. To begin takes three
 * requests one after the other: parts that come meanwhile wait for them in their slots.
 */
export class MultipartUpload {
  readonly #context: MultipartContext;
  readonly #begun: Promise<Begun>;
  readonly #tag: string;
  readonly #depth: AdaptiveDepth;
  readonly #stored = new Map<number, StoredPart>();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #abort = new AbortController();
  #aborted: Promise<boolean> | undefined;
  #failure: StorageError | undefined;
  /** Told once when a part fails, so that a writer that waits for memory does not wait in vain. */
  readonly #onFailure: (failure: StorageError) => void;

  /**
   * Announces the upload in the journal, begins it at the store, and notes its id in the journal, all of which goes on after
   * this has returned. `onFailure` is told once, when that or a part fails.
   */
  constructor(
    context: MultipartContext,
    object: NewObject,
    onFailure: (failure: StorageError) => void = () => undefined,
  ) {
    this.#context = context;
    this.#tag = object.tag;
    this.#onFailure = onFailure;
    this.#depth = new AdaptiveDepth(context.partsInFlight);
    // Each part in flight listens to it.
    setMaxListeners(0, this.#abort.signal);
    this.#begun = begin(context, object);
    this.#begun.catch((error: unknown) => {
      this.#fail(toStorageError(error, 'CreateMultipartUpload'));
    });
  }

  /**
   * Sends a part. Resolves when it is on its way, which waits while too many others are; `done` is called when the
   * body is no longer needed, whatever became of it. Throws the upload's failure.
   */
  async send(number: number, body: PartBody, done: () => void): Promise<void> {
    try {
      await this.#freeSlot(() => (Buffer.isBuffer(body) ? this.#slots : FILES_IN_FLIGHT));
    } catch (error) {
      done();
      throw error;
    }
    const { multipart } = this.#context;
    const sent = this.#ofBegun(async (upload, signal) => multipart.uploadPart(upload, number, body, signal));
    this.#track(
      sent
        .then((part) => {
          this.#depth.done(body.length);
          return part;
        })
        .finally(done),
    );
  }

  /** Copies bytes `from` to `to` of `base` into a part, inside the store. Resolves and throws as `send` does. */
  async copy(number: number, base: VersionReference, from: number, to: number): Promise<void> {
    const { multipart, partsInFlight } = this.#context;
    await this.#freeSlot(() => partsInFlight);
    const range = { key: base.key, etag: base.etag, from, to };
    this.#track(this.#ofBegun(async (upload, signal) => multipart.copyPart(upload, number, range, signal)));
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
    const { reference, journalEntry } = await this.#begun;
    const parts: StoredPart[] = [];
    for (let number = 1; number <= count; number += 1) {
      const part = this.#stored.get(number);
      if (part === undefined) throw toStorageError(new Error(`part ${number} is missing`), 'CompleteMultipartUpload');
      parts.push(part);
    }
    const object = await this.#context.multipart.complete(reference, parts, {
      ...condition,
      size,
      tag: this.#tag,
    });
    journalEntry.end();
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
    let begun: Begun;
    try {
      begun = await this.#begun;
    } catch {
      // Whatever there may be of it is in the journal.
      return true;
    }
    return endUpload(this.#context, begun);
  }

  /** Parts that may be on their way now: no more than configured where memory is scarce. */
  get #slots(): number {
    return this.#context.buffers.isScarce ? this.#context.partsInFlight : this.#depth.depth;
  }

  async #ofBegun<T>(request: (upload: UploadReference, signal: AbortSignal) => Promise<T>): Promise<T> {
    const { reference } = await this.#begun;
    const { signal } = this.#abort;
    if (signal.aborted) throw abortReason(signal);
    return request(reference, signal);
  }

  async #freeSlot(slots: () => number): Promise<void> {
    this.#throwFailure();
    while (this.#inFlight.size >= slots()) {
      this.#depth.waited();
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

async function begin(context: MultipartContext, { key, properties }: NewObject): Promise<Begun> {
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
  const begun = { reference, journalEntry: entry };
  try {
    await entry.identify(reference.uploadId);
  } catch (error) {
    await endUpload(context, begun);
    throw error;
  }
  if (answers.lost > 0) await abortTwins(context, reference, at, answers.lost);
  return begun;
}

/** Never throws; false where it is left to the sweeper. */
async function endUpload({ multipart }: MultipartContext, { reference, journalEntry }: Begun): Promise<boolean> {
  try {
    await multipart.abort(reference);
    journalEntry.end();
    return true;
  } catch (error) {
    journalEntry.leave(error);
    return false;
  }
}

/**
 * Uploads of the same key whose ids were lost with the answers, asked for since `at`. Never throws: what cannot be
 * ended now is left to the sweeper.
 */
async function abortTwins(
  context: MultipartContext,
  { key, uploadId }: UploadReference,
  at: number,
  tries: number,
): Promise<void> {
  const { journal, clock } = context;
  let reason: unknown = new Error('uploads whose answers were lost');
  try {
    const sibling = { uploadId, afterMs: clock.now() - at };
    if (await abortOrphans(context, { key, at, tries, sibling }, new Set())) return;
  } catch (error) {
    reason = error;
  }
  const twins = await journal.announce({ kind: 'upload', key, at: clock.now() }).catch(() => undefined);
  twins?.leave(reason, tries);
}
