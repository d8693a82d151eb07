import type { AssumedRole, StoreEventSink } from '../../object-store.ts';
import type { RoleCredentials } from '../api/assume-role.ts';
import { AssumeRoleError } from '../api/assume-role.ts';
import type { Clock } from '../../flow/clock.ts';

/** New ones are asked for so long before the old ones end, or when a quarter of their time is left. Milliseconds. */
const RENEW_BEFORE_MS = 300_000;
const RENEW_PART = 1 / 4;

/** Old ones are used no more so long before their end, or when a tenth of their time is left. Milliseconds. */
const STOP_BEFORE_MS = 30_000;
const STOP_PART = 1 / 10;

/** After a failure: the first pause, and the longest. It doubles, and a random half of it is left out. Milliseconds. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;

/** Credentials that the store calls expired are replaced at most so often. Milliseconds. */
const REPLACE_PAUSE_MS = 5_000;

/** A refusal without a reason says something of credentials only where they are older. Milliseconds. */
const UNEXPLAINED_AGE_MS = 60_000;

/** Credentials that requests are signed with, and until when that is right. Milliseconds since the epoch. */
export interface UsableCredentials {
  readonly credentials: RoleCredentials;
  readonly endsAt: number;
}

interface Held extends UsableCredentials {
  readonly since: number;
  readonly renewAt: number;
}

export interface SessionCredentialsOptions {
  readonly role: AssumedRole;
  /** One try. Rejects with AssumeRoleError. */
  readonly assume: (role: AssumedRole) => Promise<RoleCredentials>;
  readonly clock: Pick<Clock, 'now'>;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly events: StoreEventSink;
}

/**
 * The credentials of one role with one session policy. They are asked for when a request needs them, once for all requests that
 * wait, and again in time. While STS does not answer the old ones are used until they end; then requests fail. Nothing else
 * takes their place.
 */
export class SessionCredentials {
  readonly #options: SessionCredentialsOptions;
  #held: Held | undefined;
  #asking: Promise<Held> | undefined;
  #failure: AssumeRoleError | undefined;
  #failures = 0;
  #notBefore = 0;
  #replacedAt = Number.NEGATIVE_INFINITY;

  constructor(options: SessionCredentialsOptions) {
    this.#options = options;
  }

  /** @throws AssumeRoleError */
  async get(): Promise<UsableCredentials> {
    const now = this.#options.clock.now();
    const held = this.#held;
    if (held !== undefined && now >= held.since && now < held.endsAt) {
      // Its failure counts once these have ended, and is told by then.
      if (now >= held.renewAt && now >= this.#notBefore) this.#ask().catch(() => undefined);
      return held;
    }
    if (this.#asking === undefined && this.#failure !== undefined && now < this.#notBefore) throw this.#failure;
    return this.#ask();
  }

  /**
   * The store has refused a request that was signed with `used`. `explained`: it has said that they have run out. True where the
   * next request is signed with others.
   */
  refused(used: RoleCredentials, explained: boolean): boolean {
    const held = this.#held;
    if (held?.credentials !== used) return true;
    const now = this.#options.clock.now();
    if (explained ? now - this.#replacedAt < REPLACE_PAUSE_MS : now - held.since < UNEXPLAINED_AGE_MS) return false;
    this.#replacedAt = now;
    this.#held = undefined;
    return true;
  }

  #ask(): Promise<Held> {
    this.#asking ??= this.#assume().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #assume(): Promise<Held> {
    const { role, assume, clock, random, events } = this.#options;
    const since = clock.now();
    try {
      const credentials = await assume(role);
      // Whose clock is right does not matter: they last no longer than was asked for.
      const end = Math.min(credentials.expiresAt, since + role.durationSeconds * 1000);
      const lasts = end - since;
      const endsAt = end - Math.min(STOP_BEFORE_MS, lasts * STOP_PART);
      if (endsAt <= clock.now()) {
        throw new AssumeRoleError(
          false,
          'BadAnswer',
          'STS has given credentials that have ended: do the clocks differ?',
        );
      }
      const held = { credentials, since, endsAt, renewAt: end - Math.min(RENEW_BEFORE_MS, lasts * RENEW_PART) };
      this.#held = held;
      this.#failure = undefined;
      this.#failures = 0;
      this.#notBefore = 0;
      events('ROLE_ASSUMED', { ...named(role), expires: new Date(credentials.expiresAt).toISOString() });
      return held;
    } catch (error) {
      const failure =
        error instanceof AssumeRoleError ? error : new AssumeRoleError(false, 'Unknown', (error as Error).message);
      const bound = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#failures, 16));
      this.#failures += 1;
      this.#failure = failure;
      this.#notBefore = clock.now() + Math.round(bound * (1 - random() / 2));
      events('ASSUME_ROLE_FAILED', { ...named(role), reason: failure.reason, error: failure });
      throw failure;
    }
  }
}

function named({ arn, sessionName }: AssumedRole): { readonly role: string; readonly roleSession: string } {
  return { role: arn, roleSession: sessionName };
}
