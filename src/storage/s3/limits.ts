/**
 * Bounds of the S3 store that are set or shared, each with its reason. Bytes, unless said otherwise. The budgets are of a
 * process, so they multiply with `workers`.
 *
 * One with `least`, `most` and `default` is a setting: config/schema.ts takes all three from here.
 */

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const TIB = 1024 * GIB;

/**
 * `partBytes`: the first thousand parts of an upload, which S3 allows 5 MiB to 5 GiB. Larger ones save requests; each upload
 * collects one while others are on their way. It multiplies with PARTS_IN_FLIGHT; UPLOAD_BUDGET_BYTES bounds the product for
 * all uploads, and has to be 2 1/2 parts at the least.
 */
export const PART_BYTES = { least: 5 * MIB, most: 5 * GIB, default: 8 * MIB } as const;

/**
 * `partsInFlight`, of each upload, to begin with: with 8 MiB, four hide some 100 ms of a store's latency at 300 MiB/s. It grows
 * to four times as many, and up to 48 MiB, where that makes the upload faster (../flow/adaptive-depth.ts).
 */
export const PARTS_IN_FLIGHT = { least: 1, most: 64, default: 4 } as const;

/** `uploadBudgetBytes` of all uploads: six that run as fast as they can, or many that share. */
export const UPLOAD_BUDGET_BYTES = { least: 16 * MIB, most: 64 * GIB, default: 256 * MIB } as const;

/** `readAheadBytes`: one ranged GET once a download is under way. It multiplies with READ_AHEAD_IN_FLIGHT. */
export const READ_AHEAD_BYTES = { least: 256 * KIB, most: 64 * MIB, default: 4 * MIB } as const;

/** `readAheadInFlight`: GETs ahead of one reader, 16 MiB with the default, twice the largest window. It grows as the one above. */
export const READ_AHEAD_IN_FLIGHT = { least: 1, most: 32, default: 4 } as const;

/** `readAheadBudgetBytes` of all readers: 16 that run as fast as they can; the others read without looking ahead. */
export const READ_AHEAD_BUDGET_BYTES = { least: 16 * MIB, most: 64 * GIB, default: 256 * MIB } as const;

/** `spoolMaxBytes` of disk, of all uploads that are not written in order: it has to fit the temporary directory. */
export const SPOOL_MAX_BYTES = { least: 64 * MIB, most: 16 * TIB, default: 10 * GIB } as const;

/**
 * `maxSparseBytes`: zeros that are stored for one file. S3 has no holes: they are sent and paid for. Up to the largest object.
 */
export const MAX_SPARSE_BYTES = { least: 0, most: 5 * TIB, default: GIB } as const;

/** `renameMaxEntries` of a directory, each of which is a copy and a removal: at 100 in a second a quarter of an hour. */
export const RENAME_MAX_ENTRIES = { least: 0, most: Number.MAX_SAFE_INTEGER, default: 100_000 } as const;

/** `renameConcurrency`: copies of one rename in flight. They share the store's connections with transfers. */
export const RENAME_CONCURRENCY = { least: 1, most: 64, default: 8 } as const;

/**
 * `assumeRole.durationSeconds` of a role, as STS allows it. An hour is what every role gives, also from role to role; they are
 * renewed before, so longer ones save nothing but requests.
 */
export const ASSUMED_ROLE_SECONDS = { least: 900, most: 43_200, default: 3600 } as const;

/** Requests for the attributes of one listing in flight: a page of 1,000 entries takes sixteen of the store's latencies. */
export const LIST_REQUESTS = 64;

/**
 * Milliseconds after which another process's claim on a name is taken over: several renewals may be lost; who waits for a
 * process that has died waits so long.
 */
export const CLAIM_LEASE_MS = 15_000;
