import type { StorePath } from '../../object-store.ts';
import { SerialQueue } from '../../flow/serial-queue.ts';

/** One lane for each path, while anybody is in it or waits. */
export class PathLanes {
  readonly #lanes = new Map<StorePath, { readonly lane: SerialQueue; users: number }>();

  /**
   * Runs the task when it is its turn on each of the paths. They must be in order and each there once: all callers enter
   * their lanes in one and the same order, so none waits for another in a circle.
   */
  async run<T>(paths: readonly StorePath[], task: () => Promise<T>): Promise<T> {
    const [first, ...others] = paths;
    if (first === undefined) return task();
    const entry = this.#lanes.get(first) ?? { lane: new SerialQueue(), users: 0 };
    this.#lanes.set(first, entry);
    entry.users += 1;
    try {
      return await entry.lane.run(async () => this.run(others, task));
    } finally {
      entry.users -= 1;
      if (entry.users === 0) this.#lanes.delete(first);
    }
  }
}
