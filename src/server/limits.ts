/**
 * Bounds of the server, each with its reason.
 *
 * One with `least`, `most` and `default` is a setting: config/schema.ts takes all three from here.
 */

/**
 * `limits.connections` of a process. It multiplies with everything that a connection holds: three fifths of the descriptors
 * (server/descriptors.ts), and 44 KiB of window for each channel. Where there are fewer descriptors, fewer connections are let
 * in.
 */
export const CONNECTIONS = { least: 1, most: 1_000_000, default: 10_000 } as const;

/**
 * `limits.unauthenticatedConnections`: those that have not logged in; when it is full the oldest of the busiest source makes
 * room. Each may hold 256 KiB (HOLD_INPUT_BYTES_BEFORE_AUTH of transport/limits.ts): 50 MiB with the default.
 */
export const UNAUTHENTICATED_CONNECTIONS = { least: 1, most: 100_000, default: 200 } as const;

/**
 * `limits.connectionsPerUser`: logged in, in all workers together. A client opens up to some dozens at once (rclone, lftp,
 * FileZilla); 100 leave room for several machines of one partner. It multiplies with `sessionsPerConnection`.
 */
export const CONNECTIONS_PER_USER = { least: 1, most: 1_000_000, default: 100 } as const;

/**
 * `limits.connectionsPerSecondPerSource`; 0: no limit. Clients that open a connection for each file make a few in a second,
 * and the key exchanges of one source must not fill a core. Fractions are allowed.
 */
export const CONNECTIONS_PER_SECOND_PER_SOURCE = { least: 0, most: 100_000, default: 15 } as const;

/** `auth.loginGraceSeconds`, from the key exchange on: a person at a password prompt needs time. OpenSSH gives 120. */
export const LOGIN_GRACE_SECONDS = { most: 3600, default: 120 } as const;

/**
 * `limits.idleSeconds`: a session that asks for nothing and has nothing open. Long enough for a person who is called away from an
 * interactive client; a job that polls connects anew.
 */
export const IDLE_SECONDS = { most: 7 * 24 * 3600, default: 1800 } as const;

/**
 * `limits.keepaliveSeconds`: a silent client is asked so often whether it is there. Under the minutes after which firewalls
 * and address translation forget a connection. Times `unansweredKeepalives` is how long a dead client keeps its files.
 */
export const KEEPALIVE_SECONDS = { most: 3600, default: 60 } as const;

/** `limits.unansweredKeepalives`: so many and the client is gone. Times `keepaliveSeconds`: five minutes. */
export const UNANSWERED_KEEPALIVES = { least: 1, most: 100, default: 5 } as const;

/**
 * `workers`: processes that share the port. The memory settings (windows, the budgets of a store) multiply with it,
 * so that more than one has to be asked for.
 */
export const WORKERS = { least: 1, most: 256, default: 1 } as const;

/**
 * `shutdown.drainSeconds`: how long open files may take to be closed. 30 are what Kubernetes gives a process before it kills
 * it. A day is for transfers of terabytes. More than 0.
 */
export const DRAIN_SECONDS = { most: 24 * 3600, default: 30 } as const;

/** The kernel's queue of connections that are not accepted yet. */
export const LISTEN_BACKLOG = 1024;

/**
 * To the end of a header of the PROXY protocol. Most balancers send it as they connect, some only with the first bytes of their
 * client, which SSH clients send at once, too.
 */
export const PROXY_HEADER_MS = 3000;

/** To the end of the first key exchange. A person at a password prompt needs time; a key exchange needs none. */
export const KEX_SECONDS = 20;

/**
 * A drain ends a session that has nothing open and has asked for nothing for so long: the rename that WinSCP and others
 * send after the CLOSE of an upload belongs to it.
 */
export const DRAIN_QUIET_MS = 1000;

/** So often a drain looks whether a session has come to that: a tenth of the silence. */
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

/**
 * Of connections to the store that one of the two ends refuses, one is told in so long: each request makes one, and what is
 * wrong is the same.
 */
export const LINK_REFUSAL_TELL_MS = 60_000;

/** Likewise of clients of an HTTPS port whose handshake fails: strangers must not fill the log. */
export const HANDSHAKE_REFUSAL_TELL_MS = 60_000;

/** So often it is tried whether there are descriptors: the system does not say when it refuses connections for them. */
export const DESCRIPTOR_CHECK_MS = 1000;

/** And so often it is said that there are none. */
export const DESCRIPTOR_TELL_MS = 60_000;
