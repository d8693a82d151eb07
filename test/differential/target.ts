// What is compared with the oracle: Latticeport, in one of the ways in which it can be run.
import type { Compared } from './expectation.ts';
import type { Link } from './link.ts';
import type { InitialTree } from './oracle.ts';

export interface Target {
  readonly name: string;
  /** It is a POSIX server itself: no difference is meant. */
  readonly posix?: true;
  readonly hardlinks: boolean;
  /** What was replaced or is being written can be refused to a reader. */
  readonly refusesReads: boolean;
  /**
   * All sessions share one registry of open files. Where they do not, requests that would meet what a session of another
   * process is writing are left out.
   */
  readonly sharesOpenFiles: boolean;
  /** What is written through a handle after another one of the same upload was closed is in the file at once. */
  readonly writesInPlace: boolean;
  /** It can be seen when a session has let go of its files although requests were under way. */
  readonly endsWithRequests: boolean;
  /** A file can be made where no directory was made before: such requests are left out. */
  readonly implicitParents: boolean;
  readonly compared: Compared;
  /** Only these values of `partialUploads` can be had; otherwise that of the sequence. */
  readonly partialUploads?: 'store' | 'discard';
  /** A storage that holds the tree and nothing else. Sessions of the sequence before have ended. */
  begin(tree: InitialTree, partialUploads: 'store' | 'discard'): Promise<void>;
  connect(): Promise<Link>;
  /** What no sequence may leave behind when all sessions have ended: unfinished files, handles. */
  leftovers(): Promise<readonly string[]>;
  stop(): Promise<void>;
}
