import { Agent as HttpAgent, type AgentOptions, type ClientRequestArgs } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';
import { createSecureContext, TLSSocket, type SecureContextOptions } from 'node:tls';
import { tlsFacts, type TlsFacts } from '../../../tls/tls-facts.ts';
import { NOT_ENCRYPTED } from './errors.ts';

/** How connections to the store are protected. */
export interface StoreTls {
  /** Groups, oldest version, authorities, and a certificate of ours. Default: Node's. */
  readonly context: SecureContextOptions;
  /** No connection without TLS, wherever an endpoint comes from: the SDK also reads environment and shared files. */
  readonly encryptedOnly: boolean;
}

/** A connection to the store that has been made, or broke with an error, on its way or later. */
export type StoreConnection =
  | { readonly kind: 'opened'; readonly host: string; readonly port: number; readonly facts: TlsFacts }
  | { readonly kind: 'failed'; readonly host: string; readonly port: number; readonly error: Error };

/** Told of TLS connections; must not throw. */
export type StoreConnectionSink = (connection: StoreConnection) => void;

const HTTPS_PORT = 443;

/** The agents of one store, for plain HTTP and for TLS. All connections of the second share one context. */
export function storeAgents(
  pool: AgentOptions,
  {
    tls,
    onConnection,
  }: { readonly tls?: StoreTls | undefined; readonly onConnection?: StoreConnectionSink | undefined },
): { readonly httpAgent: HttpAgent; readonly httpsAgent: HttpsAgent } {
  const httpAgent = tls?.encryptedOnly === true ? new RefusingAgent(pool) : new HttpAgent(pool);
  return { httpAgent, httpsAgent: new WatchedAgent(pool, tls?.context ?? {}, onConnection) };
}

class WatchedAgent extends HttpsAgent {
  readonly #onConnection: StoreConnectionSink | undefined;

  constructor(pool: AgentOptions, context: SecureContextOptions, onConnection: StoreConnectionSink | undefined) {
    super({ ...pool, secureContext: createSecureContext(context) });
    this.#onConnection = onConnection;
  }

  override createConnection(
    ...[options, callback]: Parameters<HttpsAgent['createConnection']>
  ): Duplex | null | undefined {
    const socket = super.createConnection(options, callback);
    const tell = this.#onConnection;
    if (tell === undefined || !(socket instanceof TLSSocket)) return socket;
    const host = options.host ?? options.hostname ?? '';
    const port = Number(options.port ?? HTTPS_PORT);
    socket.once('secureConnect', () => {
      tell({ kind: 'opened', host, port, facts: tlsFacts(socket) });
    });
    socket.on('error', (error: Error) => {
      tell({ kind: 'failed', host, port, error });
    });
    return socket;
  }
}

class RefusingAgent extends HttpAgent {
  override createConnection(
    { host, hostname }: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const where = host ?? hostname ?? 'the store';
    const error = new Error(`a plain http endpoint (${where}) where TLS is required`);
    // Typed as always having a stream; Node's agent looks at the error first.
    const refuse = callback as ((error: Error) => void) | undefined;
    process.nextTick(() => refuse?.(Object.assign(error, { code: NOT_ENCRYPTED })));
  }
}
