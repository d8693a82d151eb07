import { FAILURE_REASONS, type FailureReason } from '../auth/failure-reasons.ts';
import type { AuthFailure, AuthSuccess } from '../auth/server-auth.ts';
import type { TriedKey } from '../auth/tried-key.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { SshMetrics } from '../telemetry/ssh-metrics.ts';
import type { User } from './users.ts';

/** Of a name that nobody has to have. RFC 4252 sets no bound. Characters. */
const MAX_SHOWN_NAME = 100;

interface RefusedKey extends TriedKey {
  readonly reason: FailureReason;
  /** The key would do, were it not for the algorithm. */
  readonly keyIsUsers: boolean;
}

/**
 * The log of one connection as far as its login: every line has the address and, from the first authentication request
 * on, the user's name. The keys of an agent are tried in turn and are no failures each: they become one line when it is
 * known what came of them.
 */
export class LoginLog {
  readonly #parent: Logger;
  readonly #bindings: { readonly sessionId: string; readonly remoteAddress: string };
  readonly #metrics: SshMetrics | undefined;
  #log: Logger;
  #user: string | null = null;
  readonly #refusedKeys: RefusedKey[] = [];
  #offered = false;

  constructor(
    parent: Logger,
    bindings: { readonly sessionId: string; readonly remoteAddress: string },
    metrics: SshMetrics | undefined,
  ) {
    this.#parent = parent;
    this.#bindings = bindings;
    this.#metrics = metrics;
    this.#log = parent.child(bindings);
  }

  /** For every line of the connection. */
  get log(): Logger {
    return this.#log;
  }

  requested(userName: string): void {
    const user = userName.slice(0, MAX_SHOWN_NAME);
    if (user === this.#user) return;
    this.#tellRefusedKeys();
    this.#user = user;
    this.#offered = false;
    this.#log = this.#parent.child({ ...this.#bindings, user });
  }

  failed({ method, reason, key, keyIsUsers = false, error }: AuthFailure): void {
    this.#metrics?.login(method, reason);
    this.#offered = true;
    if (reason === 'provider-failed' || reason === 'internal-error') {
      this.#log.error(
        { event: 'auth.failure', method, reason, ...keyFields(key), err: error },
        FAILURE_REASONS[reason].words,
      );
    } else if (key !== null && reason !== 'wrong-signature' && reason !== 'too-many-connections') {
      this.#refuseKey({ ...key, reason, keyIsUsers });
    } else {
      this.#log.warn({ event: 'auth.failure', method, reason, ...keyFields(key) }, refused(reason));
    }
  }

  succeeded({ method, publicKey, signatureAlgorithm }: AuthSuccess<User>): void {
    this.#metrics?.login(method, 'success');
    const keys = this.#refusedKeys.splice(0);
    if (keys.length > 0) {
      const what = `${keys.length} ${keys.length === 1 ? 'key' : 'keys'} refused before the login`;
      this.#log.info({ event: 'auth.keys-refused', keys }, what);
    }
    this.#log.info(
      {
        event: 'auth.success',
        method,
        fingerprint: publicKey?.fingerprint,
        keyType: publicKey?.type,
        signatureAlgorithm: signatureAlgorithm ?? undefined,
      },
      'logged in',
    );
  }

  /** The connection is gone before a login. */
  ended(): void {
    this.#tellRefusedKeys();
    if (this.#user === null || this.#offered) return;
    this.#log.info({ event: 'auth.failure', method: 'none', reason: 'nothing-offered' }, refused('nothing-offered'));
  }

  /** A client may ask about a key before it signs with it: that is one. */
  #refuseKey(refusedKey: RefusedKey): void {
    const { fingerprint, algorithm } = refusedKey;
    if (this.#refusedKeys.some((known) => known.fingerprint === fingerprint && known.algorithm === algorithm)) return;
    this.#refusedKeys.push(refusedKey);
  }

  /** No login came of them. */
  #tellRefusedKeys(): void {
    const keys = this.#refusedKeys.splice(0);
    // What is nearest to a login tells the most: the right key with an algorithm that is not allowed.
    const key = keys.find(({ keyIsUsers }) => keyIsUsers) ?? keys[0];
    if (key === undefined) return;
    const fields = { event: 'auth.failure', method: 'publickey', reason: key.reason, ...keyFields(key) };
    if (keys.length === 1) {
      this.#log.warn({ ...fields, keyIsUsers: key.keyIsUsers }, refused(key.reason));
    } else {
      const message = `${refused(key.reason)} (${keys.length} keys were tried)`;
      this.#log.warn({ ...fields, keyIsUsers: key.keyIsUsers, keys }, message);
    }
  }
}

function keyFields(key: TriedKey | null): object {
  return key === null ? {} : { algorithm: key.algorithm, keyType: key.type, fingerprint: key.fingerprint };
}

function refused(reason: FailureReason): string {
  return `login refused: ${FAILURE_REASONS[reason].words}`;
}
