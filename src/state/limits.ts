/** A change that has not been made after this long is given up with StateUnavailable. It bounds how long one caller can hold up the others. */
export const CHANGE_DEADLINE_MS = 10_000;

/** How often one change is tried again where another node was in the way. The deadline usually ends it before. */
export const MAX_CHANGE_ATTEMPTS = 500;

/** Between two attempts at a change there are from the first to the last of these, growing, and up to twice that by chance. */
export const RETRY_DELAY_MS = { least: 2, most: 40 } as const;

/** How often SQLite is asked whether another process has changed something: about 10 µs of work each time. */
export const SQLITE_POLL_MS = 200;

/** How often PostgreSQL is asked for its revision, beside its notifications: it finds what a broken connection has missed. */
export const POSTGRESQL_POLL_MS = 1_000;

/** Who wants the newest snapshot waits for the database so long at the most. It answers in a millisecond, where nothing is wrong. */
export const CATCH_UP_MS = 1_000;

/** How long the start may wait for another process that opens or migrates the same SQLite file. */
export const SQLITE_OPEN_DEADLINE_MS = 30_000;

/** A read of SQLite waits for a lock at the most this long. Only recovery after a crash locks readers out. */
export const SQLITE_READ_BUSY_MS = 1_000;

/** Connections to PostgreSQL of one process, beside the one that listens: one changes, the others read. */
export const POSTGRESQL_CONNECTIONS = 4;

/** For PostgreSQL to accept a connection, and for an answer to one statement. */
export const POSTGRESQL_CONNECT_MS = 5_000;
export const POSTGRESQL_ANSWER_MS = 8_000;

/** The start of a node may wait this long for another one that migrates the database. */
export const POSTGRESQL_MIGRATION_MS = 120_000;

/** Between two attempts to reach PostgreSQL again. */
export const RECONNECT_DELAY_MS = { least: 250, most: 5_000 } as const;

/**
 * What is deleted stays marked as deleted for so many revisions. A node that has missed more of them reads everything again.
 * A mark takes about 100 bytes.
 */
export const DELETIONS_KEPT_REVISIONS = 10_000;

/** Marks are removed in every change whose revision is a multiple of this. */
export const PRUNE_EVERY_REVISIONS = 500;

/** Names and ids in the state: longer than any of the API. */
export const MAX_NAME_CHARACTERS = 1_024;

/** How often a node tells what sessions it has. */
export const SESSION_REPORT_MS = 3_000;

/** A node without sessions tells that less often: it also removes what dead nodes have left. */
export const QUIET_REPORT_MS = 30_000;

/** Sessions of a node that has told nothing for so long are none any more: five reports were missed. */
export const NODE_EXPIRY_MS = 15_000;

/** A transaction of a report that is not made in this time is given up. The next report says more. */
export const REPORT_DEADLINE_MS = 2_000;

/** Sessions whose counters one report writes anew, so that thousands of busy ones take about one percent of the time. */
export const CHANGES_OF_REPORT = 1_000;

/** Rows of one transaction of a report: about a millisecond, in which SQLite lets nothing else happen. */
export const ROWS_OF_NOTE = 64;

/** So long a node can be without the state and still learn that it is to end a session. */
export const SESSION_END_KEPT_MS = 3_600_000;

/** A file of secret keys, and the keys in it. */
export const MAX_KEY_FILE_BYTES = 64 * 1024;
export const MAX_SECRET_KEYS = 100;
