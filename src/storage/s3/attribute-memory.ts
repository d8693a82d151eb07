import type { ObjectMetadata } from './attributes.ts';

/** Some 300 bytes each. */
const MAX_REMEMBERED = 20_000;

/** The names of attributes.ts; an object without them shows nothing that its listing does not show. */
const NAMES = ['mtime', 'atime', 'mode', 'uid', 'gid'];

interface Remembered {
  readonly etag: string;
  /** Seconds; undefined until a listing or HEAD has shown it. */
  lastModified: number | undefined;
  readonly metadata: ObjectMetadata;
}

/**
 * The attributes of objects that this process has written or asked for lately. A listing has no metadata, and a request
 * for each entry would take minutes; but a client that has just set times (rclone, lftp, rsync) compares them by
 * listing the directory next, and would send everything again. An entry counts only for the very version that it was
 * learned from: ETag and time of storing must be those of the listing.
 */
export class AttributeMemory {
  readonly #entries = new Map<string, Remembered>();

  /** `lastModified` is undefined where the answer did not tell it. */
  learn(key: string, etag: string, lastModified: number | undefined, metadata: ObjectMetadata): void {
    this.#entries.delete(key);
    if (!NAMES.some((name) => metadata[name] !== undefined)) return;
    this.#entries.set(key, { etag: bare(etag), lastModified, metadata });
    if (this.#entries.size <= MAX_REMEMBERED) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
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
    if (known === undefined || known.etag !== bare(source.etag)) this.#entries.delete(target);
    else this.learn(target, etag, lastModified, known.metadata);
  }

  forget(key: string): void {
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
    this.#entries.delete(key);
    return undefined;
  }
}

function bare(etag: string): string {
  return etag.replaceAll('"', '');
}
