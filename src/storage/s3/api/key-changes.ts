/** Keys that fall into one place count as changed together: with so many that is seldom, and it costs one request too many. */
const PLACES = 32_768;

/**
 * When this process has changed a key last. What was asked before such a change had its answer may be outdated. The memory
 * is the same for any number of keys.
 */
export class KeyChanges {
  readonly #places = new Float64Array(PLACES);
  #sequence = 0;

  /** The present, for `changedSince`. */
  get now(): number {
    return this.#sequence;
  }

  /** Runs what may change the keys, whether it fails or not: a request whose answer is lost may have been carried out. */
  async during<T>(keys: readonly string[], change: () => Promise<T>): Promise<T> {
    try {
      return await change();
    } finally {
      this.#sequence += 1;
      for (const key of keys) this.#places[placeOf(key)] = this.#sequence;
    }
  }

  /** Whether a change of the key has ended since then. True for some keys that were not changed. */
  changedSince(key: string, then: number): boolean {
    return (this.#places[placeOf(key)] ?? 0) > then;
  }
}

/** FNV-1a over the key's UTF-16. */
function placeOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i += 1) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % PLACES;
}
