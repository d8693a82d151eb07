// An HTTP proxy before an S3 server that does to chosen requests what networks and overloaded stores do.
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Transform } from 'node:stream';

/** A request as the proxy sees it: the S3 operation's name, and how many requests came before it. */
export interface SeenRequest {
  readonly index: number;
  readonly operation: string;
  readonly method: string;
  readonly url: string;
}

export type Fault =
  /** The store refuses: nothing is carried out. */
  | { readonly kind: 'refuse'; readonly status: number; readonly code: string }
  /** The connection breaks before the request is read. */
  | { readonly kind: 'reset-before' }
  /** The connection breaks in the middle of the request: nothing is carried out. */
  | { readonly kind: 'reset-during' }
  /** The request is carried out, and the answer is lost. */
  | { readonly kind: 'reset-after' }
  /** One bit of the request's body arrives as the other one. */
  | { readonly kind: 'corrupt' }
  /** The answer breaks off after so many bytes of its body. */
  | { readonly kind: 'cut-answer'; readonly bytes: number }
  /** The request is carried out, and no answer ever comes. */
  | { readonly kind: 'stall' }
  /** The answer comes late. */
  | { readonly kind: 'delay'; readonly milliseconds: number }
  /** The request is carried out, and the answer shows another ETag. */
  | { readonly kind: 'other-etag' }
  /** Status 200, and an error in the body, as CompleteMultipartUpload and CopyObject can answer; nothing is done. */
  | { readonly kind: 'error-in-200'; readonly code: string };

/** The operation that a request is, from method, query and headers (Amazon S3 API Reference). */
export function operationOf(method: string, url: string, copySource: boolean): string {
  const { searchParams: query, pathname } = new URL(url, 'http://s3');
  const onObject = pathname.split('/').filter((part) => part !== '').length > 1;
  switch (method) {
    case 'HEAD':
      return 'HeadObject';
    case 'GET':
      if (query.has('uploads')) return 'ListMultipartUploads';
      return onObject && !query.has('list-type') ? 'GetObject' : 'ListObjectsV2';
    case 'PUT':
      if (query.has('partNumber')) return copySource ? 'UploadPartCopy' : 'UploadPart';
      return copySource ? 'CopyObject' : 'PutObject';
    case 'POST':
      if (query.has('uploads')) return 'CreateMultipartUpload';
      return query.has('delete') ? 'DeleteObjects' : 'CompleteMultipartUpload';
    case 'DELETE':
      return query.has('uploadId') ? 'AbortMultipartUpload' : 'DeleteObject';
    default:
      return method;
  }
}

export class FaultProxy {
  readonly #target: URL;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #count = 0;
  /** Says for each request what happens to it. */
  decide: (request: SeenRequest) => Fault | undefined = () => undefined;
  /** Every connection is broken, as if the store were gone. */
  down = false;
  readonly seen: SeenRequest[] = [];

  private constructor(target: URL) {
    this.#target = target;
    this.#server = createServer((request, response) => {
      void this.#handle(request, response);
    });
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
      if (this.down) socket.destroy();
    });
  }

  static async start(target: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(new URL(target));
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Connections that clients have open. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Forgets what was seen; the next request has index 0. */
  reset(): void {
    this.#count = 0;
    this.seen.length = 0;
    this.down = false;
    this.decide = () => undefined;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    const method = request.method ?? '';
    const url = request.url ?? '';
    const operation = operationOf(method, url, request.headers['x-amz-copy-source'] !== undefined);
    const seen = { index: this.#count, operation, method, url };
    this.#count += 1;
    this.seen.push(seen);
    if (this.down) {
      request.socket.destroy();
      return;
    }
    const fault = this.decide(seen);
    switch (fault?.kind) {
      case 'reset-before':
        request.socket.destroy();
        return;
      case 'reset-during':
        request.once('data', () => request.socket.destroy());
        request.once('end', () => request.socket.destroy());
        return;
      case 'refuse':
        await drain(request);
        answer(response, fault.status, fault.code, method === 'HEAD');
        return;
      case 'error-in-200':
        await drain(request);
        answer(response, 200, fault.code, false);
        return;
      default:
        this.#forward(request, response, fault);
    }
  }

  #forward(request: IncomingMessage, response: ServerResponse, fault: Fault | undefined): void {
    const onward = httpRequest(
      {
        host: this.#target.hostname,
        port: this.#target.port,
        method: request.method,
        path: request.url,
        headers: request.headers,
        agent: false,
      },
      (from) => {
        switch (fault?.kind) {
          case 'reset-after':
            from.resume();
            from.on('end', () => request.socket.destroy());
            return;
          case 'stall':
            from.resume();
            return;
          case 'delay':
            setTimeout(() => {
              pass(from, response, from.headers);
            }, fault.milliseconds);
            return;
          case 'other-etag':
            pass(from, response, { ...from.headers, etag: '"00000000000000000000000000000000"' });
            return;
          case 'cut-answer': {
            let left = fault.bytes;
            response.writeHead(from.statusCode ?? 500, from.headers);
            from.on('data', (chunk: Buffer) => {
              if (left <= 0) return;
              response.write(chunk.subarray(0, left));
              left -= chunk.length;
              if (left <= 0) setImmediate(() => request.socket.destroy());
            });
            from.on('end', () => request.socket.destroy());
            return;
          }
          default:
            pass(from, response, from.headers);
        }
      },
    );
    onward.on('error', () => request.socket.destroy());
    request.on('close', () => {
      if (!request.complete) onward.destroy();
    });
    if (fault?.kind === 'corrupt') request.pipe(flipOneBit()).pipe(onward);
    else request.pipe(onward);
  }
}

function flipOneBit(): Transform {
  let done = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      const bytes = Buffer.from(chunk);
      const middle = bytes.length >> 1;
      if (!done && bytes.length > 0) bytes.writeUInt8(bytes.readUInt8(middle) ^ 0x10, middle);
      done = true;
      callback(null, bytes);
    },
  });
}

function pass(from: IncomingMessage, response: ServerResponse, headers: IncomingMessage['headers']): void {
  response.writeHead(from.statusCode ?? 500, headers);
  from.pipe(response);
}

async function drain(request: IncomingMessage): Promise<void> {
  request.resume();
  await new Promise((resolve) => request.once('end', resolve));
}

function answer(response: ServerResponse, status: number, code: string, headOnly: boolean): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`;
  response.writeHead(status, { 'content-type': 'application/xml', 'content-length': headOnly ? 0 : body.length });
  response.end(headOnly ? '' : body);
}
