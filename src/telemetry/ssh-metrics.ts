import type { Registry } from 'prom-client';
import { Counter, Gauge } from 'prom-client';
import type { RefusalReason } from '../events/server-event.ts';
import { KEY_EXCHANGE_FAILURES, type KeyExchangeFailure } from '../events/session-event.ts';

const REFUSALS: readonly RefusalReason[] = ['rate', 'limit', 'made-room', 'network', 'proxy-header', 'proxy-silent'];

/** Those for which somebody may wait: a series that is there from the start shows its first step. */
const REQUIREMENTS = ['not-post-quantum', 'not-post-quantum-key'] as const;
const LOGINS = {
  publickey: [
    'success',
    'unknown-user',
    'wrong-key',
    'revoked-key',
    'wrong-signature',
    ...REQUIREMENTS,
    'provider-failed',
  ],
  password: ['success', 'unknown-user', 'wrong-password', 'too-busy', ...REQUIREMENTS, 'provider-failed'],
} as const;

/** Of the SSH layers: connections, key exchanges, logins. */
export class SshMetrics {
  readonly #accepted: Counter;
  readonly #refused: Counter<'reason'>;
  readonly #keyExchanges: Counter<'method' | 'kind'>;
  readonly #keyExchangeFailures: Counter<'reason'>;
  readonly #rekeys: Counter;
  readonly #rekeysRefused: Counter;
  readonly #logins: Counter<'method' | 'outcome'>;
  /** Connections there are at the moment. */
  sessions: () => { readonly authenticated: number; readonly unauthenticated: number } = () => ({
    authenticated: 0,
    unauthenticated: 0,
  });

  constructor(registry: Registry) {
    const registers = [registry];
    const sessions = (): ReturnType<SshMetrics['sessions']> => this.sessions();
    this.#accepted = new Counter({
      name: 'latticeport_connections_accepted_total',
      help: 'Connections that became sessions.',
      registers,
    });
    this.#refused = new Counter({
      name: 'latticeport_connections_refused_total',
      help: 'Connections closed for the sake of a limit.',
      labelNames: ['reason'],
      registers,
    });
    for (const reason of REFUSALS) this.#refused.inc({ reason }, 0);
    new Gauge({
      name: 'latticeport_sessions_open',
      help: 'Connections there are, by whether the client has logged in.',
      labelNames: ['state'],
      registers,
      collect() {
        const now = sessions();
        this.set({ state: 'authenticated' }, now.authenticated);
        this.set({ state: 'unauthenticated' }, now.unauthenticated);
      },
    });
    this.#keyExchanges = new Counter({
      name: 'latticeport_key_exchanges_total',
      help: 'First key exchanges of connections, by method.',
      labelNames: ['method', 'kind'],
      registers,
    });
    this.#keyExchangeFailures = new Counter({
      name: 'latticeport_key_exchange_failures_total',
      help: 'Connections that ended before their first key exchange did.',
      labelNames: ['reason'],
      registers,
    });
    for (const reason of KEY_EXCHANGE_FAILURES) this.#keyExchangeFailures.inc({ reason }, 0);
    this.#rekeys = new Counter({
      name: 'latticeport_rekeys_total',
      help: 'Key exchanges after the first of a connection.',
      registers,
    });
    this.#rekeysRefused = new Counter({
      name: 'latticeport_rekeys_refused_total',
      help: 'Sessions that ended since their next key exchange would have been classical, which their user may not have.',
      registers,
    });
    this.#logins = new Counter({
      name: 'latticeport_logins_total',
      help: 'Login attempts by method and outcome.',
      labelNames: ['method', 'outcome'],
      registers,
    });
    for (const [method, outcomes] of Object.entries(LOGINS)) {
      for (const outcome of outcomes) this.#logins.inc({ method, outcome }, 0);
    }
  }

  connectionAccepted(): void {
    this.#accepted.inc();
  }

  connectionRefused(reason: RefusalReason): void {
    this.#refused.inc({ reason });
  }

  /** `method` is offered from now on. */
  offersKeyExchange(method: string, postQuantum: boolean): void {
    this.#keyExchanges.inc({ method, kind: postQuantum ? 'post-quantum' : 'classical' }, 0);
  }

  /** `method` is one that we offer. */
  keyExchange(method: string, postQuantum: boolean): void {
    this.#keyExchanges.inc({ method, kind: postQuantum ? 'post-quantum' : 'classical' });
  }

  keyExchangeFailed(reason: KeyExchangeFailure): void {
    this.#keyExchangeFailures.inc({ reason });
  }

  rekey(): void {
    this.#rekeys.inc();
  }

  rekeyRefused(): void {
    this.#rekeysRefused.inc();
  }

  /** `method` may be the client's own word: only those that we know become labels. `outcome` is `success` or a reason. */
  login(method: string, outcome: string): void {
    this.#logins.inc({ method: method === 'publickey' || method === 'password' ? method : 'other', outcome });
  }
}
