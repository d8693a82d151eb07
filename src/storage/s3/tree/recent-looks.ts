import type { DirectoryEntry, Entry, SessionLooks, StatOptions, StorePath } from '../../object-store.ts';
import { fileEntry } from '../mapping/attributes.ts';
import type { S3Context } from '../s3-context.ts';
import type { ListingWatch } from './listing.ts';
import { SHOWN_MS, type Moment, type Question } from './shown-entries.ts';

type LooksContext = Pick<
  S3Context,
  'keys' | 'objects' | 'attributeMemory' | 'attributeDefaults' | 'listTimes' | 'clock' | 'shown'
>;

/** The looks that ask the store. */
export interface AskedLooks {
  stat(path: StorePath, options: StatOptions): Promise<Entry>;
  list(path: StorePath, watch: ListingWatch): AsyncIterable<readonly DirectoryEntry[]>;
}

const BOTH: readonly Question[] = ['stat', 'lstat'];

/**
 * How one session looks at a store that is far away. A client that fetches files lists them, then asks STAT, LSTAT or both of
 * each before its OPEN, and each question would be a round trip. The rule:
 *
 * - A file that a listing or a STAT has shown to this session is told once more from memory to each of the other questions,
 *   for at most two seconds from the moment before the store was asked. The same question asked twice asks the store twice.
 * - Nothing is told from memory that this process has changed since, in whatever session.
 * - Only files that are there are told from memory: never a directory, and never that there is none.
 * - OPEN always asks the store. So bytes, and the size of what is open, are never older than the OPEN.
 *
 * What this can hide: for two seconds a STAT right after a listing may not see what another server has made of a file since.
 *
 * Who goes through a directory for longer than that in the order of its names is told from a listing of the next names,
 * which is asked for meanwhile.
 */
export class RecentLooks implements SessionLooks {
  readonly #context: LooksContext;
  readonly #store: AskedLooks;
  readonly #session: number;
  /** The directory that was listed last, the last name that was asked for, and when its names were listed last. */
  #walk: { readonly prefix: string; key: string; at: number } | undefined;

  constructor(context: LooksContext, store: AskedLooks) {
    this.#context = context;
    this.#store = store;
    this.#session = context.shown.newSession();
  }

  async stat(path: StorePath, options: StatOptions): Promise<Entry> {
    if (path === '') return this.#store.stat(path, options);
    const { keys, shown } = this.#context;
    const key = keys.fileKey(path);
    const question = options.followSymlinks ? 'stat' : 'lstat';
    const known = shown.take(this.#session, key, question);
    const isFurther = this.#goesOn(key);
    if (known !== undefined) return known;
    if (isFurther) void this.#lookAhead(key);
    const moment = shown.moment();
    const entry = await this.#store.stat(path, options);
    const others = BOTH.filter((other) => other !== question);
    if (entry.kind === 'file') shown.keep(this.#session, key, { entry, moment }, others);
    return entry;
  }

  list(path: StorePath): AsyncIterable<readonly DirectoryEntry[]> {
    const { keys, shown, clock } = this.#context;
    if (keys.canBeDirectory(path)) this.#walk = { prefix: keys.directoryPrefix(path), key: '', at: clock.now() };
    return this.#store.list(path, {
      moment: () => shown.moment(),
      shown: (key, entry, moment) => {
        this.#keep(key, entry, moment);
      },
    });
  }

  #keep(key: string, entry: Entry, moment: Moment): void {
    this.#context.shown.keep(this.#session, key, { entry, moment }, BOTH);
  }

  /** Whether the key is behind the one that was asked for before, in the directory that was listed last. */
  #goesOn(key: string): boolean {
    const walk = this.#walk;
    if (walk === undefined || key.lastIndexOf('/') !== walk.prefix.length - 1 || !key.startsWith(walk.prefix))
      return false;
    const isFurther = key > walk.key;
    walk.key = key;
    return isFurther;
  }

  /** Lists the names behind this one again, of which the attributes are known. Never throws. */
  async #lookAhead(after: string): Promise<void> {
    const { objects, attributeMemory, clock, shown } = this.#context;
    const walk = this.#walk;
    if (walk === undefined || clock.now() - walk.at < SHOWN_MS) return;
    walk.at = clock.now();
    const moment = shown.moment();
    try {
      const page = await objects.list({ prefix: walk.prefix, delimiter: '/', after });
      for (const { key, etag, size, lastModified } of page.objects) {
        const metadata = attributeMemory.find(key, etag, lastModified);
        if (metadata !== undefined) this.#keep(key, fileEntry({ size, lastModified, metadata }, this.#context), moment);
      }
    } catch {
      // It only saves requests: whoever needs the store's answer asks by itself.
    }
  }
}
