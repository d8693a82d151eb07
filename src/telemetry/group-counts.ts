/** A map that forgets its oldest entry when there are too many. */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #limit: number;

  constructor(limit: number) {
    super();
    this.#limit = limit;
  }

  override set(key: K, value: V): this {
    super.set(key, value);
    if (this.size > this.#limit) {
      const oldest = this.keys().next();
      if (oldest.done !== true) this.delete(oldest.value);
    }
    return this;
  }
}

export interface GroupCount<T> {
  readonly kind: T;
  readonly count: number;
  /** ISO 8601 times of the first and the last; '' where the lines said none. */
  readonly first: string;
  readonly last: string;
}

const MAX_GROUPS = 1000;

/** Counts events by kind; of more kinds than the limit the ones that came first are forgotten. */
export class GroupCounts<T extends object> {
  readonly #groups: BoundedMap<string, GroupCount<T>>;

  constructor(limit = MAX_GROUPS) {
    this.#groups = new BoundedMap(limit);
  }

  add(kind: T, time: string, count = 1): void {
    const key = JSON.stringify(kind);
    const known = this.#groups.get(key);
    this.#groups.set(key, {
      kind,
      count: (known?.count ?? 0) + count,
      first: known === undefined || time < known.first ? time : known.first,
      last: known === undefined || time > known.last ? time : known.last,
    });
  }

  get lastFirst(): GroupCount<T>[] {
    return [...this.#groups.values()].sort((one, other) =>
      one.last < other.last ? 1 : one.last > other.last ? -1 : 0,
    );
  }
}
