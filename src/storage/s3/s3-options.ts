import type { StoreEventSink, StoreStatistics } from '../object-store.ts';
import { DEFAULT_ATTRIBUTES, type AttributeDefaults, type ListedTimes } from './mapping/attributes.ts';
import { systemClock, type Clock } from '../flow/clock.ts';
import type { ReadAheadOptions } from './download/read-ahead.ts';
import type { MemoryBudget } from '../flow/memory-budget.ts';
import type { StorageClassOptions } from './api/object-fields.ts';
import { DEFAULT_RETRY, type RequestTry, type RetryOptions } from './api/retry.ts';
import type { ChecksumMode, S3Credentials } from './api/s3-client.ts';
import type { StoreConnectionSink, StoreTls } from './api/store-agents.ts';
import {
  CLAIM_LEASE_MS,
  LIST_REQUESTS,
  MAX_SPARSE_BYTES,
  PART_BYTES,
  PARTS_IN_FLIGHT,
  READ_AHEAD_BUDGET_BYTES,
  READ_AHEAD_BYTES,
  READ_AHEAD_IN_FLIGHT,
  RENAME_CONCURRENCY,
  RENAME_MAX_ENTRIES,
  UPLOAD_BUDGET_BYTES,
} from './limits.ts';
import type { PartBuffers } from './upload/part-buffers.ts';
import type { SpoolOptions } from './upload/spool.ts';

/** What a disconnect leaves of an upload. */
export type PartialUploadPolicy = 'store' | 'discard';

/** What becomes of times, modes and owners that a client sets. */
export type SetStatPolicy = 'store' | 'ignore' | 'refuse';

/** How directories are renamed, which S3 can only do file by file. */
export interface RenameOptions {
  /** A directory with more keys is refused. */
  readonly maxEntries: number;
  /** Copies in flight. */
  readonly concurrency: number;
}

/** When what processes have left is looked for. */
export interface SweepOptions {
  /** Between two sweeps; the first is at start. Milliseconds. */
  readonly intervalMs: number;
  /**
   * A process of another machine that has not renewed its journal for so long is taken for dead. Milliseconds;
   * several times the heartbeat of a minute.
   */
  readonly leaseMs: number;
}

export const DEFAULT_SWEEP: SweepOptions = { intervalMs: 3_600_000, leaseMs: 300_000 };

/**
 * What the `s3` store is opened with. Sizes are bytes, times milliseconds. What is left out has the default named, or that of
 * limits.ts.
 */
export interface S3StoreOptions extends StorageClassOptions {
  readonly bucket: string;
  /** Everything that the store shows and writes is under it. Default '': the whole bucket. */
  readonly prefix?: string;
  readonly region: string;
  readonly endpoint?: string;
  readonly forcePathStyle?: boolean;
  /** Default: the SDK's chain (environment, shared files, container, instance). */
  readonly credentials?: S3Credentials;
  /** Default 'WHEN_REQUIRED', both: other stores than AWS reject what newer SDKs add. */
  readonly requestChecksumCalculation?: ChecksumMode;
  readonly responseChecksumValidation?: ChecksumMode;
  /** Connections at a time. Default 256. */
  readonly maxSockets?: number;
  /** Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** Without a byte from the store a request is broken off and tried again. Default 30,000. */
  readonly idleTimeoutMs?: number;
  /** Default: Node's own, and plain HTTP where the endpoint says so. */
  readonly tls?: StoreTls;

  /** The first thousand parts of an upload; 5 MiB to 5 GiB. */
  readonly partBytes?: number;
  /** For each upload. */
  readonly partsInFlight?: number;
  /**
   * Memory of all uploads, at least 2 1/2 parts. Stores of one process share it if they are given
   * the same `uploadBuffers` instead.
   */
  readonly uploadBudgetBytes?: number;
  readonly uploadBuffers?: PartBuffers;
  /** Requests ahead of sequential readers. */
  readonly readAhead?: Partial<ReadAheadOptions> & { readonly budgetBytes?: number };
  /** Instead of `readAhead.budgetBytes`, shared by stores of one process. */
  readonly readBudget?: MemoryBudget;
  /** Local disk for files that are not written in order. Without it such writes are refused. */
  readonly spool?: SpoolOptions;
  /** Zeros that are stored for one file for bytes that no client has sent. */
  readonly maxSparseBytes?: number;
  /** `store`: the bytes received as the file; `discard`: the old file. Default 'store'. */
  readonly partialUploads?: PartialUploadPolicy;
  /** Default 'store'. */
  readonly setStat?: SetStatPolicy;
  /**
   * Which times are shown. `stored` (the default): those that clients have set, for which a listing asks for each entry that
   * is not known yet. `upload`: when an object was stored, which needs no request.
   */
  readonly listTimes?: ListedTimes;
  /** Requests in flight for the entries of one listing. */
  readonly listRequests?: number;
  /** A claim of another process on a name that has not been renewed for so long is taken over. Milliseconds. */
  readonly claimLeaseMs?: number;
  /** What an object shows that says nothing else. Default 0644, 0755, 0, 0. */
  readonly attributeDefaults?: Partial<AttributeDefaults>;
  /** What statvfs says: S3 has no figures of its own. */
  readonly statistics?: Partial<StoreStatistics>;
  /** Limits of renaming directories. */
  readonly rename?: Partial<RenameOptions>;
  /**
   * Ends multipart uploads that a crash has left, at start and then on a schedule: every hour by default. `false` also
   * does without the journal that this needs, for buckets that have a rule for incomplete uploads.
   */
  readonly sweep?: Partial<SweepOptions> | false;
  readonly retry?: Partial<RetryOptions>;

  readonly events?: StoreEventSink;
  /** Told of every request; must not throw. */
  readonly onTry?: ((ended: RequestTry) => void) | undefined;
  /** Told of every TLS connection to the store; must not throw. */
  readonly onConnection?: StoreConnectionSink | undefined;
  readonly clock?: Clock;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

/** A petabyte in blocks of 4 KiB: enough for clients that look before they write. */
const STATISTICS: StoreStatistics = {
  blockSize: 4096,
  totalBlocks: 2 ** 38,
  freeBlocks: 2 ** 38,
  totalFiles: 2 ** 32,
  freeFiles: 2 ** 32,
  maxNameBytes: 255,
};

/** The options with every default filled in. */
export interface ResolvedOptions {
  readonly partBytes: number;
  readonly partsInFlight: number;
  readonly uploadBudgetBytes: number;
  readonly maxSparseBytes: number;
  readonly partialUploads: PartialUploadPolicy;
  readonly setStat: SetStatPolicy;
  readonly listTimes: ListedTimes;
  readonly listRequests: number;
  readonly claimLeaseMs: number;
  readonly attributeDefaults: AttributeDefaults;
  readonly statistics: StoreStatistics;
  readonly readAhead: ReadAheadOptions & { readonly budgetBytes: number };
  readonly rename: RenameOptions;
  readonly sweep: SweepOptions | false;
  readonly retry: RetryOptions;
  readonly events: StoreEventSink;
  readonly clock: Clock;
  readonly random: () => number;
}

export function resolveOptions(options: S3StoreOptions): ResolvedOptions {
  return {
    partBytes: options.partBytes ?? PART_BYTES.default,
    partsInFlight: options.partsInFlight ?? PARTS_IN_FLIGHT.default,
    uploadBudgetBytes: options.uploadBudgetBytes ?? UPLOAD_BUDGET_BYTES.default,
    maxSparseBytes: options.maxSparseBytes ?? MAX_SPARSE_BYTES.default,
    partialUploads: options.partialUploads ?? 'store',
    setStat: options.setStat ?? 'store',
    listTimes: options.listTimes ?? 'stored',
    listRequests: options.listRequests ?? LIST_REQUESTS,
    claimLeaseMs: options.claimLeaseMs ?? CLAIM_LEASE_MS,
    attributeDefaults: { ...DEFAULT_ATTRIBUTES, ...options.attributeDefaults },
    statistics: { ...STATISTICS, ...options.statistics },
    readAhead: {
      rangeBytes: READ_AHEAD_BYTES.default,
      inFlight: READ_AHEAD_IN_FLIGHT.default,
      budgetBytes: READ_AHEAD_BUDGET_BYTES.default,
      ...options.readAhead,
    },
    rename: { maxEntries: RENAME_MAX_ENTRIES.default, concurrency: RENAME_CONCURRENCY.default, ...options.rename },
    sweep: options.sweep === false ? false : { ...DEFAULT_SWEEP, ...options.sweep },
    retry: { ...DEFAULT_RETRY, ...options.retry },
    events: options.events ?? (() => undefined),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  };
}
