interface Group {
  /** Never rejects. */
  running: Promise<unknown>;
  /** Begins when the one that runs has ended. */
  next: Promise<void> | undefined;
}

/**
 * Lets those who want the same thing made safe wait for one and the same run: each for one that begins after its call, since
 * one that runs already may have passed by what it is about.
 */
export class GroupCommit {
  readonly #groups = new Map<string, Group>();

  /** Rejects, for all who share it, where the run does. Of those who share it the first one's `commit` is run. */
  run(key: string, commit: () => Promise<void>): Promise<void> {
    const group = this.#groups.get(key);
    if (group !== undefined) {
      group.next ??= group.running.then(() => {
        group.next = undefined;
        return this.#start(key, group, commit);
      });
      return group.next;
    }
    const first: Group = { running: Promise.resolve(), next: undefined };
    this.#groups.set(key, first);
    return this.#start(key, first, commit);
  }

  #start(key: string, group: Group, commit: () => Promise<void>): Promise<void> {
    const run = commit();
    const ended = (): void => {
      if (group.next === undefined) this.#groups.delete(key);
    };
    group.running = run.then(ended, ended);
    return run;
  }
}
