import type { ObjectMetadata } from './attributes.ts';

const MAX_REMEMBERED = 20_000;

/** What all entries may take, by their estimate: 20,000 of usual keys. */
const MAX_BYTES = 16 * 1024 ** 2;

/** An entry without its strings: the map's place and two objects. */
const ENTRY_BYTES = 256;

/** Ours are shorter. What another program has put there and is longer is shown only by requests for that object. */
const MAX_VALUE_CHARACTERS = 64;

/** The names of attributes.ts; an object without them shows nothing that its listing does not show. */
const NAMES = ['mtime', 'atime', 'mode', 'uid', 'gid'];

interface Remembered {
  readonly etag: string;
  /** Seconds; undefined until a listing or HEAD has shown it. */
  lastModified: number | undefined;
  readonly metadata: ObjectMetadata;
  readonly bytes: number;
}

/**
 * The attributes of objects that this process has written or asked for lately. A listing has no metadata, and a request
 * for each entry would take minutes; but a client that has just set times (rclone, lftp, rsync) compares them by
 * listing the directory next, and would send everything again. An entry counts only for the very version that it was
 * learned from: ETag and time of storing must be those of the listing.
 */
export class AttributeMemory {
  readonly #entries = new Map<string, Remembered>();
  #bytes = 0;

  /** Entries, and an estimate of the memory that they take. Bytes. */
  get usage(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#entries.size, bytes: this.#bytes };
  }

  /** `lastModified` is undefined where the answer did not tell it. */
  learn(key: string, etag: string, lastModified: number | undefined, metadata: ObjectMetadata): void {
    this.forget(key);
    const known = attributesOf(metadata);
    if (known === undefined) return;
    const bytes = bytesOf(key, etag, known);
    this.#entries.set(key, { etag: bare(etag), lastModified, metadata: known, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= MAX_REMEMBERED && this.#bytes <= MAX_BYTES) return;
      this.forget(oldest);
    }
  }

  /** A copy inside the store has its source's attributes, if those are known. */
  learnCopy(
    source: { readonly key: string; readonly etag: string },
    target: string,
    etag: string,
    lastModified: number,
  ): void {
    const known = this.#entries.get(source.key);
    if (known === undefined || known.etag !== bare(source.etag)) this.forget(target);
    else this.learn(target, etag, lastModified, known.metadata);
  }

  /** The object is gone, or is another one. */
  forget(key: string): void {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0;
    this.#entries.delete(key);
  }

  /** The metadata of exactly this version; undefined if it is not known. */
  find(key: string, etag: string, lastModified: number): ObjectMetadata | undefined {
    const known = this.#entries.get(key);
    if (known === undefined) return undefined;
    if (known.etag === bare(etag) && (known.lastModified ?? lastModified) === lastModified) {
      known.lastModified = lastModified;
      return known.metadata;
    }
    this.forget(key);
    return undefined;
  }
}

/** Of metadata, which may be another program's, what listings show; undefined for nothing, or for what is too long. */
function attributesOf(metadata: ObjectMetadata): ObjectMetadata | undefined {
  const known: Record<string, string> = {};
  let any = false;
  for (const name of NAMES) {
    const value = metadata[name];
    if (value === undefined) continue;
    if (value.length > MAX_VALUE_CHARACTERS) return undefined;
    known[name] = value;
    any = true;
  }
  return any ? known : undefined;
}

function bytesOf(key: string, etag: string, metadata: ObjectMetadata): number {
  let characters = key.length + etag.length;
  for (const value of Object.values(metadata)) characters += value.length;
  return ENTRY_BYTES + 2 * characters;
}

function bare(etag: string): string {
  return etag.replaceAll('"', '');
}
