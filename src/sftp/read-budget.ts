/**
 * Memory for answers with file data and names that are asked for and not sent, shared by the SFTP sessions of one
 * connection: a client that asks and does not read holds so much, however many sessions it has.
 */
export class ReadBudget {
  readonly #bytes: number;
  #taken = 0;
  readonly #waiting = new Set<() => void>();

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  get hasRoom(): boolean {
    return this.#taken < this.#bytes;
  }

  take(bytes: number): void {
    this.#taken += bytes;
  }

  give(bytes: number): void {
    if (bytes === 0) return;
    this.#taken -= bytes;
    if (!this.hasRoom) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** Calls `wake` once when there is room again; the same function waits only once. */
  wait(wake: () => void): void {
    this.#waiting.add(wake);
  }

  forget(wake: () => void): void {
    this.#waiting.delete(wake);
  }
}
