// An S3 server that keeps no bytes: it counts what it is sent, answers zeros, and lists names that it makes up. For files
// and directories that are too large for a test's disk.
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Stored {
  readonly size: number;
  readonly etag: string;
  readonly metadata: Readonly<Record<string, string>>;
}

interface Upload {
  readonly key: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly parts: Map<number, number>;
}

/** Every listing of this prefix has `listed` names in it, as many to a page as S3 has. */
export const ENDLESS = 'endless/';
const PAGE = 1000;
const ZEROS = Buffer.alloc(1024 ** 2);

export class CountingStore {
  readonly #server: Server;
  readonly objects = new Map<string, Stored>();
  readonly uploads = new Map<string, Upload>();
  /** Names under `ENDLESS`. */
  listed = 0;
  /** Bytes of bodies received. */
  received = 0;
  requests = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.requests += 1;
      this.#handle(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
  }

  static async start(): Promise<CountingStore> {
    const store = new CountingStore();
    await new Promise<void>((resolve) => store.#server.listen(0, '127.0.0.1', resolve));
    return store;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = new URL(request.url ?? '', 'http://s3');
    const key = decodeURIComponent(pathname.split('/').slice(2).join('/'));
    let length = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) length += chunk.length;
    this.received += length;
    const uploadId = query.get('uploadId');
    const upload = this.uploads.get(uploadId ?? '');
    const etag = `"${randomBytes(16).toString('hex')}"`;
    switch (request.method) {
      case 'HEAD':
      case 'GET':
        if (query.has('list-type')) xml(response, this.#list(query));
        else this.#object(request, response, key);
        return;
      case 'PUT':
        if (uploadId === null) this.objects.set(key, { size: length, etag, metadata: metadataOf(request) });
        else if (upload === undefined) {
          notFound(response);
          return;
        } else {
          const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(String(request.headers['x-amz-copy-source-range'])) ?? [];
          const size = last === undefined ? length : Number(last) + 1 - Number(first);
          upload.parts.set(Number(query.get('partNumber')), size);
          if (last !== undefined) {
            xml(response, `<CopyPartResult><ETag>${etag}</ETag></CopyPartResult>`);
            return;
          }
        }
        response.writeHead(200, { etag, 'content-length': 0 }).end();
        return;
      case 'POST': {
        if (query.has('uploads')) {
          const id = randomBytes(8).toString('hex');
          this.uploads.set(id, { key, metadata: metadataOf(request), parts: new Map() });
          xml(response, `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
          return;
        }
        if (upload === undefined || uploadId === null) {
          notFound(response);
          return;
        }
        const size = [...upload.parts.values()].reduce((sum, part) => sum + part, 0);
        this.objects.set(key, { size, etag, metadata: upload.metadata });
        this.uploads.delete(uploadId);
        xml(response, `<CompleteMultipartUploadResult><ETag>${etag}</ETag></CompleteMultipartUploadResult>`);
        return;
      }
      default:
        if (uploadId === null) this.objects.delete(key);
        else this.uploads.delete(uploadId);
        response.writeHead(204).end();
    }
  }

  #object(request: IncomingMessage, response: ServerResponse, key: string): void {
    const object = this.objects.get(key);
    if (object === undefined) return notFound(response);
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const from = Number(first ?? 0);
    const to = last === undefined ? object.size : Number(last) + 1;
    const headers: Record<string, string | number> = { etag: object.etag, 'content-length': to - from };
    for (const [name, value] of Object.entries(object.metadata)) headers[`x-amz-meta-${name}`] = value;
    response.writeHead(first === undefined ? 200 : 206, headers);
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    let left = to - from;
    const more = (): void => {
      while (left > 0) {
        const piece = left < ZEROS.length ? ZEROS.subarray(0, left) : ZEROS;
        left -= piece.length;
        if (!response.write(piece)) {
          response.once('drain', more);
          return;
        }
      }
      response.end();
    };
    more();
  }

  #list(query: URLSearchParams): string {
    const prefix = query.get('prefix') ?? '';
    const max = Math.min(PAGE, Number(query.get('max-keys') ?? PAGE));
    const from = Number(query.get('continuation-token') ?? 0);
    let keys: string[] = [];
    let more = false;
    if (prefix.endsWith(ENDLESS)) {
      const to = Math.min(this.listed, from + max);
      for (let i = from; i < to; i += 1) keys.push(`${prefix}name-${String(i).padStart(8, '0')}`);
      more = to < this.listed;
    } else {
      keys = [...this.objects.keys()]
        .filter((key) => key.startsWith(prefix))
        .sort()
        .slice(0, max);
    }
    const contents = keys.map(
      (key) =>
        `<Contents><Key>${encodeURIComponent(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>` +
        `<ETag>"0123456789abcdef0123456789abcdef"</ETag><Size>1000</Size></Contents>`,
    );
    const next = more ? `<NextContinuationToken>${from + max}</NextContinuationToken>` : '';
    return `<ListBucketResult><IsTruncated>${more}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`;
  }
}

function metadataOf(request: IncomingMessage): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (name.startsWith('x-amz-meta-')) metadata[name.slice('x-amz-meta-'.length)] = String(value);
  }
  return metadata;
}

function xml(response: ServerResponse, text: string): void {
  const body = Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>${text}`);
  response.writeHead(200, { 'content-type': 'application/xml', 'content-length': body.length }).end(body);
}

function notFound(response: ServerResponse): void {
  response.writeHead(404, { 'content-length': 0 }).end();
}
