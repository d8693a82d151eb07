// What the operations of the model answer with, and the codes of errno(3) on either server.
import type { Expectation } from './expectation.ts';
import { meant } from './differences.ts';
import type { World } from './world.ts';

/** How a server is to behave. */
export interface Rules {
  /** OpenSSH's sftp-server on a directory, exactly; otherwise Latticeport, with the differences that are meant. */
  readonly posix: boolean;
  readonly hardlinks: boolean;
  readonly partialUploads: 'store' | 'discard';
  /** What was replaced or is being written can be refused to a reader (S3). */
  readonly refusesReads: boolean;
  /** All sessions share one registry of open files. */
  readonly sharesOpenFiles: boolean;
  /** What is written through a handle after another one of the same upload was closed is in the file at once. */
  readonly writesInPlace: boolean;
  /** A session may not know of a new file that another process is writing. */
  readonly blind: boolean;
}

/** One thing that may happen: the answer, and the world after it. */
export interface Outcome {
  readonly world: World;
  readonly expected: Expectation;
}

export type Errno = 'ENOENT' | 'ENOTDIR' | 'EEXIST' | 'EISDIR' | 'ENOTEMPTY' | 'EBADF' | 'EINVAL' | 'EPERM';

/** errno_to_portable() of sftp-server.c */
const PORTABLE: Readonly<Record<Errno, number>> = {
  ENOENT: 2,
  ENOTDIR: 2,
  EEXIST: 4,
  EISDIR: 4,
  ENOTEMPTY: 4,
  EBADF: 2,
  EINVAL: 5,
  EPERM: 3,
};

const FAILURE = 4;

export function ok(world: World): Outcome {
  return { world, expected: { kind: 'status', codes: [0] } };
}

export function status(world: World, ...codes: number[]): Outcome {
  return { world, expected: { kind: 'status', codes } };
}

/** The request fails, and nothing happens. With `loose` the code may be FAILURE on Latticeport. */
export function fails(world: World, rules: Rules, errno: Errno, loose = false): Outcome {
  const code = PORTABLE[errno];
  const free = loose || errno === 'EBADF' || errno === 'EINVAL' || errno === 'EPERM';
  return status(world, ...(!rules.posix && free && meant('status codes') ? [code, FAILURE] : [code]));
}
