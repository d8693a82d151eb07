/** Bounds of the server that are not configured, each with its reason. What operators set is in config/schema.ts. */

/** The kernel's queue of connections that are not accepted yet. */
export const LISTEN_BACKLOG = 1024;

/** A person at a password prompt needs time; a key exchange needs none. */
export const KEX_SECONDS = 20;

/**
 * A drain ends a session that has nothing open and has asked for nothing for so long: the rename that WinSCP and others
 * send after the CLOSE of an upload belongs to it.
 */
export const DRAIN_QUIET_MS = 1000;
export const DRAIN_CHECK_MS = 100;

/**
 * After the deadline of a drain what was cut off lets go of its files: so long, then the process ends all the same. A
 * primary kills workers that take longer (HANG_MS of workers/primary.ts).
 */
export const CUT_OFF_MS = 10_000;

/** A source that connects too fast waits at most so long before its banner. */
export const MAX_ADMISSION_WAIT_SECONDS = 5;

/** Connections of one source that may come at once before waiting begins. */
export const ADMISSION_BURST = 5;

/** Sources remembered; the oldest are forgotten first. An attacker with more addresses is not stopped by this anyway. */
export const MAX_ADMISSION_SOURCES = 65_536;

/**
 * Descriptors kept for the process itself: its modules and sockets while it starts, the port for metrics, connections to
 * an S3 store. Of small limits a quarter.
 */
export const RESERVED_DESCRIPTORS = 128;

/** So often it is tried whether there are descriptors: the system does not say when it refuses connections for them. */
export const DESCRIPTOR_CHECK_MS = 1000;

/** And so often it is said that there are none. */
export const DESCRIPTOR_TELL_MS = 60_000;
