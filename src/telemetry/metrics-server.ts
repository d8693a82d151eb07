import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { HttpsListener, type TlsServerOptions } from '../tls/https-listener.ts';
import {
  METRICS_CHECK_MS,
  METRICS_CONNECTION_MS,
  METRICS_CONNECTIONS,
  METRICS_HEADER_BYTES,
  METRICS_HEADERS,
  METRICS_HEADERS_MS,
} from './limits.ts';

const PROMETHEUS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';
const PLAIN_TEXT = 'text/plain; charset=utf-8';

export interface MetricsSource {
  /** The metrics in Prometheus's text format. */
  metrics(): Promise<string>;
  /** Why no new sessions should be sent here, or null where they may. */
  notReady(): string | null;
  /** What is wrong while new sessions may come all the same. */
  remark?(): string | null;
  /** `metrics` failed. */
  onError(error: unknown): void;
  /** A client's TLS handshake failed: not more often than clients connect. */
  onRefused?(error: Error, remoteAddress: string): void;
}

export interface MetricsServerOptions {
  /** HTTPS instead of HTTP. */
  readonly tls?: TlsServerOptions | undefined;
  readonly headersMs?: number;
  readonly connectionMs?: number;
  readonly handshakeMs?: number;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly allow?: string;
}

/**
 * Serves `/metrics`, `/healthz` and `/readyz` over HTTP or HTTPS, for GET and HEAD and nothing else. One request a connection,
 * with small limits on everything; when there are too many, the oldest that has not asked goes. Does not keep the process alive.
 */
export class MetricsServer {
  readonly #http: Server | HttpsServer;
  readonly #https: HttpsListener | undefined;
  readonly #source: MetricsSource;
  /** Connections whose request has not come whole, and those that are being answered; the oldest first. */
  readonly #incomplete = new Set<Socket>();
  readonly #answering = new Set<Socket>();

  constructor(source: MetricsSource, options: MetricsServerOptions = {}) {
    const { tls, handshakeMs, headersMs = METRICS_HEADERS_MS, connectionMs = METRICS_CONNECTION_MS } = options;
    this.#source = source;
    const bounds: ServerOptions = {
      maxHeaderSize: METRICS_HEADER_BYTES,
      headersTimeout: headersMs,
      requestTimeout: headersMs,
      connectionsCheckingInterval: Math.min(METRICS_CHECK_MS, headersMs),
      keepAlive: false,
    };
    if (tls !== undefined) {
      const onRefused = (error: Error, remoteAddress: string): void => source.onRefused?.(error, remoteAddress);
      this.#https = new HttpsListener(bounds, tls, {
        onRefused,
        ...(handshakeMs === undefined ? {} : { handshakeMs }),
      });
    }
    const http = (this.#http = this.#https?.server ?? createServer(bounds));
    http.maxHeadersCount = METRICS_HEADERS;
    http.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      this.#makeRoom();
      this.#incomplete.add(socket);
      const timer = setTimeout(() => {
        socket.destroy();
      }, connectionMs).unref();
      socket.on('close', () => {
        clearTimeout(timer);
        this.#incomplete.delete(socket);
        this.#answering.delete(socket);
      });
      socket.unref();
    });
    const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
      const { socket } = request;
      // One request a connection: of thousands that follow each other in one packet the others get no answer.
      if (this.#answering.has(socket)) return;
      this.#incomplete.delete(socket);
      this.#answering.add(socket);
      void this.#serve(request, response);
    };
    http.on('request', onRequest);
    // A body that waits for leave to come is not wanted.
    http.on('checkContinue', onRequest);
  }

  /** Connections from now on get another certificate. */
  useCertificate({ context }: TlsServerOptions): void {
    this.#https?.use(context);
  }

  /** Rejects with the system's error. */
  listen(host: string, port: number): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#http.once('error', reject);
      this.#http.listen({ host, port }, () => {
        this.#http.off('error', reject);
        this.#http.on('error', (error) => {
          this.#source.onError(error);
        });
        this.#http.unref();
        const address = this.#http.address();
        if (address === null || typeof address === 'string') reject(new Error('not a TCP address'));
        else resolve(address);
      });
    });
  }

  close(): void {
    if (this.#https !== undefined) {
      this.#https.close();
      return;
    }
    this.#http.close();
    this.#http.closeAllConnections();
  }

  /** Refusing the newcomer instead would let a few slow clients keep a supervisor from asking. */
  #makeRoom(): void {
    if (this.#incomplete.size + this.#answering.size < METRICS_CONNECTIONS) return;
    const [oldest] = this.#incomplete.size > 0 ? this.#incomplete : this.#answering;
    oldest?.destroy();
    if (oldest === undefined) return;
    this.#incomplete.delete(oldest);
    this.#answering.delete(oldest);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, type, body, allow } = await this.#answer(request);
    const bytes = Buffer.from(body);
    response.writeHead(status, {
      'Content-Type': type,
      'Content-Length': bytes.length,
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      Connection: 'close',
      ...(allow === undefined ? {} : { Allow: allow }),
    });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const path = request.url?.split('?', 1)[0];
    if (path !== '/metrics' && path !== '/healthz' && path !== '/readyz') return said(404, 'not found');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return { ...said(405, 'method not allowed'), allow: 'GET, HEAD' };
    }
    switch (path) {
      case '/healthz':
        return said(200, 'ok');
      case '/readyz': {
        const reason = this.#source.notReady();
        return reason === null ? said(200, this.#source.remark?.() ?? 'ok') : said(503, reason);
      }
      case '/metrics':
        try {
          return { status: 200, type: PROMETHEUS_TEXT, body: await this.#source.metrics() };
        } catch (error) {
          this.#source.onError(error);
          return said(500, 'the metrics cannot be had');
        }
    }
  }
}

function said(status: number, text: string): Answer {
  return { status, type: PLAIN_TEXT, body: `${text}\n` };
}
