import type { StoreEventSink } from '../object-store.ts';
import type { Clock } from './clock.ts';
import { copyObject, type CopyTools } from './copy.ts';
import type { KeySpace } from './keys.ts';
import type { MultipartApi } from './multipart-api.ts';
import { UPLOAD_TAG, type ListedObject, type ObjectApi } from './object-api.ts';
import { isRunning } from './process-identity.ts';
import { parseJournal, type BucketJournal, type JournalContent, type JournalRecord } from './upload-journal.ts';

export interface SweepOptions {
  /** Between two sweeps; the first is at start. Milliseconds. */
  readonly intervalMs: number;
  /**
   * A process of another machine that has not renewed its journal for so long is taken for dead. Milliseconds;
   * several times the heartbeat of a minute.
   */
  readonly leaseMs: number;
}

export const DEFAULT_SWEEP: SweepOptions = { intervalMs: 3_600_000, leaseMs: 300_000 };

/** S3 refuses requests whose clock is further off, so no clock that we compare with is (15 minutes). */
const MAX_CLOCK_SKEW_MS = 15 * 60_000;

/** A journal is a few hundred bytes for each upload under way. */
const MAX_JOURNAL_BYTES = 16 * 1024 ** 2;

export interface SweeperTools {
  readonly keys: KeySpace;
  readonly objects: ObjectApi;
  readonly multipart: MultipartApi;
  readonly copy: CopyTools;
  readonly journal: BucketJournal;
  readonly options: SweepOptions;
  readonly clock: Clock;
  readonly random: () => number;
  readonly events: StoreEventSink;
}

/** The prefix of all journal objects of a store. */
export function journalPrefix(keys: KeySpace): string {
  return `${keys.reservedKey('uploads')}/`;
}

/**
 * Ends what processes that died have left: multipart uploads, and objects that stood somewhere only for a moment. It
 * only touches what a journal under the store's own prefix names, and only once that journal's process is known to be
 * dead: at once if it ran on this machine, otherwise when it has been silent for the lease.
 */
export class Sweeper {
  readonly #tools: SweeperTools;
  /** Journals of processes that may live: which version was seen, and since when. */
  readonly #seen = new Map<string, { readonly version: string; readonly since: number }>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(tools: SweeperTools) {
    this.#tools = tools;
  }

  /** The first sweep begins now, in the background. */
  start(): void {
    this.#running = this.#run();
  }

  /** Resolves when no sweep runs any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** One sweep. Throws StorageError if the store cannot be listed. */
  async sweep(): Promise<void> {
    const { objects, keys, journal } = this.#tools;
    for (const { record, done } of journal.left()) if (await this.#undo(record, [])) done();
    const journals: { readonly object: ListedObject; readonly content: JournalContent }[] = [];
    let token: string | undefined;
    do {
      const page = await objects.list({ prefix: journalPrefix(keys), token });
      for (const object of page.objects) {
        if (object.key === journal.key) continue;
        const bytes = await objects.readSmall(object.key, MAX_JOURNAL_BYTES);
        const content = bytes === undefined ? undefined : parseJournal(bytes);
        if (content !== undefined) journals.push({ object, content });
        else if (bytes !== undefined) this.#tools.events('JOURNAL_UNKNOWN', { key: object.key });
      }
      token = page.next;
    } while (token !== undefined);
    const contents = journals.map(({ content }) => content);
    for (const { object, content } of journals) {
      if (!this.#isDead(object, content)) continue;
      let all = true;
      for (const record of content.records) all = (await this.#undo(record, contents)) && all;
      if (all) await objects.delete(object.key);
    }
    for (const key of this.#seen.keys()) if (!journals.some(({ object }) => object.key === key)) this.#seen.delete(key);
  }

  async #run(): Promise<void> {
    try {
      await this.sweep();
    } catch (error) {
      this.#tools.events('SWEEP_FAILED', { error });
    }
    if (this.#stopped) return;
    const { intervalMs, leaseMs } = this.#tools.options;
    // Whoever may be dead is looked at again when that can be known. Many nodes do not sweep at the same moment.
    const pause = this.#seen.size > 0 ? Math.min(leaseMs, intervalMs) : intervalMs;
    this.#timer = setTimeout(
      () => {
        this.#running = this.#run();
      },
      pause * (1 + 0.2 * this.#tools.random()),
    );
    this.#timer.unref();
  }

  #isDead(object: ListedObject, content: JournalContent): boolean {
    const running = isRunning(content.process);
    if (running !== undefined) return !running;
    const now = this.#tools.clock.now();
    const { leaseMs } = this.#tools.options;
    if (now - object.lastModified * 1000 > leaseMs + MAX_CLOCK_SKEW_MS) return true;
    // Otherwise by our own clock alone: the same version, seen over the whole lease.
    const version = `${object.etag} ${object.lastModified}`;
    const seen = this.#seen.get(object.key);
    if (seen?.version === version) return now - seen.since >= leaseMs;
    this.#seen.set(object.key, { version, since: now });
    return false;
  }

  /** True if there is nothing left of the record. */
  async #undo(record: JournalRecord, others: readonly JournalContent[]): Promise<boolean> {
    try {
      if (record.kind === 'restore') await this.#restore(record);
      else if (record.uploadId !== undefined) await this.#abort(record.key, record.uploadId);
      else await this.#abortUnidentified(record, others);
      return true;
    } catch (error) {
      this.#tools.events('SWEEP_FAILED', { key: record.key, error });
      return false;
    }
  }

  async #abort(key: string, uploadId: string): Promise<void> {
    await this.#tools.multipart.abort({ key, uploadId });
    this.#tools.events('UPLOAD_SWEPT', { key });
  }

  /** The process died between its announcement and the store's answer: the upload of that key and time is its own. */
  async #abortUnidentified(
    record: JournalRecord & { readonly kind: 'upload' },
    others: readonly JournalContent[],
  ): Promise<void> {
    const claimed = new Set(this.#tools.journal.uploadIds());
    for (const { records } of others) {
      for (const other of records) {
        if (other.kind === 'upload' && other.uploadId !== undefined) claimed.add(other.uploadId);
      }
    }
    for await (const page of this.#tools.multipart.list(record.key)) {
      for (const { key, uploadId, initiated } of page) {
        const inTime = Math.abs(initiated - record.at) < MAX_CLOCK_SKEW_MS;
        if (key === record.key && inTime && !claimed.has(uploadId)) await this.#abort(key, uploadId);
      }
    }
  }

  async #restore(record: JournalRecord & { readonly kind: 'restore' }): Promise<void> {
    const { objects, copy, events } = this.#tools;
    const now = await objects.head(record.key);
    const before = record.copy === undefined ? undefined : await objects.head(record.copy);
    if (now?.properties.metadata[UPLOAD_TAG] === record.tag) {
      if (before !== undefined) await copyObject(copy, before, record.key, undefined, { exclusive: false });
      else await objects.deleteVersion(record.key, now.etag);
      events('OBJECT_RESTORED', { key: record.key });
    }
    if (before !== undefined) await objects.delete(before.key);
  }
}
