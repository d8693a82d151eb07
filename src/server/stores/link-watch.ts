import type { StoreConnection, StoreTls } from '../../storage/s3/api/store-agents.ts';
import type { TlsFacts } from '../../tls/tls-facts.ts';
import { tlsFaultOf, tlsReason, type TlsFault } from '../../tls/tls-fault.ts';
import { LINK_REFUSAL_TELL_MS } from '../limits.ts';
import { classicalInWords, classicalOffer, NOT_POST_QUANTUM } from './storage-link.ts';

/** What the TLS connections to a store tell. */
export type LinkEvent =
  | ({ readonly kind: 'opened'; readonly host: string } & TlsFacts)
  | {
      readonly kind: 'refused';
      readonly host: string;
      /** OpenSSL's, or `NotPostQuantum`. */
      readonly code: string;
      /** For the operator. */
      readonly problem: string;
    };

/**
 * Makes events of a store's connections. Every one that is made is told at once. Of those that one of the two ends refuses, of
 * which a busy server makes hundreds a second, one a minute is told; where a post-quantum exchange is required it is
 * found out what the store has instead.
 */
export class LinkWatch {
  readonly #tls: StoreTls;
  readonly #tell: (event: LinkEvent) => void;
  readonly #tellMs: number;
  /** When a refusal was told last, by host and fault. Milliseconds of the monotonic clock. */
  readonly #told = new Map<string, number>();

  /** `tellMs`: between two refusals of one host and kind that are told. */
  constructor(tls: StoreTls, tell: (event: LinkEvent) => void, tellMs = LINK_REFUSAL_TELL_MS) {
    this.#tls = tls;
    this.#tell = tell;
    this.#tellMs = tellMs;
  }

  readonly onConnection = (connection: StoreConnection): void => {
    const { kind, host, port } = connection;
    if (kind === 'opened') this.#tell({ kind, host, ...connection.facts });
    else this.#failed(host, port, connection.error);
  };

  #failed(host: string, port: number, error: Error): void {
    const fault = tlsFaultOf(error);
    // A network that fails is told of by the requests.
    if (fault === null) return;
    const key = `${host}:${port} ${fault}`;
    const now = performance.now();
    if (now - (this.#told.get(key) ?? -Infinity) < this.#tellMs) return;
    this.#told.set(key, now);
    void this.#explain(host, port, fault, error);
  }

  async #explain(host: string, port: number, fault: TlsFault, error: Error): Promise<void> {
    const { code = 'Unknown' } = error as NodeJS.ErrnoException;
    const offered = fault === 'handshake' ? await classicalOffer(this.#tls, host, port) : null;
    if (offered === null) this.#tell({ kind: 'refused', host, code, problem: tlsReason(error) });
    else this.#tell({ kind: 'refused', host, code: NOT_POST_QUANTUM, problem: classicalInWords(offered) });
  }
}
