import { StorageError, type StoreEventSink, type StorePath } from '../../object-store.ts';
import { isInside } from '../../store-path.ts';
import type { Clock } from '../../flow/clock.ts';
import { PathQueues } from '../../flow/path-queues.ts';
import type { KeySpace } from '../mapping/keys.ts';
import { claimKey } from './claim-keys.ts';
import type { ClaimObjects } from './claim-objects.ts';

/** A claim stays for so long after its last use: CLOSE, SETSTAT and RENAME of one file follow each other. Milliseconds. */
export const LINGER_MS = 200;

/**
 * What was asked for at most so long before a claim was there is as if it was asked under it (see `holdWithLook`): well within
 * LINGER_MS. Milliseconds.
 */
export const LOOK_AHEAD_MS = 150;

/** A claim that an OPEN asked for ahead of its CLOSE is kept for so long. Milliseconds. */
const AHEAD_MS = 1_000;

/** Whoever waits for another process's claim gives up after so long. Milliseconds. */
const WAIT_MS = 30_000;

/** Between two looks at a claim of another: the first pause, and the longest. Milliseconds. */
const FIRST_PAUSE_MS = 15;
const LONGEST_PAUSE_MS = 150;

export interface NameClaimsOptions {
  readonly claims: ClaimObjects;
  readonly keys: KeySpace;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly events: StoreEventSink;
  /** As the claim objects have it. Milliseconds. */
  readonly leaseMs: number;
}

export interface HeldNames {
  /** Before what cannot be undone: throws 'unavailable' if others may take the claim for given up by now. */
  check(): void;
}

/** By the clock, and by the one that is never set. Milliseconds. */
interface Instant {
  readonly at: number;
  readonly monotonic: number;
}

interface Claim {
  readonly key: string;
  /** The object in the bucket: its ETag, and when the last request that renewed it was sent. */
  held: { readonly etag: string; readonly sent: Instant } | undefined;
  /** Tasks that need it now. */
  users: number;
  keepUntil: number;
  /** When a task under it has ended last, by the clock that is never set. Milliseconds. */
  usedAt: number;
  /** A request for it that is under way; each waits for the one before. */
  request: Promise<unknown>;
}

/**
 * One process at a time, of all that share the bucket, changes what a name stands for: commits, renames, removals, new
 * directories and attributes of a path run under the claim on it. S3 has no request that looks at one key and changes
 * another, and many stores heed no condition on copies and deletions; under the claim the looks before them stay true.
 *
 * Where the store does not heed the condition that claims are made of, tasks of one path run one after the other in this
 * process only.
 */
export class NameClaims {
  readonly #options: NameClaimsOptions;
  readonly #queues = new PathQueues();
  readonly #claims = new Map<StorePath, Claim>();
  #supported: boolean | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: NameClaimsOptions) {
    this.#options = options;
  }

  /** False once it is known that the store knows no such condition. */
  get supported(): boolean {
    return this.#supported !== false;
  }

  /** Runs the task with the claims on the paths. Throws 'unavailable' where another process does not give one up. */
  async hold<T>(paths: readonly StorePath[], task: (held: HeldNames) => Promise<T>): Promise<T> {
    return this.#hold(paths, async (claims) => {
      await this.#takeAll(claims);
      return task(this.#heldNames(claims));
    });
  }

  /**
   * As `hold` of one path, and gives the task what `look` has seen at the path, which is asked for along with the claim. `look`
   * must ask only what changes under the claim on the path.
   *
   * What it sees is as good as under the claim. The claim was free, so whoever had it before has deleted it by then. Each
   * process does that LINGER_MS after the end of its last task at the earliest. So that task has ended LINGER_MS before the claim was
   * made, and the look was sent after that. Where the claim was not free, or came later than LOOK_AHEAD_MS, `look` is asked again.
   */
  async holdWithLook<L, T>(
    path: StorePath,
    look: () => Promise<L>,
    task: (seen: L, held: HeldNames) => Promise<T>,
  ): Promise<T> {
    return this.#hold([path], async (claims) => {
      const asked = this.#instant();
      const early = look();
      // Its failure counts only where it is used.
      early.catch(() => undefined);
      const wasFree = await this.#takeAll(claims);
      const seen = wasFree && this.#ageOf(asked) <= LOOK_AHEAD_MS ? await early : await look();
      return task(seen, this.#heldNames(claims));
    });
  }

  async #hold<T>(paths: readonly StorePath[], task: (claims: readonly Claim[]) => Promise<T>): Promise<T> {
    const names = [...new Set(paths)].sort();
    return this.#queues.run(names, async () => {
      const claims = names.map((name) => this.#claim(name));
      for (const claim of claims) claim.users += 1;
      try {
        return await task(claims);
      } finally {
        const until = this.#options.clock.now() + LINGER_MS;
        for (const claim of claims) {
          claim.users -= 1;
          claim.keepUntil = until;
          claim.usedAt = performance.now();
        }
        this.#schedule();
      }
    });
  }

  #heldNames(claims: readonly Claim[]): HeldNames {
    return {
      check: () => {
        this.#check(claims);
      },
    };
  }

  /** Asks for a claim that will soon be needed. Never throws, and nobody waits. */
  ahead(path: StorePath): void {
    if (this.#closed) return;
    const claim = this.#claim(path);
    claim.keepUntil = Math.max(claim.keepUntil, this.#options.clock.now() + AHEAD_MS);
    claim.users += 1;
    void this.#take(claim)
      .catch(() => undefined)
      .finally(() => {
        claim.users -= 1;
        this.#schedule();
      });
  }

  /**
   * Resolves when nobody, in this process or another, is changing a name in the directory that was at it before the call.
   * Throws 'unavailable' where that does not end.
   */
  async othersEnded(directory: StorePath): Promise<void> {
    await this.#poll(async () => {
      const own = new Set<string>();
      for (const [path, { key, held, users }] of this.#claims) {
        if (held !== undefined) own.add(key);
        if (users > 0 && path !== directory && isInside(path, directory)) return false;
      }
      if (!(await this.#isSupported())) return true;
      return (await this.#options.claims.others(directory, (key) => own.has(key))).length === 0;
    });
  }

  /** Gives up every claim, those that were just used when others may take it that they were not. Never throws. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await Promise.allSettled([...this.#claims.values()].map(async ({ request }) => request));
    await lingered([...this.#claims.values()]);
    await this.#release([...this.#claims]);
  }

  #claim(path: StorePath): Claim {
    const known = this.#claims.get(path);
    if (known !== undefined) return known;
    const claim: Claim = {
      key: claimKey(this.#options.keys, path),
      held: undefined,
      users: 0,
      keepUntil: 0,
      usedAt: Number.NEGATIVE_INFINITY,
      request: Promise.resolve(),
    };
    this.#claims.set(path, claim);
    return claim;
  }

  /** Whether nobody else had any of them since this process asked for them. */
  async #takeAll(claims: readonly Claim[]): Promise<boolean> {
    const taken = await Promise.all(claims.map(async (claim) => this.#take(claim)));
    const first = taken.indexOf(undefined);
    if (first === -1) return taken.every((claim) => claim?.wasFree === true);
    // From here on in order, as everybody: who waits for one holds none that comes after it.
    await Promise.all(claims.slice(first).map(async (claim) => this.#giveUp(claim)));
    for (const claim of claims.slice(first)) await this.#poll(async () => (await this.#take(claim)) !== undefined);
    // Those that were held while others were waited for, anew where that took long.
    await Promise.all(claims.map(async (claim) => this.#take(claim)));
    return false;
  }

  async #poll(isDone: () => Promise<boolean>): Promise<void> {
    const { clock, random } = this.#options;
    const end = clock.monotonic() + WAIT_MS;
    for (let pause = FIRST_PAUSE_MS; !(await isDone()); pause = Math.min(pause * 1.6, LONGEST_PAUSE_MS)) {
      if (clock.monotonic() >= end) {
        throw new StorageError('unavailable', 'Another server is busy with this name; please try again later.');
      }
      await clock.delay(pause * (0.5 + random()));
    }
  }

  /** Undefined unless the claim is this process's now; whether it was free, or this process's already. */
  async #take(claim: Claim): Promise<{ readonly wasFree: boolean } | undefined> {
    return this.#request(claim, async () => {
      const { claims, leaseMs } = this.#options;
      if (!(await this.#isSupported())) return { wasFree: true };
      const sent = this.#instant();
      const { held } = claim;
      if (held !== undefined && this.#ageOf(held.sent) < leaseMs / 2) return { wasFree: true };
      const renewed = held === undefined ? undefined : await claims.renew(claim.key, held.etag);
      const taken = renewed === undefined ? await claims.take(claim.key) : { etag: renewed, wasFree: true };
      claim.held = taken === undefined ? undefined : { etag: taken.etag, sent };
      this.#schedule();
      return taken;
    });
  }

  async #giveUp(claim: Claim): Promise<void> {
    await this.#request(claim, async () => {
      await lingered([claim]);
      const { held } = claim;
      claim.held = undefined;
      if (held === undefined) return;
      const version = await this.#ownVersion(claim.key, held);
      if (version !== undefined) await this.#options.claims.release([version]);
    });
  }

  /**
   * The version of a claim that may be deleted. One that others may have taken over is renewed first, which succeeds only if nobody
   * has: it would otherwise be in everybody's way for the whole lease.
   */
  async #ownVersion(
    key: string,
    held: NonNullable<Claim['held']>,
  ): Promise<{ readonly key: string; readonly etag: string } | undefined> {
    const etag = this.#isOurs(held) ? held.etag : await this.#options.claims.renew(key, held.etag);
    return etag === undefined ? undefined : { key, etag };
  }

  /** Requests for one claim go one after the other. */
  async #request<T>(claim: Claim, send: () => Promise<T>): Promise<T> {
    const result = claim.request.then(send, send);
    claim.request = result.catch(() => undefined);
    return result;
  }

  async #isSupported(): Promise<boolean> {
    this.#supported ??= await this.#options.claims.supported();
    return this.#supported;
  }

  /** Whether nobody can have taken it over. */
  #isOurs(held: { readonly sent: Instant }): boolean {
    return this.#ageOf(held.sent) < this.#options.leaseMs * 0.8;
  }

  #instant(): Instant {
    const { clock } = this.#options;
    return { at: clock.now(), monotonic: clock.monotonic() };
  }

  /** The longer one by both clocks: one may be put back, and the other may stand still while the machine sleeps. Milliseconds. */
  #ageOf({ at, monotonic }: Instant): number {
    const { clock } = this.#options;
    return Math.max(Math.abs(clock.now() - at), clock.monotonic() - monotonic);
  }

  #check(claims: readonly Claim[]): void {
    if (!this.supported) return;
    if (claims.every(({ held }) => held !== undefined && this.#isOurs(held))) return;
    throw new StorageError('unavailable', 'The storage did not answer in time; please try again later.');
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#tend();
    }, LINGER_MS);
    this.#timer.unref();
  }

  /** Renews what is in use, and releases what is not. Never throws. */
  async #tend(): Promise<void> {
    const { clock, leaseMs, events } = this.#options;
    const now = clock.now();
    const idle: [StorePath, Claim][] = [];
    for (const [path, claim] of this.#claims) {
      // A clock that was put back must not make it stay.
      const isKept = claim.keepUntil > now && claim.keepUntil <= now + AHEAD_MS;
      if (claim.users === 0 && !isKept && lingerOf(claim) <= 0) idle.push([path, claim]);
      else if (claim.held !== undefined && this.#ageOf(claim.held.sent) > leaseMs / 2) {
        this.#take(claim).catch((error: unknown) => {
          events('CLAIM_RENEWAL_FAILED', { key: claim.key, error });
        });
      }
    }
    await this.#release(idle);
    if (this.#claims.size > 0) this.#schedule();
  }

  /** In one request. Those that are asked for meanwhile wait until it has ended. */
  async #release(idle: readonly (readonly [StorePath, Claim])[]): Promise<void> {
    const released = idle.map(([path, claim]) => {
      const { held } = claim;
      claim.held = undefined;
      // Whoever waits in its lane now makes a new one, behind this request.
      return { path, claim, held };
    });
    const request = Promise.allSettled(idle.map(async ([, claim]) => claim.request)).then(async () => {
      const versions = await Promise.all(
        released.map(async ({ claim, held }) =>
          held === undefined ? undefined : this.#ownVersion(claim.key, held).catch(() => undefined),
        ),
      );
      await this.#options.claims.release(versions.flatMap((version) => version ?? []));
    });
    for (const { claim } of released) claim.request = request.catch(() => undefined);
    await request.catch((error: unknown) => {
      // They are taken for given up after the lease.
      this.#options.events('CLAIMS_LEFT', { count: released.length, error });
    });
    for (const { path, claim } of released) {
      if (claim.users === 0 && claim.held === undefined && this.#claims.get(path) === claim) this.#claims.delete(path);
    }
  }
}

/** For how long a claim must not be released yet. Milliseconds; not above zero where it may be. */
function lingerOf({ usedAt }: Claim): number {
  return usedAt + LINGER_MS - performance.now();
}

/** Resolves when the claims may be released. */
async function lingered(claims: readonly Claim[]): Promise<void> {
  for (let wait = longest(claims); wait > 0; wait = longest(claims)) {
    await new Promise((resolve) => setTimeout(resolve, Math.ceil(wait)));
  }
}

function longest(claims: readonly Claim[]): number {
  return Math.max(0, ...claims.filter(({ held }) => held !== undefined).map(lingerOf));
}
