/** How many connections each user has: whoever has as many as are allowed gets no further one. */
export class UserConnections {
  readonly #counts = new Map<string, number>();

  /** Whether `user` may have one more; if so it is counted until `leave`. */
  enter(user: string, limit: number): boolean {
    const count = this.#counts.get(user) ?? 0;
    if (count >= limit) return false;
    this.#counts.set(user, count + 1);
    return true;
  }

  leave(user: string): void {
    const count = (this.#counts.get(user) ?? 0) - 1;
    if (count > 0) this.#counts.set(user, count);
    else this.#counts.delete(user);
  }
}
