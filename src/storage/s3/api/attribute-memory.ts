import { bareEtag } from './etag.ts';
import type { ObjectMetadata } from './object-fields.ts';

const MAX_REMEMBERED = 100_000;

/** What all entries may take, by their estimate: 100,000 of usual keys. */
const MAX_BYTES = 64 * 1024 ** 2;

/** An entry without its strings: the map's place and two objects. */
const ENTRY_BYTES = 256;

/** Ours are shorter, and none that is longer says anything. */
const MAX_VALUE_CHARACTERS = 64;

/** The names of attributes.ts; no other is shown. */
const NAMES = ['mtime', 'atime', 'mode', 'uid', 'gid'];

/**
 * Other attributes leave the ETag as it is, and the time of storing is told in whole seconds: only what was seen in a later
 * second is known for good. With the store's clock told in whole seconds too, and a little for stores of several machines.
 * Milliseconds.
 */
const SETTLED_MS = 3_000;

interface Remembered {
  readonly etag: string;
  /** Seconds. */
  readonly lastModified: number;
  readonly metadata: ObjectMetadata;
  readonly bytes: number;
}

/** All entries, and an estimate of the memory that they take. */
interface Kept {
  readonly entries: Map<string, Remembered>;
  bytes: number;
}

export interface AttributeMemoryOptions {
  /** Milliseconds since the epoch, by the store's clock. */
  readonly storeTime: () => number;
  /** Keys that no listing shows. */
  readonly isHidden: (key: string) => boolean;
}

/**
 * The attributes of objects that this process has asked for. A listing has no metadata, and a request for each entry each
 * time would take long; but clients compare times by listing a directory (rclone, lftp, rsync), and send everything again
 * where those are not the ones that were set. An entry counts only for the very version that it was learned from: ETag and
 * time of storing must be those of the listing.
 */
export class AttributeMemory {
  readonly #options: AttributeMemoryOptions;
  readonly #kept: Kept;
  /** Before the keys of what only some may know. */
  readonly #who: string;

  constructor(options: AttributeMemoryOptions, kept: Kept = { entries: new Map(), bytes: 0 }, who = '') {
    this.#options = options;
    this.#kept = kept;
    this.#who = who;
  }

  /** What those who are `who` have asked for: nobody else is told of it. All of it together is bounded. */
  of(who: string): AttributeMemory {
    return new AttributeMemory(this.#options, this.#kept, `${who}\n`);
  }

  /** Entries, and an estimate of the memory that they take. Bytes. */
  get usage(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#kept.entries.size, bytes: this.#kept.bytes };
  }

  /** What a look at the object has told. `lastModified` is in seconds. */
  learn(key: string, etag: string, lastModified: number, metadata: ObjectMetadata): void {
    this.forget(key);
    const { storeTime, isHidden } = this.#options;
    if (storeTime() - lastModified * 1000 < SETTLED_MS || isHidden(key)) return;
    const known = attributesOf(metadata);
    const bytes = bytesOf(this.#who + key, etag, known);
    this.#kept.entries.set(this.#who + key, { etag: bareEtag(etag), lastModified, metadata: known, bytes });
    this.#kept.bytes += bytes;
    for (const oldest of this.#kept.entries.keys()) {
      if (this.#kept.entries.size <= MAX_REMEMBERED && this.#kept.bytes <= MAX_BYTES) return;
      this.#drop(oldest);
    }
  }

  /** The object is gone, or is another one. */
  forget(key: string): void {
    this.#drop(this.#who + key);
  }

  #drop(name: string): void {
    this.#kept.bytes -= this.#kept.entries.get(name)?.bytes ?? 0;
    this.#kept.entries.delete(name);
  }

  /** The metadata of exactly this version; undefined if it is not known. */
  find(key: string, etag: string, lastModified: number): ObjectMetadata | undefined {
    const known = this.#kept.entries.get(this.#who + key);
    if (known === undefined) return undefined;
    if (known.etag === bareEtag(etag) && known.lastModified === lastModified) return known.metadata;
    this.forget(key);
    return undefined;
  }
}

/** Of metadata, which may be another program's, what listings show. */
function attributesOf(metadata: ObjectMetadata): ObjectMetadata {
  const known: Record<string, string> = {};
  for (const name of NAMES) {
    const value = metadata[name];
    if (value !== undefined && value.length <= MAX_VALUE_CHARACTERS) known[name] = value;
  }
  return known;
}

function bytesOf(key: string, etag: string, metadata: ObjectMetadata): number {
  let characters = key.length + etag.length;
  for (const value of Object.values(metadata)) characters += value.length;
  return ENTRY_BYTES + 2 * characters;
}
