import type { AttributeChange, StorePath } from '../object-store.ts';

/** What has happened to a name, for whoever has a file open under it. `replaced`: another version of the file is there. */
export type NameChange =
  | { readonly kind: 'removed'; readonly path: StorePath }
  | { readonly kind: 'renamed'; readonly from: StorePath; readonly to: StorePath }
  | { readonly kind: 'replaced'; readonly path: StorePath }
  /** Mode or owner of the file were set: that holds for uploads that will take its place. */
  | { readonly kind: 'permitted'; readonly path: StorePath; readonly change: AttributeChange };

/** The lanes of some paths, held against every other process. */
export interface LanePass {
  /** Other processes have files open for writing at these paths or under them. */
  readonly sharedElsewhere: boolean;
  /** Resolves when the other processes act on it. Never rejects. */
  tell(change: NameChange): Promise<void>;
  leave(): void;
}

/** The way to the other processes of this node that work on the same store. */
export interface OtherProcesses {
  /**
   * Resolves when no other process is at work on these paths. With `publish` the new and the changed files that others
   * have open there are in the store by then, and whatever they write from then on is written into them. Never rejects.
   */
  enter(paths: readonly StorePath[], options: { readonly publish: boolean }): Promise<LanePass>;
  /** A version was opened for writing at the path, or has ended or left it. Within the lanes of the path. */
  opened(path: StorePath): void;
  ended(path: StorePath): void;
}

/** What other processes ask of this one, while they hold the lanes of the paths. Neither rejects. */
export interface ThisProcess {
  publish(paths: readonly StorePath[]): Promise<void>;
  happened(change: NameChange): Promise<void>;
}

/** A process that has the store for itself. */
export const ALONE: OtherProcesses = {
  enter: () => Promise.resolve(ALONE_PASS),
  opened: () => undefined,
  ended: () => undefined,
};

const ALONE_PASS: LanePass = {
  sharedElsewhere: false,
  tell: () => Promise.resolve(),
  leave: () => undefined,
};
