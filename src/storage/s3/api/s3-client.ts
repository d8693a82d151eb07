import type { Agent as HttpAgent } from 'node:http';
import type { Socket } from 'node:net';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { storeAgents, type StoreConnectionSink, type StoreTls } from './store-agents.ts';

/** Keys of an account at the store. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export type ChecksumMode = 'WHEN_REQUIRED' | 'WHEN_SUPPORTED';

export interface S3ConnectionOptions {
  readonly region: string;
  /** URL of a store that is not AWS. */
  readonly endpoint?: string;
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`. */
  readonly forcePathStyle?: boolean;
  /** Without it, the SDK's default chain: environment, shared files, container, instance. */
  readonly credentials?: S3Credentials;
  /**
   * Default 'WHEN_REQUIRED': stores other than AWS often reject the checksums that newer SDKs add by themselves. The
   * signature covers the SHA-256 of every body in any case, over http and https: of memory by the SDK's doing, of files
   * by that of upload/send-body.ts. The store refuses other bytes than these.
   */
  readonly requestChecksumCalculation?: ChecksumMode;
  readonly responseChecksumValidation?: ChecksumMode;
  /** Connections at a time; further requests wait for one. */
  readonly maxSockets: number;
  /** Milliseconds to connect. */
  readonly connectTimeoutMs: number;
  /** Milliseconds without a byte in either direction, after which a request counts as broken. */
  readonly idleTimeoutMs: number;
  /** Default: Node's own, and plain HTTP where the endpoint says so. */
  readonly tls?: StoreTls;
  readonly onConnection?: StoreConnectionSink | undefined;
}

/** The connections of a store, and whose credentials ask. */
export interface AccountConnection extends Pick<S3ConnectionOptions, 'region' | 'endpoint' | 'credentials'> {
  readonly handler: NodeHttpHandler;
  readonly logger: NonNullable<S3ClientConfig['logger']>;
}

/** Whoever has the credentials of requests. */
export interface Signer {
  /** The client of this moment. */
  readonly client: S3Client;
  /** As `RetryContext.renewCredentials`. */
  renewCredentials(explained: boolean): void;
}

/** The SDK would write to the console that it makes no second try of a stream. */
const nothing = (): void => undefined;
const SILENT = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** The connections to the store, and clients on them. Clients come and go with credentials; connections stay. */
export class S3Connections implements Signer {
  readonly #options: S3ConnectionOptions;
  readonly #handler: NodeHttpHandler;
  readonly #agents: readonly HttpAgent[];
  #client: S3Client;
  #clockOffsetMs = 0;

  constructor(options: S3ConnectionOptions) {
    this.#options = options;
    const agent = { keepAlive: true, maxSockets: options.maxSockets, maxFreeSockets: options.maxSockets };
    const { httpAgent, httpsAgent } = storeAgents(agent, options);
    this.#agents = [httpAgent, httpsAgent];
    this.#handler = new NodeHttpHandler({
      httpAgent,
      httpsAgent,
      connectionTimeout: options.connectTimeoutMs,
      socketTimeout: options.idleTimeoutMs,
    });
    this.#client = this.#makeClient();
  }

  get client(): S3Client {
    return this.#client;
  }

  /** What the store's clock, as its last answer told it in whole seconds, is ahead of ours. Milliseconds. */
  get clockOffsetMs(): number {
    return this.#clockOffsetMs;
  }

  /** The next request reads its credentials anew, past whatever the SDK remembers. */
  renewCredentials(): void {
    this.#client = this.#makeClient();
  }

  /** A client on the same connections that signs with what `credentials` answers. */
  clientWith(credentials: () => Promise<S3Credentials & { readonly expiration: Date }>): S3Client {
    return this.#makeClient(credentials);
  }

  /** For requests to another service of the same account, with the store's own credentials. */
  get account(): AccountConnection {
    return { ...this.#options, handler: this.#handler, logger: SILENT };
  }

  close(): void {
    this.#handler.destroy();
    // A connection that was still being made, for a request that got another or was given up, would be kept for later
    // once it is there.
    for (const agent of this.#agents) agent.on('free', (socket: Socket) => socket.destroy());
  }

  #makeClient(credentials: S3ClientConfig['credentials'] = this.#options.credentials): S3Client {
    const { region, endpoint, forcePathStyle } = this.#options;
    const config: S3ClientConfig = {
      region,
      requestHandler: this.#handler,
      // Retries are ours (retry.ts): they know the client's patience, and say what they do.
      maxAttempts: 1,
      logger: SILENT,
      followRegionRedirects: true,
      // With the header the SDK opens a new connection for every part.
      expectContinueHeader: false,
      requestChecksumCalculation: this.#options.requestChecksumCalculation ?? 'WHEN_REQUIRED',
      responseChecksumValidation: this.#options.responseChecksumValidation ?? 'WHEN_REQUIRED',
    };
    if (endpoint !== undefined) config.endpoint = endpoint;
    if (forcePathStyle !== undefined) config.forcePathStyle = forcePathStyle;
    if (credentials !== undefined)
      config.credentials = typeof credentials === 'function' ? credentials : { ...credentials };
    const client = new S3Client(config);
    client.middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        const { headers } = result.response as { readonly headers?: Readonly<Record<string, string>> };
        const time = Date.parse(headers?.['date'] ?? '');
        if (!Number.isNaN(time)) this.#clockOffsetMs = time - Date.now();
        return result;
      },
      { step: 'deserialize', priority: 'low', name: 'latticeportClock' },
    );
    return client;
  }
}
