interface Operation {
  readonly start: number;
  readonly end: number;
  readonly shared: boolean;
  /** Never rejects. */
  readonly done: Promise<void>;
}

/**
 * A read-write lock of byte ranges. It runs operations at the same time, except where they touch: of two that overlap, the one called later
 * starts when the earlier has ended, unless both only read. Threads of a pool finish in any order; this keeps the order
 * of the calls where it can be seen.
 */
export class RangeLock {
  readonly #operations = new Set<Operation>();

  /** `end` is exclusive; Infinity for an operation on all that follows. */
  run<T>(start: number, end: number, shared: boolean, action: () => Promise<T>): Promise<T> {
    const before: Promise<void>[] = [];
    for (const other of this.#operations) {
      if (other.start < end && start < other.end && !(shared && other.shared)) before.push(other.done);
    }
    const result = before.length === 0 ? action() : Promise.all(before).then(action);
    const ended = () => {
      this.#operations.delete(operation);
    };
    const operation: Operation = { start, end, shared, done: result.then(ended, ended) };
    this.#operations.add(operation);
    return result;
  }

  /** Resolves when every operation called so far has ended, well or badly. */
  async idle(): Promise<void> {
    await Promise.all(Array.from(this.#operations, (operation) => operation.done));
  }
}
