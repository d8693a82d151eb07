import { STORE_ROOT } from '../../store-path.ts';
import { restoreObject, type CopyContext } from '../upload/copy.ts';
import type { KeySpace } from '../mapping/keys.ts';
import { SerialQueue } from '../../flow/serial-queue.ts';
import type { ListedObject } from '../api/list-parser.ts';
import { abortOrphans } from './orphans.ts';
import { isRunning } from './process-identity.ts';
import { readJournals, type BucketJournal, type JournalContent, type JournalRecord } from './upload-journal.ts';
import type { S3Context } from '../s3-context.ts';
import type { SweepOptions } from '../s3-options.ts';

/** S3 refuses requests whose clock is further off, so no clock that we compare with is (15 minutes). */
const MAX_CLOCK_SKEW_MS = 15 * 60_000;

/** What this process could not undo when it should have been is tried again after so long. Milliseconds. */
const LOOK_AGAIN_MS = 60_000;

type SweeperContext = CopyContext & Pick<S3Context, 'keys' | 'claimObjects' | 'random' | 'storeTime'>;

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
  readonly #context: SweeperContext;
  readonly #journal: BucketJournal;
  readonly #options: SweepOptions;
  /** Journals of processes that may live: which version was seen, and since when. */
  readonly #seen = new Map<string, { readonly version: string; readonly since: number }>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  readonly #queue = new SerialQueue();
  #stopped = false;
  /** When the next whole sweep is due. */
  #next = Number.NEGATIVE_INFINITY;

  constructor(context: SweeperContext, journal: BucketJournal, options: SweepOptions) {
    this.#context = context;
    this.#journal = journal;
    this.#options = options;
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

  /** One sweep, after any that runs. Throws StorageError if the store cannot be listed. */
  async sweep(): Promise<void> {
    return this.#queue.run(async () => this.#sweep());
  }

  async #sweep(): Promise<void> {
    const { objects, keys, clock, claimObjects } = this.#context;
    // Those of dead processes go as they are seen.
    await claimObjects.others(STORE_ROOT, () => false);
    for (const { record, done } of this.#journal.left()) {
      if (await this.#undo(record, record.kind === 'upload' ? record.at : clock.now(), new Set())) done();
    }
    const journals = (await readJournals(objects, journalPrefix(keys))).filter(
      ({ object }) => object.key !== this.#journal.key,
    );
    const dead = new Map<ListedObject, JournalContent>();
    for (const { object, content } of journals) {
      if (content === undefined) this.#context.events('JOURNAL_UNKNOWN', { key: object.key });
      else if (this.#isDead(object, content)) dead.set(object, content);
    }
    const deadKeys = new Set([...dead.keys()].map(({ key }) => key));
    for (const [object, { records }] of dead) {
      let all = true;
      for (const record of records) all = (await this.#undo(record, object.lastModified * 1000, deadKeys)) && all;
      if (all) await objects.delete(object.key);
    }
    for (const key of this.#seen.keys()) if (!journals.some(({ object }) => object.key === key)) this.#seen.delete(key);
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#context;
    const { intervalMs, leaseMs } = this.#options;
    const now = clock.monotonic();
    if (now >= this.#next || this.#journal.left().length > 0) {
      try {
        await this.sweep();
      } catch (error) {
        this.#context.events('SWEEP_FAILED', { error });
      }
      // Whoever may be dead is looked at again when that can be known. Many nodes do not sweep at the same moment.
      const pause = this.#seen.size > 0 ? Math.min(leaseMs, intervalMs) : intervalMs;
      this.#next = now + pause * (1 + 0.2 * random());
    }
    if (this.#stopped) return;
    this.#timer = setTimeout(
      () => {
        this.#running = this.#run();
      },
      Math.min(LOOK_AGAIN_MS, intervalMs, leaseMs),
    );
    this.#timer.unref();
  }

  #isDead(object: ListedObject, content: JournalContent): boolean {
    const running = isRunning(content.process);
    if (running !== undefined) return !running;
    const now = this.#context.clock.monotonic();
    const { leaseMs } = this.#options;
    // By the store's clock: ours may be off by any time, since the SDK corrects what it signs with.
    if (this.#context.storeTime() - object.lastModified * 1000 > leaseMs + MAX_CLOCK_SKEW_MS) return true;
    // Otherwise by the clock that nobody sets: the same version, seen over the whole lease.
    const version = `${object.etag} ${object.lastModified}`;
    const seen = this.#seen.get(object.key);
    if (seen?.version === version) return now - seen.since >= leaseMs;
    this.#seen.set(object.key, { version, since: now });
    return false;
  }

  /** True if there is nothing left of the record. `around`: when it was written, by the store's clock. */
  async #undo(record: JournalRecord, around: number, dead: ReadonlySet<string>): Promise<boolean> {
    const { multipart, events } = this.#context;
    try {
      if (record.kind === 'restore') {
        const { key, tag, copy } = record;
        if (await restoreObject(this.#context, { key, tag, copy })) events('OBJECT_RESTORED', { key });
      } else if (record.uploadId !== undefined) await multipart.abort({ key: record.key, uploadId: record.uploadId });
      // The process died between its announcement and the store's answer, or the answer was lost.
      else {
        const lost = { key: record.key, at: around, tries: record.tries ?? 1 };
        if (!(await abortOrphans(this.#context, lost, dead))) return false;
      }
      if (record.kind === 'upload') events('UPLOAD_SWEPT', { key: record.key });
      return true;
    } catch (error) {
      events('SWEEP_FAILED', { key: record.key, error });
      return false;
    }
  }
}
