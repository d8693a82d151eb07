import { randomBytes } from 'node:crypto';
import type { StoreEventSink } from '../../object-store.ts';
import type { Clock } from '../../flow/clock.ts';
import type { ListedObject } from '../api/list-parser.ts';
import type { ObjectApi } from '../api/object-api.ts';
import { ownIdentity, parseIdentity, type ProcessIdentity } from './process-identity.ts';

/** What the next process must undo if this one ends before it has. */
export type JournalRecord =
  /**
   * A multipart upload; without its id from the announcement until the store has given one. `tries`: how many uploads
   * may have begun where no id came.
   */
  | {
      readonly kind: 'upload';
      readonly key: string;
      readonly at: number;
      readonly uploadId?: string;
      readonly tries?: number;
    }
  /**
   * An object that stands at `key` only for a moment, recognised by its tag: what was there before is at `copy`, or
   * nothing was.
   */
  | { readonly kind: 'restore'; readonly key: string; readonly tag: string; readonly copy?: string };

/** The record of one thing under way. */
export interface JournalEntry {
  /**
   * The upload has begun and has this id. Resolves when the record has it, before which no part may be sent: an upload
   * without an id in a journal that has parts is another program's. Throws StorageError.
   */
  identify(uploadId: string): Promise<void>;
  /** There is nothing to undo any more. */
  end(): void;
  /** It could not be undone now: the record stays for the sweeper. `tries` as in the record. */
  leave(error: unknown, tries?: number): void;
}

/** What the journals of all processes have at this moment. */
export interface Claims {
  /** Of uploads under way. */
  readonly ids: ReadonlySet<string>;
  /** Keys for which a process is beginning an upload whose id it does not know yet. */
  readonly pending: ReadonlySet<string>;
}

/** Where things are announced before they begin, so that a later process can undo what a crash left. */
export interface UploadJournal {
  /** Resolves when the record is safe. */
  announce(record: JournalRecord): Promise<JournalEntry>;
  /**
   * What any process has announced; the journals `dead` begin nothing any more. Undefined where there are no journals.
   * Throws StorageError.
   */
  claims(dead: ReadonlySet<string>): Promise<Claims | undefined>;
}

/** For stores whose bucket rules end abandoned uploads. */
export const noJournal: UploadJournal = {
  announce: async () =>
    Promise.resolve({ identify: () => Promise.resolve(), end: () => undefined, leave: () => undefined }),
  claims: async () => Promise.resolve(undefined),
};

/** The journal object's content. */
export interface JournalContent {
  readonly process: ProcessIdentity;
  readonly records: readonly JournalRecord[];
}

/** The object is written again after so long, even if nothing has changed. That shows that its process lives. Milliseconds. */
export const HEARTBEAT_MS = 60_000;

/** Ends are written a little later, together. A record too many does no harm; a request for each end would cost. */
const END_DELAY_MS = 2_000;

export interface BucketJournalOptions {
  readonly objects: ObjectApi;
  /** Of the journal objects of all processes. */
  readonly prefix: string;
  /** Of this process's journal object. */
  readonly key: string;
  readonly clock: Clock;
  readonly events: StoreEventSink;
}

/**
 * The journal of one process: one small object in the bucket, under the store's own prefix. It lists the multipart
 * uploads that the process has under way, and the objects that stand at a key for a moment only.
 *
 * Why there is a journal: a bucket may hold uploads of other programs, which are none of our business. S3 lists the keys
 * and ids of uploads, but nothing that tells whose they are.
 *
 * Why it is in the bucket: a local file would be lost with the machine or the container, and that is when uploads are
 * left behind.
 *
 * Why it is one object for each process: many uploads share a request. An upload costs one request before it begins. A
 * file that is small enough for a single PutObject costs none.
 */
export class BucketJournal implements UploadJournal {
  readonly #options: BucketJournalOptions;
  readonly #records = new Map<string, JournalRecord>();
  readonly #left = new Set<string>();
  readonly #process = ownIdentity();
  /** Counts changes; `#written` is the count that the stored object has. */
  #version = 0;
  #written = 0;
  #stored = false;
  #writing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: BucketJournalOptions) {
    this.#options = options;
  }

  get key(): string {
    return this.#options.key;
  }

  async announce(record: JournalRecord): Promise<JournalEntry> {
    const id = randomBytes(8).toString('hex');
    this.#records.set(id, record);
    try {
      await this.#flush();
    } catch (error) {
      this.#records.delete(id);
      throw error;
    }
    return {
      identify: (uploadId) => {
        this.#records.set(id, { kind: 'upload', key: record.key, at: this.#options.clock.now(), uploadId });
        return this.#flush();
      },
      end: () => {
        this.#records.delete(id);
        this.#left.delete(id);
        this.#flushSoon(END_DELAY_MS);
      },
      leave: (error, tries) => {
        this.#left.add(id);
        if (record.kind === 'upload' && tries !== undefined) {
          this.#records.set(id, { ...record, tries });
          this.#flushSoon(0);
        }
        this.#options.events('UPLOAD_LEFT', { key: record.key, error });
      },
    };
  }

  /** Records of this process that it could not undo when it tried. */
  left(): readonly { readonly record: JournalRecord; readonly done: () => void }[] {
    return [...this.#left].flatMap((id) => {
      const record = this.#records.get(id);
      const done = (): void => {
        this.#left.delete(id);
        this.#records.delete(id);
        this.#flushSoon(END_DELAY_MS);
      };
      return record === undefined ? [] : [{ record, done }];
    });
  }

  async claims(dead: ReadonlySet<string>): Promise<Claims> {
    const { objects, prefix, key } = this.#options;
    const ids = new Set(uploadIds([...this.#records.values()]));
    // Those that were left behind begin nothing any more.
    const pending = new Set(
      beginning([...this.#records].flatMap(([id, record]) => (this.#left.has(id) ? [] : record))),
    );
    for (const { object, content } of await readJournals(objects, prefix)) {
      if (object.key === key || content === undefined) continue;
      for (const id of uploadIds(content.records)) ids.add(id);
      if (!dead.has(object.key)) for (const name of beginning(content.records)) pending.add(name);
    }
    return { ids, pending };
  }

  /** Writes what is outstanding; with no records left the object is removed. Never throws. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      await this.#flush();
    } catch (error) {
      this.#options.events('JOURNAL_FAILED', { error });
    }
    clearTimeout(this.#timer);
  }

  /** Resolves when everything that was changed before the call is stored. */
  async #flush(): Promise<void> {
    this.#version += 1;
    const wanted = this.#version;
    while (this.#written < wanted) {
      // Whoever finds no write under way starts one, which is everybody's whose change came before it.
      this.#writing ??= this.#write().finally(() => {
        this.#writing = undefined;
      });
      await this.#writing;
    }
  }

  async #write(): Promise<void> {
    const version = this.#version;
    const { objects, key } = this.#options;
    if (this.#records.size > 0) {
      const content: JournalContent = { process: this.#process, records: [...this.#records.values()] };
      await objects.put(key, Buffer.from(JSON.stringify(content)), { metadata: {} }, { exclusive: false });
      this.#stored = true;
    } else if (this.#stored) {
      await objects.delete(key);
      this.#stored = false;
    }
    this.#written = version;
    if (this.#stored) this.#flushSoon(HEARTBEAT_MS);
  }

  #flushSoon(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#flush().catch((error: unknown) => {
        this.#options.events('JOURNAL_FAILED', { error });
        this.#flushSoon(HEARTBEAT_MS);
      });
    }, milliseconds);
    this.#timer.unref();
  }
}

/** A journal is a few hundred bytes for each upload under way. */
const MAX_JOURNAL_BYTES = 16 * 1024 ** 2;

/** Every journal object under the prefix; `content` is undefined for what is no journal. Throws StorageError. */
export async function readJournals(
  objects: ObjectApi,
  prefix: string,
): Promise<{ readonly object: ListedObject; readonly content: JournalContent | undefined }[]> {
  const journals: { readonly object: ListedObject; readonly content: JournalContent | undefined }[] = [];
  let token: string | undefined;
  do {
    const page = await objects.list({ prefix, token });
    for (const object of page.objects) {
      const bytes = await objects.readSmall(object.key, MAX_JOURNAL_BYTES);
      if (bytes !== undefined) journals.push({ object, content: parseJournal(bytes) });
    }
    token = page.next;
  } while (token !== undefined);
  return journals;
}

function uploadIds(records: readonly JournalRecord[]): string[] {
  return records.flatMap((record) =>
    record.kind === 'upload' && record.uploadId !== undefined ? [record.uploadId] : [],
  );
}

/** Keys of uploads whose ids are not known. */
function beginning(records: readonly JournalRecord[]): string[] {
  return records.flatMap((record) => (record.kind === 'upload' && record.uploadId === undefined ? [record.key] : []));
}

/** Undefined if the bytes are no journal: another program's object, or one of a later version of this. */
export function parseJournal(bytes: Buffer): JournalContent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
  const process = parseIdentity(field(value, 'process'));
  const list = field(value, 'records');
  if (process === undefined || !Array.isArray(list)) return undefined;
  const records = list.map(recordOf).filter((record) => record !== undefined);
  return records.length === list.length ? { process, records } : undefined;
}

function recordOf(value: unknown): JournalRecord | undefined {
  const key = field(value, 'key');
  if (typeof key !== 'string') return undefined;
  if (field(value, 'kind') === 'restore') {
    const tag = field(value, 'tag');
    const copy = field(value, 'copy');
    if (typeof tag !== 'string') return undefined;
    return typeof copy === 'string' ? { kind: 'restore', key, tag, copy } : { kind: 'restore', key, tag };
  }
  const at = field(value, 'at');
  const uploadId = field(value, 'uploadId');
  if (field(value, 'kind') !== 'upload' || typeof at !== 'number') return undefined;
  if (typeof uploadId === 'string') return { kind: 'upload', key, at, uploadId };
  const tries = field(value, 'tries');
  return typeof tries === 'number' ? { kind: 'upload', key, at, tries } : { kind: 'upload', key, at };
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}
