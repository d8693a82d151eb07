import { bareEtag } from './etag.ts';
import type { VersionReference } from './object-info.ts';

const MAX_REMEMBERED = 10_000;

interface Successor extends VersionReference {
  /** What was noted before it has a smaller number. */
  readonly sequence: number;
}

/** The moment before a request that looks at a key: see `seen`. */
export interface Look {
  readonly sequence: number;
}

/**
 * Where the bytes of a version are now. Other metadata, and another name, are a copy inside the store: a copy has a new
 * time of storing, often a new ETag, perhaps another key. Handles that are open on the version before go on with the copy
 * that this process has made: the bytes are the same.
 */
export class SameBytes {
  readonly #successors = new Map<string, Successor>();
  /** When something at a key was copied over itself last. */
  readonly #changes = new Map<string, number>();
  readonly #underWay = new Map<string, Set<Promise<unknown>>>();
  #sequence = 0;

  /** Runs a copy of the version; `note` is to be called before it ends. Those who find the old version gone wait for it. */
  async during<T>(key: string, copy: () => Promise<T>): Promise<T> {
    const running = copy();
    const known = this.#underWay.get(key) ?? new Set();
    this.#underWay.set(key, known.add(running));
    try {
      return await running;
    } finally {
      known.delete(running);
      if (known.size === 0) this.#underWay.delete(key);
    }
  }

  /** Resolves when no copy of the key is under way. Never rejects. */
  async settled(key: string): Promise<void> {
    await Promise.allSettled([...(this.#underWay.get(key) ?? [])]);
  }

  /** The bytes of `before` are at `after` now. */
  note(before: VersionReference, after: VersionReference): void {
    this.#sequence += 1;
    remember(this.#changes, before.key, this.#sequence);
    remember(this.#changes, after.key, this.#sequence);
    // It is there: whatever went before it under this name leads on to it no more.
    this.#successors.delete(nameOf(after));
    if (nameOf(before) === nameOf(after)) return;
    const { key, etag } = after;
    remember(this.#successors, nameOf(before), { key, etag, sequence: this.#sequence });
  }

  /** The version in which the bytes of this one can be had now; itself where nothing else is known. */
  latest(version: VersionReference): VersionReference {
    let now = { key: version.key, etag: version.etag };
    // Each step leads to one that was noted later, so there is an end.
    for (let last = 0; ;) {
      const next = this.#successors.get(nameOf(now));
      if (next === undefined || next.sequence <= last) return now;
      last = next.sequence;
      now = { key: next.key, etag: next.etag };
    }
  }

  /** To be called before a request that looks at the key; undefined while a copy or a move of it is under way. */
  look(key: string): Look | undefined {
    return this.#underWay.has(key) ? undefined : { sequence: this.#sequence };
  }

  /**
   * The store has this version. What was noted of it before the look is over: another process has put the same bytes back
   * under this name, and has perhaps removed them where this process had moved them.
   */
  seen(version: VersionReference, look: Look | undefined): void {
    const name = nameOf(version);
    const successor = this.#successors.get(name);
    if (successor !== undefined && look !== undefined && successor.sequence <= look.sequence) {
      this.#successors.delete(name);
    }
  }

  /** A number that changes with everything that this process does to the metadata or name of what is at the key. */
  changeOf(key: string): number {
    return this.#changes.get(key) ?? 0;
  }
}

function nameOf({ key, etag }: VersionReference): string {
  return `${bareEtag(etag)} ${key}`;
}

function remember<V>(map: Map<string, V>, name: string, value: V): void {
  map.delete(name);
  map.set(name, value);
  if (map.size > MAX_REMEMBERED) for (const oldest of map.keys()) return void map.delete(oldest);
}
