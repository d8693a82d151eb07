import type { StorePath } from '../object-store.ts';
import type { OpenVersion } from './open-version.ts';
import { ALONE, type LanePass, type OtherProcesses } from './other-processes.ts';
import { PathLanes } from './path-lanes.ts';

/** The lanes of a store's paths: in this process, and where others work on the same store, beyond it. */
export class NameLanes {
  readonly #lanes = new PathLanes();
  #others: OtherProcesses = ALONE;

  /** Before the first session. */
  connect(others: OtherProcesses): void {
    this.#others = others;
  }

  /** A version was opened for writing at the path (1), or has ended or left it (-1). Within the lanes of the path. */
  versions(path: StorePath, by: 1 | -1): void {
    if (by === 1) this.#others.opened(path);
    else this.#others.ended(path);
  }

  /** Runs `action` in the lanes of the paths. `publish`: what others have open there is in the store before. */
  async run<T>(
    paths: readonly StorePath[],
    options: { readonly publish: boolean },
    action: (pass: LanePass) => Promise<T>,
  ): Promise<T> {
    const leave = await this.#lanes.enter(paths);
    try {
      const pass = await this.#others.enter(paths, options);
      try {
        return await action(pass);
      } finally {
        pass.leave();
      }
    } finally {
      leave();
    }
  }

  /** Runs `action` in the lane of the name that the version has when its turn has come. */
  async runAtName<T>(version: OpenVersion, action: (pass: LanePass) => Promise<T>): Promise<T> {
    for (;;) {
      const { path, home } = version;
      const done = await this.run(home === path ? [path] : [home, path], { publish: false }, async (pass) =>
        version.path === path && version.home === home ? { result: await action(pass) } : undefined,
      );
      if (done !== undefined) return done.result;
    }
  }
}
