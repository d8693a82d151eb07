/** Bounds of user authentication. */

/** Wrong passwords and wrong signatures before the connection ends, unless configured otherwise. OpenSSH has 6. */
export const DEFAULT_MAX_ATTEMPTS = 6;

/** Keys that a client may ask about: an agent can hold many. More than this is a search. */
export const MAX_KEY_QUERIES = 32;

/** All requests of any kind, `none` included: a client that asks forever ends here. */
export const MAX_REQUESTS = 64;

/** Requests that may wait while one is being checked: clients send one at a time. */
export const MAX_WAITING_REQUESTS = 8;

/** RFC 4252 sets no bounds; these are generous. */
export const MAX_USER_NAME_BYTES = 256;
export const MAX_PASSWORD_BYTES = 1024;
export const MAX_KEY_BLOB_BYTES = 8 * 1024;
export const MAX_SIGNATURE_BYTES = 8 * 1024;
