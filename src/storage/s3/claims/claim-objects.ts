import { randomBytes } from 'node:crypto';
import { StorageError, type StoreEventSink, type StorePath } from '../../object-store.ts';
import type { Clock } from '../../flow/clock.ts';
import type { KeySpace } from '../mapping/keys.ts';
import type { ObjectApi } from '../api/object-api.ts';
import { UPLOAD_TAG } from '../api/object-fields.ts';
import { isRunning, ownIdentity, parseIdentity } from '../journal/process-identity.ts';
import { claimPrefix } from './claim-keys.ts';
import type { VersionReference, ObjectInfo } from '../api/object-info.ts';

/** The metadata name under which a claim says whose it is. */
const OWNER = 'latticeport-owner';

/** S3 refuses requests whose clock is further off, so no clock that we compare with is (15 minutes). */
const MAX_CLOCK_SKEW_MS = 15 * 60_000;

/** More claims than these are released in one request for all; and how many that takes. */
const FEW = 2;
const MANY = 1_000;

export interface ClaimObjectsOptions {
  readonly objects: ObjectApi;
  readonly keys: KeySpace;
  readonly clock: Clock;
  /** The time by the clock of the store, with whose times of objects it is compared. Milliseconds since the epoch. */
  readonly storeTime: () => number;
  readonly events: StoreEventSink;
  /** A claim that has not been renewed for so long is nobody's any more. Milliseconds. */
  readonly leaseMs: number;
}

/**
 * Claims as objects in the bucket: whoever makes the object (PutObject with `If-None-Match: *`, of which the store carries
 * out one) has the claim, and deletes it when done. Every method throws StorageError.
 */
export class ClaimObjects {
  readonly #options: ClaimObjectsOptions;
  readonly #owner = Buffer.from(JSON.stringify(ownIdentity())).toString('base64');
  /** Claims of others that were in the way: which version, and since when. */
  readonly #seen = new Map<string, { readonly etag: string; readonly since: number }>();
  #supported: Promise<boolean> | undefined;

  constructor(options: ClaimObjectsOptions) {
    this.#options = options;
  }

  /** Whether the store heeds the condition that a claim is made of. Asked once, with three small requests. */
  async supported(): Promise<boolean> {
    this.#supported ??= this.#probe();
    try {
      return await this.#supported;
    } catch (error) {
      this.#supported = undefined;
      throw error;
    }
  }

  /**
   * The claim's ETag, and whether there was none; undefined if it is another's, who lives as far as anybody can tell. One that was
   * there is taken over from who had it.
   */
  async take(key: string): Promise<{ readonly etag: string; readonly wasFree: boolean } | undefined> {
    try {
      const etag = await this.#put(key, { exclusive: true });
      this.#seen.delete(key);
      return { etag, wasFree: true };
    } catch (error) {
      if (!is(error, 'exists')) throw error;
    }
    const there = await this.#options.objects.head(key);
    if (there === undefined || !this.isStale(there)) return undefined;
    const etag = await this.renew(key, there.etag);
    return etag === undefined ? undefined : { etag, wasFree: false };
  }

  /** The new ETag of the claim in the place of the one with this ETag; undefined if that is not there any more. */
  async renew(key: string, etag: string): Promise<string | undefined> {
    try {
      return await this.#put(key, { exclusive: false, replaces: etag });
    } catch (error) {
      if (is(error, 'changed')) return undefined;
      throw error;
    }
  }

  async release(claims: readonly VersionReference[]): Promise<void> {
    const { objects } = this.#options;
    if (claims.length > FEW) {
      for (let i = 0; i < claims.length; i += MANY) await objects.deleteVersions(claims.slice(i, i + MANY));
      return;
    }
    await Promise.all(
      claims.map(async ({ key, etag }) => {
        try {
          await objects.deleteVersion(key, etag);
        } catch (error) {
          // Another's, who took this process for dead.
          if (!is(error, 'changed')) throw error;
        }
      }),
    );
  }

  /** Claims in a directory, however deep, of which `isOwn` knows nothing and which are not stale. */
  async others(directory: StorePath, isOwn: (key: string) => boolean): Promise<string[]> {
    const { objects, keys } = this.#options;
    const living: string[] = [];
    let token: string | undefined;
    do {
      const page = await objects.list({ prefix: claimPrefix(keys, directory), token });
      for (const { key } of page.objects) {
        if (isOwn(key)) continue;
        const there = await objects.head(key);
        if (there === undefined) continue;
        if (this.isStale(there)) await this.release([there]);
        else living.push(key);
      }
      token = page.next;
    } while (token !== undefined);
    return living;
  }

  /**
   * Whether whoever has the claim is gone: known at once of a process of this machine; of others when the claim has not
   * changed over the whole lease, by the clock that nobody sets.
   */
  isStale({ key, etag, lastModified, properties }: ObjectInfo): boolean {
    const { clock, storeTime, leaseMs } = this.#options;
    const owner = parseIdentity(decode(properties.metadata[OWNER]));
    if (owner !== undefined && isRunning(owner) === false) return true;
    const now = clock.monotonic();
    // By the store's clock: ours may be off by any time, since the SDK corrects what it signs with.
    if (storeTime() - lastModified * 1000 > leaseMs + MAX_CLOCK_SKEW_MS) return true;
    const seen = this.#seen.get(key);
    if (seen?.etag === etag) return now - seen.since >= leaseMs;
    // Nobody waits for more than a few at a time.
    if (this.#seen.size > 10_000) this.#seen.clear();
    this.#seen.set(key, { etag, since: now });
    return false;
  }

  async #put(key: string, condition: { readonly exclusive: boolean; readonly replaces?: string }): Promise<string> {
    // Each version has bytes, and so an ETag, of its own; the tag tells ours whose answer was lost.
    const tag = randomBytes(16).toString('hex');
    const metadata = { [OWNER]: this.#owner, [UPLOAD_TAG]: tag };
    const { etag } = await this.#options.objects.put(key, Buffer.from(tag), { metadata }, condition);
    return etag;
  }

  async #probe(): Promise<boolean> {
    const { objects, keys, events } = this.#options;
    const key = keys.reservedKey('probes', randomBytes(12).toString('hex'));
    try {
      await this.#put(key, { exclusive: true });
      await this.#put(key, { exclusive: true });
    } catch (error) {
      if (is(error, 'exists')) {
        await objects.delete(key);
        return true;
      }
      if (!is(error, 'unsupported')) throw error;
    }
    events('CLAIMS_UNSUPPORTED', { reason: 'the store does not heed If-None-Match' });
    await objects.delete(key);
    return false;
  }
}

function is(error: unknown, code: StorageError['code']): boolean {
  return error instanceof StorageError && error.code === code;
}

function decode(text: string | undefined): unknown {
  try {
    return JSON.parse(Buffer.from(text ?? '', 'base64').toString('utf8'));
  } catch {
    return undefined;
  }
}
