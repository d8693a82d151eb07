import type { MemoryBudget } from '../flow/memory-budget.ts';
import type { AttributeMemory } from './api/attribute-memory.ts';
import type { MultipartApi } from './api/multipart-api.ts';
import type { ObjectApi } from './api/object-api.ts';
import type { RetryContext } from './api/retry.ts';
import type { ClaimObjects } from './claims/claim-objects.ts';
import type { NameClaims } from './claims/name-claims.ts';
import type { WindowBuffers } from './download/window-buffers.ts';
import type { UploadJournal } from './journal/upload-journal.ts';
import type { KeySpace } from './mapping/keys.ts';
import type { ResolvedOptions } from './s3-options.ts';
import type { Directories } from './tree/directories.ts';
import type { ShownEntries } from './tree/shown-entries.ts';
import type { BaseReader } from './upload/base-object.ts';
import type { PartBuffers } from './upload/part-buffers.ts';
import type { PartPlan } from './upload/part-plan.ts';
import type { SpoolSpace } from './upload/spool.ts';

/**
 * What everything in an open S3 store works with: its settings, and its parts. There is one for each store. A function
 * takes a `Pick` of what it uses, which is what a test of it has to make.
 */
export interface S3Context extends ResolvedOptions {
  /**
   * This context with the store's own credentials, whoever asks: for what lies under the reserved prefix, where no session may
   * do anything. It is itself where nobody else's are used.
   */
  readonly own: S3Context;
  /** How often a request is tried, and who is told. */
  readonly retry: RetryContext;
  readonly keys: KeySpace;
  /** The time by the clock of the store, as its last answer told it. Milliseconds since the epoch. */
  readonly storeTime: () => number;
  readonly objects: ObjectApi;
  readonly multipart: MultipartApi;
  readonly attributeMemory: AttributeMemory;
  readonly journal: UploadJournal;
  readonly claimObjects: ClaimObjects;
  readonly claims: NameClaims;
  readonly directories: Directories;
  /** What sessions were shown in the last moments. */
  readonly shown: ShownEntries;
  /** How large the parts of an upload are. */
  readonly plan: Pick<PartPlan, 'sizeOf'>;
  /** Memory of all uploads. */
  readonly buffers: PartBuffers;
  /** Undefined where no spool is configured. */
  readonly spool: SpoolSpace | undefined;
  readonly readBase: BaseReader;
  /** Read-ahead memory of all downloads of the process. */
  readonly readBudget: MemoryBudget;
  /** The windows' part of it. */
  readonly readWindows: WindowBuffers;
  /** Seconds since the epoch: what directories show that have no marker, or whose marker is not asked. */
  readonly directoryTime: number;
}
