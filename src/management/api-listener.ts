import { randomUUID } from 'node:crypto';
import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { AccessKeyRecord } from '../state/records.ts';
import type { Logger } from '../telemetry/logger.ts';
import { HttpsListener, type TlsServerOptions } from '../tls/https-listener.ts';
import { tlsReason } from '../tls/tls-fault.ts';
import type { ServerTags } from './access.ts';
import { answerOf, answerOfError, AWS_JSON, type ApiAnswer } from './api-answer.ts';
import { ApiCalls, throttled } from './api-calls.ts';
import { ApiConnections } from './api-connections.ts';
import { ApiError } from './api-error.ts';
import * as limits from './limits.ts';
import { isLoopback } from './loopback.ts';
import { operationOfTarget } from './model/transfer-model.ts';
import type { Operations } from './operation.ts';
import { BodyTooLarge, readBody, RequestAborted } from './request-body.ts';
import { RequestRates, sourceOf, type RequestRate } from './request-rates.ts';
import { readAuthorization } from './sigv4/authorization.ts';
import { verifySignature } from './sigv4/verify.ts';

/** The bounds of limits.ts that can be set. Milliseconds and bytes. */
export interface ApiListenerLimits {
  readonly bodyBytes?: number;
  readonly headersMs?: number;
  readonly requestMs?: number;
  readonly operationMs?: number;
  readonly connections?: number;
  /** Operations that run at once. */
  readonly atOnce?: number;
  readonly keyRate?: RequestRate;
  readonly failureRate?: RequestRate;
  readonly failureDelayMs?: number;
}

export interface ApiListenerOptions {
  readonly operations: Operations;
  /** The key of that id, also one that is disabled. */
  accessKey(accessKeyId: string): AccessKeyRecord | undefined;
  readonly serverTags: ServerTags;
  /** See `ApiCallsOptions`. Default: there is no other node. */
  readonly caughtUp?: () => Promise<void>;
  readonly log: Logger;
  /** HTTPS instead of HTTP. Plain HTTP is for loopback addresses alone. */
  readonly tls?: TlsServerOptions | undefined;
  readonly limits?: ApiListenerLimits;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/**
 * The port of the management API: awsJson1_1 over HTTP(S), signed with AWS Signature Version 4 (docs/management-api.md). Before
 * a signature is verified a client can hold one connection and one body, for so long; then its key's rate counts.
 */
export class ApiListener {
  readonly #http: Server | HttpsServer;
  readonly #https: HttpsListener | undefined;
  readonly #options: ApiListenerOptions;
  readonly #limits: ApiListenerLimits;
  readonly #now: () => number;
  readonly #calls: ApiCalls;
  readonly #failures: RequestRates;
  readonly #connections: ApiConnections;
  #isDraining = false;

  constructor(options: ApiListenerOptions) {
    const { tls, log, now = Date.now } = options;
    const own = (this.#limits = options.limits ?? {});
    this.#options = options;
    this.#now = now;
    this.#calls = new ApiCalls({
      ...options,
      now,
      keyRate: own.keyRate,
      atOnce: own.atOnce,
      operationMs: own.operationMs,
    });
    const { failureRate = { perSecond: limits.API_FAILURE_RATE, burst: limits.API_FAILURE_BURST } } = own;
    this.#failures = new RequestRates(failureRate, now);
    this.#connections = new ApiConnections(own.connections ?? limits.API_CONNECTIONS);
    const headersTimeout = own.headersMs ?? limits.API_HEADERS_MS;
    const requestTimeout = own.requestMs ?? limits.API_REQUEST_MS;
    const bounds: ServerOptions = {
      maxHeaderSize: limits.API_HEADER_BYTES,
      headersTimeout,
      requestTimeout,
      connectionsCheckingInterval: Math.min(limits.API_CHECK_MS, headersTimeout, requestTimeout),
      keepAliveTimeout: limits.API_KEEP_ALIVE_MS,
      // A request without it is answered by us: no signature is right without it.
      requireHostHeader: false,
    };
    if (tls !== undefined) {
      this.#https = new HttpsListener(bounds, tls, {
        onRefused: (error, remoteAddress) => {
          this.#tlsRefused(error, remoteAddress);
        },
      });
    }
    const http = (this.#http = this.#https?.server ?? createServer(bounds));
    http.maxHeadersCount = limits.API_HEADERS;
    http.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      this.#connections.add(socket);
    });
    http.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#serve(request, response).catch((error: unknown) => {
        if (!(error instanceof RequestAborted))
          log.error({ event: 'management.answer-failed', err: error }, 'no answer');
        request.socket.destroy();
      });
    });
    http.on('clientError', refuseMalformed);
  }

  /** Connections from now on get another certificate. */
  useCertificate({ context }: TlsServerOptions): void {
    this.#https?.use(context);
  }

  /** Rejects with the system's error, and with RangeError for plain HTTP on an address that others can reach. */
  listen(host: string, port: number): Promise<AddressInfo> {
    if (this.#https === undefined && !isLoopback(host)) {
      return Promise.reject(
        new RangeError(`${host} can be reached from elsewhere: the management API needs TLS there`),
      );
    }
    return new Promise((resolve, reject) => {
      this.#http.once('error', reject);
      this.#http.listen({ host, port }, () => {
        this.#http.off('error', reject);
        this.#http.on('error', (error) => {
          this.#options.log.error({ event: 'management.listener-failed', err: error }, 'the management API');
        });
        const address = this.#http.address();
        if (address === null || typeof address === 'string') reject(new Error('not a TCP address'));
        else resolve(address);
      });
    });
  }

  /** Takes no more connections, and lets the calls that run answer, for so many milliseconds at the most. */
  async drain(milliseconds: number): Promise<void> {
    this.#isDraining = true;
    const { promise, resolve } = Promise.withResolvers<null>();
    const timer = setTimeout(resolve, milliseconds, null);
    this.#http.close(() => {
      resolve(null);
    });
    await promise;
    clearTimeout(timer);
    this.close();
  }

  /** Takes no more connections. Calls that run are cut off: what they change is changed whole, or not at all. */
  close(): void {
    if (this.#https !== undefined) {
      this.#https.close();
      return;
    }
    this.#http.close();
    this.#http.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    // No client of an AWS API sends a second request before it has its answer.
    if (!this.#connections.begin(socket)) {
      socket.destroy();
      return;
    }
    const requestId = randomUUID();
    const { answer, keep } = await this.#answer(request, requestId);
    this.#connections.end(socket);
    const keepsOn = keep && request.complete && !this.#isDraining;
    response.writeHead(answer.status, {
      ...answer.headers,
      'x-amzn-RequestId': requestId,
      'Content-Length': answer.body.length,
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      ...(keepsOn ? {} : { Connection: 'close' }),
    });
    response.end(request.method === 'HEAD' ? undefined : answer.body);
    if (!keepsOn) endAfterBody(request);
  }

  async #answer(
    request: IncomingMessage,
    requestId: string,
  ): Promise<{ readonly answer: ApiAnswer; readonly keep: boolean }> {
    if (request.method !== 'POST' || request.url !== '/') {
      const wrong = new ApiError('UnknownOperationException', 'expected POST /');
      return { answer: answerOfError(wrong, request.method === 'POST' ? 404 : 405), keep: false };
    }
    const remoteAddress = request.socket.remoteAddress ?? '';
    try {
      const { accessKey, target, body } = await this.#authenticated(request, remoteAddress);
      const operation = operationOfTarget(target);
      const output = await this.#calls.call({ requestId, accessKey, remoteAddress, operation, body });
      return { answer: answerOf(output), keep: true };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error instanceof BodyTooLarge) return { answer: answerOfError(error, 413), keep: false };
      return { answer: answerOfError(error), keep: this.#connections.isVerified(request.socket) };
    }
  }

  /** Whoever fails costs a signature. Those who fail too often wait for each answer. */
  async #authenticated(
    request: IncomingMessage,
    remoteAddress: string,
  ): Promise<{ readonly accessKey: AccessKeyRecord; readonly target: string; readonly body: Buffer }> {
    try {
      const claim = readAuthorization(request.rawHeaders, this.#now());
      const body = await readBody(request, this.#limits.bodyBytes ?? limits.API_BODY_BYTES);
      const accessKey = await verifySignature(claim, body, (id) => this.#options.accessKey(id));
      this.#connections.verified(request.socket);
      if (request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() !== AWS_JSON) {
        throw new ApiError('SerializationException', `Content-Type: expected ${AWS_JSON}`);
      }
      return { accessKey, target: claim.headers['x-amz-target'] ?? '', body };
    } catch (error) {
      if (!(error instanceof ApiError) || error instanceof BodyTooLarge) throw error;
      if (this.#connections.isVerified(request.socket)) throw error;
      throw await this.#refused(error, remoteAddress);
    }
  }

  async #refused(error: ApiError, remoteAddress: string): Promise<ApiError> {
    const { log } = this.#options;
    const seconds = this.#failures.take(sourceOf(remoteAddress));
    const { exception, message } = error;
    const line = { event: 'management.unauthorized', remoteAddress, exception };
    if (seconds === 0) {
      log.warn(line, message);
      return error;
    }
    log.debug(line, message);
    const milliseconds = this.#limits.failureDelayMs ?? limits.API_FAILURE_DELAY_MS;
    await new Promise((resolve) => {
      setTimeout(resolve, milliseconds).unref();
    });
    return throttled('too many requests whose signature is refused', seconds);
  }

  #tlsRefused(error: Error, remoteAddress: string): void {
    const { code } = error as NodeJS.ErrnoException;
    const line = { event: 'management.client-refused', remoteAddress, code };
    const message = `no TLS connection with a client of the management API: ${tlsReason(error)}`;
    const isOften = this.#failures.take(`tls ${sourceOf(remoteAddress)}`) > 0;
    this.#options.log[isOften ? 'debug' : 'warn'](line, message);
  }
}

/**
 * Ends a connection on which a body may still be coming. It is thrown away for a while: a connection that is closed before would
 * lose the answer on its way (RFC 9112 §9.6).
 */
function endAfterBody(request: IncomingMessage): void {
  const { socket } = request;
  const timer = setTimeout(() => {
    socket.destroy();
  }, limits.API_UNREAD_MS).unref();
  socket.once('close', () => {
    clearTimeout(timer);
  });
  request.resume();
  if (request.complete) socket.destroySoon();
  else
    request.once('end', () => {
      socket.destroySoon();
    });
}

/** What Node does not take as a request: too long a head, one that is too slow, no HTTP at all. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    `x-amzn-RequestId: ${randomUUID()}`,
    'Content-Length: 0',
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n`, () => {
    socket.destroySoon();
  });
}
