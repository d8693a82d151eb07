import { randomBytes } from 'node:crypto';
import { MemoryBudget } from '../flow/memory-budget.ts';
import { AttributeMemory } from './api/attribute-memory.ts';
import { MultipartApi } from './api/multipart-api.ts';
import { ObjectApi } from './api/object-api.ts';
import { Requester } from './api/requester.ts';
import type { S3Connections, Signer } from './api/s3-client.ts';
import { ClaimObjects } from './claims/claim-objects.ts';
import { NameClaims } from './claims/name-claims.ts';
import { fetchInto } from './download/range-fetch.ts';
import { windowBytes } from './download/read-ahead.ts';
import { WindowBuffers } from './download/window-buffers.ts';
import { journalPrefix } from './journal/sweeper.ts';
import { BucketJournal, noJournal } from './journal/upload-journal.ts';
import { KeySpace } from './mapping/keys.ts';
import type { S3Context } from './s3-context.ts';
import { resolveOptions, type S3StoreOptions } from './s3-options.ts';
import { Directories } from './tree/directories.ts';
import { ShownEntries } from './tree/shown-entries.ts';
import { PartBuffers } from './upload/part-buffers.ts';
import { PartPlan } from './upload/part-plan.ts';
import type { SpoolSpace } from './upload/spool.ts';

/** The context of a store, and its journal where it has one. Throws RangeError for sizes out of their limits. */
export function openContext(
  connections: S3Connections,
  options: S3StoreOptions,
  spool: SpoolSpace | undefined,
): { readonly context: S3Context; readonly journal: BucketJournal | undefined } {
  const resolved = resolveOptions(options);
  const { clock, random, events, claimLeaseMs: leaseMs } = resolved;
  const keys = new KeySpace(options.prefix ?? '');
  const retry = {
    ...resolved.retry,
    clock,
    random,
    events,
    onTry: options.onTry,
    client: () => connections.client,
    renewCredentials: () => {
      connections.renewCredentials();
    },
  };
  const requester = new Requester(options.bucket, retry);
  const storeTime = (): number => clock.now() + connections.clockOffsetMs;
  const attributeMemory = new AttributeMemory({
    storeTime,
    isHidden: (key) => key.endsWith('/') || keys.isReserved(key),
  });
  const objects = new ObjectApi(requester, options, attributeMemory);
  const claimObjects = new ClaimObjects({ objects, keys, clock, storeTime, events, leaseMs });
  const claims = new NameClaims({ claims: claimObjects, keys, clock, random, events, leaseMs });
  const prefix = journalPrefix(keys);
  const key = prefix + randomBytes(12).toString('hex');
  const journal = resolved.sweep === false ? undefined : new BucketJournal({ objects, prefix, key, clock, events });
  const readBudget = options.readBudget ?? new MemoryBudget(resolved.readAhead.budgetBytes);
  const context: S3Context = {
    ...resolved,
    get own() {
      return context;
    },
    retry,
    keys,
    storeTime,
    objects,
    multipart: new MultipartApi(requester, objects, options),
    attributeMemory,
    journal: journal ?? noJournal,
    claimObjects,
    claims,
    directories: new Directories({ keys, objects, claims, clock }),
    shown: new ShownEntries({ clock, changes: objects.changes }),
    plan: new PartPlan(resolved.partBytes),
    buffers: options.uploadBuffers ?? new PartBuffers(resolved.uploadBudgetBytes),
    spool,
    readBase: baseReader({ objects, retry }),
    readBudget,
    readWindows: new WindowBuffers(readBudget, windowBytes(resolved.readAhead.rangeBytes)),
    directoryTime: Math.floor(clock.now() / 1000),
  };
  return { context, journal };
}

/**
 * The context of those whom `signer` signs for, under a name that nobody else has. What they ask of files goes out with their
 * credentials, and what is remembered of answers is for them alone. Journal, claims, memory for transfers and what is known of
 * changes are the store's own.
 */
export function contextFor(own: S3Context, options: S3StoreOptions, signer: Signer, name: string): S3Context {
  const retry = {
    ...own.retry,
    client: () => signer.client,
    renewCredentials: (explained: boolean) => {
      signer.renewCredentials(explained);
    },
  };
  const requester = new Requester(options.bucket, retry);
  const attributeMemory = own.attributeMemory.of(name);
  const objects = new ObjectApi(requester, options, attributeMemory, own.objects);
  return {
    ...own,
    ...{ retry, attributeMemory, objects },
    multipart: new MultipartApi(requester, objects, options),
    directories: new Directories({ ...own, objects }, own.directories),
    readBase: baseReader({ objects, retry }),
  };
}

function baseReader(context: Pick<S3Context, 'objects' | 'retry'>): S3Context['readBase'] {
  return async ({ key, etag }, from, into) =>
    fetchInto(context, { key, etag, from }, into, new AbortController().signal);
}
