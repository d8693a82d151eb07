/**
 * Bounds of user authentication.
 *
 * One with `least`, `most` and `default` is a setting: config/schema.ts takes all three from here.
 */

/**
 * `auth.maxAttempts`: wrong passwords and wrong signatures before the connection ends. OpenSSH has 6. It
 * multiplies with `limits.connectionsPerSecondPerSource` to the guesses that one source has in a second.
 */
export const MAX_ATTEMPTS = { least: 1, most: 20, default: 6 } as const;

/** Keys that a client may ask about: an agent can hold many. More than this is a search. */
export const MAX_KEY_QUERIES = 32;

/** All requests of any kind, `none` included: a client that asks forever ends here. */
export const MAX_REQUESTS = 64;

/** Requests that may wait while one is being checked: clients send one at a time. */
export const MAX_WAITING_REQUESTS = 8;

/**
 * Password checks that run at a time, in a process. Each takes a thread of the pool that file access needs too, and up to
 * 128 MiB: guesses queue up behind each other, they do not push everything else aside.
 */
export const PASSWORD_CHECKS_RUNNING = 2;

/** Checks that wait, of all sources together: at 50 to 100 ms each the last one is answered after some three seconds. */
export const PASSWORD_CHECKS_WAITING = 64;

/** And of one source. Behind a load balancer all clients are one: half of the places. */
export const PASSWORD_CHECKS_WAITING_PER_SOURCE = 32;

/** RFC 4252 sets no bounds; these are generous. */
export const MAX_USER_NAME_BYTES = 256;
export const MAX_PASSWORD_BYTES = 1024;
/** Of a public key or a certificate. One of ML-DSA has 5.5 KiB, and each principal in it takes its length more. */
export const MAX_KEY_BLOB_BYTES = 16 * 1024;
export const MAX_SIGNATURE_BYTES = 8 * 1024;
