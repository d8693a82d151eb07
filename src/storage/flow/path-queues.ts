import type { StorePath } from '../object-store.ts';
import { SerialQueue } from './serial-queue.ts';

/** One serial queue for each path, while anybody is in it or waits. */
export class PathQueues {
  readonly #queues = new Map<StorePath, { readonly queue: SerialQueue; users: number }>();

  /**
   * Runs the task when it is its turn on each of the paths. They must be in order and each there once: all callers enter
   * their queues in one and the same order, so none waits for another in a circle.
   */
  async run<T>(paths: readonly StorePath[], task: () => Promise<T>): Promise<T> {
    const [first, ...others] = paths;
    if (first === undefined) return task();
    const entry = this.#queues.get(first) ?? { queue: new SerialQueue(), users: 0 };
    this.#queues.set(first, entry);
    entry.users += 1;
    try {
      return await entry.queue.run(async () => this.run(others, task));
    } finally {
      entry.users -= 1;
      if (entry.users === 0) this.#queues.delete(first);
    }
  }
}
