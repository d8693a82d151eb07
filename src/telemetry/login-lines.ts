import type { FailureReason } from '../auth/failure-reasons.ts';
import { FAILURE_REASONS } from '../auth/failure-reasons.ts';
import type { EventOf } from '../events/server-event.ts';
import type { SessionIdentity } from '../events/session-event.ts';
import type { Logger } from './logger.ts';
import { shownUser, whose } from './whose.ts';

type AuthFailed = EventOf<'auth.failed'>;
type TriedKey = NonNullable<AuthFailed['key']>;

interface RefusedKey extends TriedKey {
  readonly reason: FailureReason;
  /** The key would do, were it not for the algorithm. */
  readonly keyIsUsers: boolean;
}

/** What is known of a session that is about to log in. */
interface Attempt {
  identity: SessionIdentity;
  refusedKeys: RefusedKey[];
  offered: boolean;
}

/** Of a key: the client has signed with it, so that it is none of those that are tried in turn. */
const ENDS_ATTEMPT: ReadonlySet<FailureReason> = new Set([
  'wrong-signature',
  'not-post-quantum',
  'not-post-quantum-key',
  'too-many-connections',
]);

/**
 * Log lines of logins. The keys of an agent are tried in turn and are no failures each: they become one line when it is
 * known what came of them.
 */
export class LoginLines {
  readonly #log: Logger;
  /** By session, from its first authentication request to its end. */
  readonly #attempts = new Map<string, Attempt>();

  constructor(log: Logger) {
    this.#log = log;
  }

  requested(identity: SessionIdentity): void {
    const attempt = this.#attempts.get(identity.sessionId);
    if (attempt !== undefined && shownUser(identity) === shownUser(attempt.identity)) return;
    if (attempt !== undefined) this.#tellRefusedKeys(attempt);
    const { server, sessionId, remoteAddress, user } = identity;
    this.#attempts.set(sessionId, {
      identity: { server, sessionId, remoteAddress, user },
      refusedKeys: [],
      offered: false,
    });
  }

  failed(event: AuthFailed): void {
    const { method, reason, key, keyIsUsers, error } = event;
    const attempt = this.#attempts.get(event.sessionId);
    if (attempt !== undefined) attempt.offered = true;
    const fields = { ...whose(event), event: 'auth.failure', method, reason, ...keyFields(key) };
    if (reason === 'provider-failed' || reason === 'internal-error') {
      this.#log.error({ ...fields, err: error }, FAILURE_REASONS[reason].words);
    } else if (key !== null && !ENDS_ATTEMPT.has(reason)) {
      if (attempt !== undefined) refuseKey(attempt, { ...key, reason, keyIsUsers });
    } else {
      this.#log.warn(fields, refused(reason));
    }
  }

  succeeded(event: EventOf<'auth.succeeded'>): void {
    const { method, key, signatureAlgorithm, certificate } = event;
    const keys = this.#attempts.get(event.sessionId)?.refusedKeys.splice(0) ?? [];
    if (keys.length > 0) {
      const what = `${keys.length} ${keys.length === 1 ? 'key' : 'keys'} refused before the login`;
      this.#log.info({ ...whose(event), event: 'auth.keys-refused', keys }, what);
    }
    this.#log.info(
      {
        ...whose(event),
        event: 'auth.success',
        method,
        fingerprint: key?.fingerprint,
        keyType: key?.type,
        signatureAlgorithm: signatureAlgorithm ?? undefined,
        certificate: certificate ?? undefined,
      },
      'logged in',
    );
  }

  /** The session is over. */
  closed({ sessionId, stage }: EventOf<'session.closed'>): void {
    const attempt = this.#attempts.get(sessionId);
    this.#attempts.delete(sessionId);
    if (attempt === undefined || stage !== 'auth') return;
    this.#tellRefusedKeys(attempt);
    if (attempt.offered) return;
    this.#log.info(
      { ...whose(attempt.identity), event: 'auth.failure', method: 'none', reason: 'nothing-offered' },
      refused('nothing-offered'),
    );
  }

  /** No login came of them. */
  #tellRefusedKeys({ identity, refusedKeys: keys }: Attempt): void {
    // What is nearest to a login tells the most: the right key with an algorithm that is not allowed.
    const key = keys.find(({ keyIsUsers }) => keyIsUsers) ?? keys[0];
    if (key === undefined) return;
    const { reason, keyIsUsers } = key;
    const fields = { ...whose(identity), event: 'auth.failure', method: 'publickey', reason, ...keyFields(key) };
    if (keys.length === 1) this.#log.warn({ ...fields, keyIsUsers }, refused(reason));
    else this.#log.warn({ ...fields, keyIsUsers, keys }, `${refused(reason)} (${keys.length} keys were tried)`);
  }
}

/** A client may ask about a key before it signs with it: that is one. */
function refuseKey({ refusedKeys }: Attempt, refusedKey: RefusedKey): void {
  const { fingerprint, algorithm } = refusedKey;
  if (refusedKeys.some((known) => known.fingerprint === fingerprint && known.algorithm === algorithm)) return;
  refusedKeys.push(refusedKey);
}

function keyFields(key: TriedKey | null): object {
  if (key === null) return {};
  const { algorithm, type: keyType, fingerprint, certificate } = key;
  return { algorithm, keyType, fingerprint, certificate };
}

function refused(reason: FailureReason): string {
  return `login refused: ${FAILURE_REASONS[reason].words}`;
}
