import { setMaxListeners } from 'node:events';
import { StorageError, type AttributeChange, type Entry, type ReadHandle } from '../../object-store.ts';
import { fileEntry } from '../mapping/attributes.ts';
import { toStorageError } from '../api/errors.ts';
import { sameEtag } from '../api/etag.ts';
import type { ObjectApi } from '../api/object-api.ts';
import type { OpenedObject } from '../api/open-object.ts';
import { BlockCache } from './block-cache.ts';
import { fetchInto, fetchRange } from './range-fetch.ts';
import { ReadAhead } from './read-ahead.ts';
import type { ObjectInfo, VersionReference } from '../api/object-info.ts';
import type { S3Context } from '../s3-context.ts';

/** What a download works with. */
export interface DownloadContext extends Pick<
  S3Context,
  'listTimes' | 'attributeDefaults' | 'retry' | 'readAhead' | 'readBudget' | 'readWindows'
> {
  readonly objects: Pick<ObjectApi, 'getRangeOnce' | 'head' | 'sameBytes'>;
}

/** Who a download turns to. */
export interface DownloadOwner {
  /** Changes the attributes of the version, if it is still at its key. Throws StorageError. */
  readonly setAttributes: (version: VersionReference, change: AttributeChange) => Promise<void>;
  /** Called once, when the file is closed. */
  readonly onEnd: () => void;
}

/** What the request of an OPEN brings along: the whole of a small file, so that its download is one round trip. */
export const OPENING_BYTES = 256 * 1024;

/** Ends of random reads that are remembered: a read that begins at one of them goes on in order. */
const REMEMBERED_ENDS = 64;

/** A reader that has left its sequence for so many reads will not come back to it. */
const LOST_AFTER = 16;

/** What is known of the file for so long needs no new look. Milliseconds. */
const FRESH_MS = 1_000;

/** Read-ahead of a reader that has not asked for so long goes to others who need the memory. Milliseconds. */
const IDLE_MS = 2_000;

/**
 * An open file that is read. The request of the open has told size and ETag, and has the first bytes on their way. Every other
 * request is pinned to that version, which is followed where this process gives it another name or other attributes. Reads at
 * or past the end are answered here. Reads in order are served from a few large requests ahead, others from small ones.
 */
export class DownloadHandle implements ReadHandle {
  /** As it was opened. */
  readonly #object: ObjectInfo;
  /** As it was when it was looked at last, when that was, and the count of this process's changes then. */
  #known: { readonly object: ObjectInfo; readonly at: number; readonly change: number };
  readonly #size: number;
  readonly #ahead: ReadAhead;
  readonly #blocks: BlockCache;
  readonly #context: DownloadContext;
  readonly #owner: DownloadOwner;
  readonly #abort = new AbortController();
  readonly #endShortage: () => void;
  #ends: number[] = [];
  #misses = 0;
  #closed = false;
  #lastRead: number;

  constructor(context: DownloadContext, { info: object, first }: OpenedObject, owner: DownloadOwner) {
    const { objects, retry, readAhead, readBudget, readWindows } = context;
    this.#context = context;
    this.#owner = owner;
    this.#object = object;
    this.#known = { object, at: retry.clock.now(), change: objects.sameBytes.changeOf(object.key) };
    this.#size = object.size;
    this.#lastRead = retry.clock.now();
    const { key, etag } = object;
    // Each request in flight listens to it.
    setMaxListeners(0, this.#abort.signal);
    this.#ahead = new ReadAhead(readAhead, this.#size, readWindows, async (from, to, onBytes, signal) =>
      fetchRange(context, { key, etag, from, to }, onBytes, signal),
    );
    const taken =
      first === undefined ||
      this.#ahead.begin(first.to, async (from, to, onBytes, signal) =>
        fetchRange(context, { key, etag, from, to }, onBytes, signal, first.body),
      );
    if (!taken) first.body.destroy();
    this.#blocks = new BlockCache(this.#size, readBudget, async (from, into) =>
      fetchInto(context, { key, etag, from }, into, this.#abort.signal),
    );
    this.#endShortage = readBudget.onShortage(() => {
      if (retry.clock.now() - this.#lastRead < IDLE_MS) return;
      this.#ahead.retire();
      this.#blocks.clear();
    });
  }

  async stat(): Promise<Entry> {
    const { objects, retry } = this.#context;
    const { key, etag } = objects.sameBytes.latest(this.#object);
    const change = objects.sameBytes.changeOf(key);
    const at = retry.clock.now();
    if (change !== this.#known.change || at - this.#known.at >= FRESH_MS) {
      const now = await objects.head(key, this.#abort.signal);
      // With its name gone to another file the one that is open stays as it was.
      if (now !== undefined && sameEtag(now.etag, etag)) this.#known = { object: now, at, change };
    }
    const { size, lastModified, properties } = this.#known.object;
    return fileEntry({ size, lastModified, metadata: properties.metadata }, this.#context);
  }

  async setAttributes(change: AttributeChange): Promise<void> {
    if (this.#closed) throw closed();
    await this.#owner.setAttributes(this.#object, change);
  }

  /** The version that is open, where it is one of the store of `objects`. */
  versionIn(objects: ObjectApi): ObjectInfo | undefined {
    if (this.#closed || this.#context.objects !== objects) return undefined;
    return { ...this.#known.object, ...objects.sameBytes.latest(this.#object) };
  }

  async read(offset: number, length: number): Promise<Buffer> {
    if (this.#closed) throw closed();
    const end = Math.min(offset + length, this.#size);
    if (offset >= end) return Buffer.alloc(0);
    this.#lastRead = this.#context.retry.clock.now();
    try {
      return await this.#find(offset, end);
    } catch (error) {
      throw this.#isClosed() ? closed() : toStorageError(error, 'GetObject');
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    this.#abort.abort(closed());
    this.#ahead.drop(closed());
    this.#blocks.clear();
    this.#endShortage();
    this.#owner.onEnd();
    return Promise.resolve();
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  #find(from: number, to: number): Buffer | Promise<Buffer> {
    const ahead = this.#ahead.take(from, to);
    if (ahead !== undefined) {
      this.#misses = 0;
      return ahead;
    }
    // Who begins elsewhere, to resume a download, has no use for the beginning.
    if (this.#ahead.untouched) this.#ahead.retire();
    this.#misses += 1;
    const inOrder = (from === 0 && this.#misses === 1) || this.#ends.includes(from);
    if (inOrder && (!this.#ahead.active || this.#misses > LOST_AFTER)) {
      this.#ahead.restart(from);
      const now = this.#ahead.take(from, to);
      if (now !== undefined) {
        this.#misses = 0;
        return now;
      }
    }
    this.#ends.push(to);
    if (this.#ends.length > REMEMBERED_ENDS) this.#ends = this.#ends.slice(-REMEMBERED_ENDS / 2);
    return this.#blocks.read(from, to);
  }
}

function closed(): StorageError {
  return new StorageError('failure', 'The file is closed.');
}
