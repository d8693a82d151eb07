// The targets of the tests, with what each costs in CI: some 3,650 sequences in all.
import { serverTarget, stdioTarget } from './process-targets.ts';
import { localTarget, memoryTarget, s3Target } from './targets.ts';
import type { TestedTarget } from './test-targets.ts';

const endpoint = process.env['S3_ENDPOINT'];
const noS3 = endpoint === undefined ? 'radosgw is not installed' : null;

/** Calls in threads, as on a disk. */
export const LOCAL: TestedTarget = {
  name: 'local, in one process',
  missing: null,
  start: () => localTarget('near'),
  sequential: 200,
  simultaneous: 800,
};

/** Calls in place, as on tmpfs. */
export const LOCAL_IN_MEMORY: TestedTarget = {
  name: 'local in memory, in one process',
  missing: null,
  start: () => localTarget('memory'),
  sequential: 200,
  simultaneous: 800,
};

export const MEMORY: TestedTarget = {
  name: 'memory, in one process',
  missing: null,
  start: memoryTarget,
  sequential: 400,
  simultaneous: 1200,
};

export const SERVER: TestedTarget = {
  name: 'a server with three SSH connections',
  missing: null,
  start: () => serverTarget(),
  sequential: 0,
  simultaneous: 100,
};

export const WORKERS: TestedTarget = {
  name: 'a server with two workers',
  missing: null,
  start: () => serverTarget(2),
  sequential: 0,
  simultaneous: 100,
};

export const STDIO: TestedTarget = {
  name: 'three sftp-stdio processes',
  missing: null,
  start: stdioTarget,
  sequential: 20,
  simultaneous: 0,
};

export const S3: TestedTarget = {
  name: 's3, in one process',
  missing: noS3,
  start: () => s3Target(endpoint ?? ''),
  sequential: 0,
  simultaneous: 20,
};

export const NODES: TestedTarget = {
  name: 's3, two nodes on one bucket',
  missing: noS3,
  start: () => s3Target(endpoint ?? '', 2),
  sequential: 10,
  simultaneous: 0,
};
