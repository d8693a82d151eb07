import { UserConnections } from '../user-connections.ts';

/** The primary's count of users' connections over all workers: one that ends takes its own with it. */
export class ConnectionsOfWorkers {
  readonly #all = new UserConnections();
  readonly #byWorker = new Map<number, Map<string, number>>();

  enter(worker: number, user: string, limit: number): boolean {
    if (!this.#all.enter(user, limit)) return false;
    const own = this.#byWorker.get(worker) ?? new Map<string, number>();
    own.set(user, (own.get(user) ?? 0) + 1);
    this.#byWorker.set(worker, own);
    return true;
  }

  leave(worker: number, user: string): void {
    const own = this.#byWorker.get(worker);
    const count = own?.get(user) ?? 0;
    if (count === 0) return;
    if (count === 1) own?.delete(user);
    else own?.set(user, count - 1);
    this.#all.leave(user);
  }

  ended(worker: number): void {
    const own = this.#byWorker.get(worker) ?? new Map<string, number>();
    this.#byWorker.delete(worker);
    for (const [user, count] of own) for (let i = 0; i < count; i += 1) this.#all.leave(user);
  }
}
