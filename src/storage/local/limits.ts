/**
 * Bounds of the local store, each with its reason. Bytes.
 *
 * One with `least`, `most` and `default` is a setting: config/schema.ts takes all three from here.
 */

/**
 * One step of a copy: long enough that the threads' hand-over does not count, short enough that other transfers get
 * their turn on the four threads of the pool. (`fs.copyFile` would keep one for the whole file.)
 */
export const COPY_STEP_BYTES = 1024 * 1024;

/** Below this a clone gains nothing. */
export const CLONE_FROM_BYTES = 1024 * 1024;

/** A copy that has come no further than this is finished though nobody waits for it: it takes some milliseconds. */
export const COPY_ANYWAY_BYTES = 8 * 1024 * 1024;

/**
 * `maxSparseBytes`: what a file may have of holes. They cost its user nothing, and whoever copies the file reads
 * them all (Node cannot ask where they are): 64 GiB take some ten seconds of a core. Clients that set a file's size before
 * they fill it need as much as their largest file. Not bounded above but by the file system.
 */
export const MAX_SPARSE_BYTES = { least: 0, most: Number.MAX_SAFE_INTEGER, default: 64 * 1024 ** 3 } as const;
