import { KEX_BY_NAME, type PqFamily } from '../crypto/algorithms/algorithm-table.ts';
import type { NegotiatedAlgorithms } from '../negotiation/negotiate.ts';
import { insistedOver } from './post-quantum-setting.ts';
import { looksPostQuantum } from './pq-names.ts';

/** A value for each direction of the connection. */
interface PerDirection<T> {
  readonly clientToServer: T;
  readonly serverToClient: T;
}

/**
 * What a session says of its key exchange: the `kex` object of the log line `session.negotiated`, which
 * `latticeport report` reads. Changing a field changes the log format.
 */
export interface SessionKex {
  readonly method: string;
  readonly family: 'pq-hybrid' | 'classical';
  /** The family of the post-quantum half; null for a classical exchange. */
  readonly pq: PqFamily | null;
  /** The classical exchange, or the classical half: "X25519", "P-384", "MODP-4096". */
  readonly classical: string;
  /** Bits of C_INIT / Q_C (client) and S_REPLY / Q_S (server) as they went over the wire. */
  readonly publicBits: { readonly client: number; readonly server: number };
  readonly cipher: PerDirection<string>;
  /** null where the cipher authenticates by itself. */
  readonly mac: PerDirection<string | null>;
  /** The host key algorithm that signed the exchange. */
  readonly hostKey: string;
  readonly clientVersion: string;
  readonly strictKex: boolean;
  /** A classical exchange was chosen although both sides have a post-quantum one: the client prefers the classical. */
  readonly betterPqAvailable: boolean;
  /**
   * The classical method that this client would have got had the server listed all methods of its policy; null where
   * insisting on post-quantum ones, or requiring them, has changed nothing.
   */
  readonly insistedOver: string | null;
  /** The client listed a post-quantum method, whether this build knows it or not. */
  readonly clientOfferedPq: boolean;
  /** The client listed a hybrid that this build implements: a policy of hybrids only would not cut it off. */
  readonly pqPossible: boolean;
}

/** What the transport knows after a key exchange. */
export interface NegotiatedSession extends NegotiatedAlgorithms {
  readonly strictKex: boolean;
  /** Sizes of the public values, in bytes. */
  readonly publicBytes: { readonly client: number; readonly server: number };
  readonly clientVersion: string;
}

/** Describes a finished key exchange: `client` is what the client listed, `server` what the policy has. */
export function describeKex(
  negotiated: NegotiatedSession,
  client: { readonly kex: readonly string[] },
  server: { readonly kex: readonly string[] },
): SessionKex {
  const facts = KEX_BY_NAME.get(negotiated.kex);
  const family = facts?.family ?? 'classical';
  const clientHybrids = client.kex.filter((name) => KEX_BY_NAME.get(name)?.family === 'pq-hybrid');
  return {
    method: negotiated.kex,
    family,
    pq: facts?.pq ?? null,
    classical: facts?.classical ?? 'unknown',
    publicBits: { client: negotiated.publicBytes.client * 8, server: negotiated.publicBytes.server * 8 },
    cipher: { clientToServer: negotiated.cipherClientToServer, serverToClient: negotiated.cipherServerToClient },
    mac: { clientToServer: negotiated.macClientToServer, serverToClient: negotiated.macServerToClient },
    hostKey: negotiated.hostKey,
    clientVersion: negotiated.clientVersion,
    strictKex: negotiated.strictKex,
    betterPqAvailable: family === 'classical' && clientHybrids.some((name) => server.kex.includes(name)),
    insistedOver: insistedOver(negotiated.kex, client.kex, server.kex),
    clientOfferedPq: client.kex.some(looksPostQuantum),
    pqPossible: clientHybrids.length > 0,
  };
}
