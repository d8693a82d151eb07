// A stand-in for an S3 server, for what no real one on a test machine can take: it counts bytes and forgets them, and lists
// names that nobody stored. A program of its own, so that its memory is not that of what is measured.
//
//   node s3-double.ts       prints {"port": N}
//
// Objects keep their size and metadata; those of up to 64 KiB their bytes too. Every bucket is the same one. Under
// `many-N/` there are N names, 1,000 a page. `/-/hold` lets everything that brings bytes wait for its answer until
// `/-/release`; `/-/state` tells the counts; `/-/latency?request=MS&page=MS` makes answers late, as those of a far store are.
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const KEPT_BYTES = 64 * 1024;
const PAGE = 1000;

interface StoredObject {
  readonly size: number;
  readonly etag: string;
  readonly modified: Date;
  readonly metadata: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

interface Upload {
  readonly key: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly parts: Map<number, number>;
}

export interface DoubleState {
  /** Bytes of bodies received. */
  readonly bytes: number;
  readonly objects: number;
  /** Multipart uploads that have not ended. */
  readonly uploads: number;
  /** Requests that wait for `/-/release`. */
  readonly held: number;
}

const objects = new Map<string, StoredObject>();
const uploads = new Map<string, Upload>();
let bytes = 0;
let latency = { request: 0, page: 0 };
let holding = false;
const held: (() => void)[] = [];

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  handle(request, response).catch((error: unknown) => {
    if (!response.headersSent) fail(response, 500, 'InternalError', String(error));
    else response.destroy();
  });
});
server.requestTimeout = 0;
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ port: (server.address() as AddressInfo).port }));
});

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://double');
  const [bucket = '', ...rest] = url.pathname.slice(1).split('/').map(decodeURIComponent);
  const key = rest.join('/');
  const query = url.searchParams;
  if (bucket === '-') {
    control(key, query, response);
    return;
  }
  switch (request.method) {
    case 'PUT':
      await put(request, response, key, query);
      return;
    case 'POST':
      await post(request, response, key, query);
      return;
    case 'HEAD':
    case 'GET':
      await delay(key === '' && !query.has('max-keys') ? latency.page : latency.request);
      if (key === '') list(response, query);
      else get(request.method, response, key);
      return;
    case 'DELETE':
      await delay(latency.request);
      if (query.has('uploadId')) uploads.delete(query.get('uploadId') ?? '');
      else objects.delete(key);
      response.writeHead(204).end();
      return;
    default:
      fail(response, 405, 'MethodNotAllowed', '');
  }
}

function control(command: string, query: URLSearchParams, response: ServerResponse): void {
  if (command === 'hold') holding = true;
  if (command === 'release') {
    holding = false;
    for (const resolve of held.splice(0)) resolve();
  }
  if (command === 'latency') latency = { request: Number(query.get('request')), page: Number(query.get('page')) };
  const state: DoubleState = { bytes, objects: objects.size, uploads: uploads.size, held: held.length };
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(state));
}

async function put(
  request: IncomingMessage,
  response: ServerResponse,
  key: string,
  query: URLSearchParams,
): Promise<void> {
  const kept: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= KEPT_BYTES) kept.push(chunk);
  }
  bytes += size;
  await delay(latency.request);
  if (holding && size > KEPT_BYTES) await new Promise<void>((resolve) => held.push(resolve));
  const etag = `"${createHash('md5').update(`${key} ${size}`).digest('hex')}"`;
  if (query.has('partNumber')) {
    const upload = uploads.get(query.get('uploadId') ?? '');
    if (upload === undefined) {
      fail(response, 404, 'NoSuchUpload', '');
      return;
    }
    upload.parts.set(Number(query.get('partNumber')), size);
  } else {
    if (request.headers['if-none-match'] === '*' && objects.has(key)) {
      fail(response, 412, 'PreconditionFailed', '');
      return;
    }
    const body = size <= KEPT_BYTES ? Buffer.concat(kept) : undefined;
    objects.set(key, { size, etag, modified: new Date(), metadata: metadataOf(request), body });
  }
  response.writeHead(200, { etag, 'content-length': 0 }).end();
}

async function post(
  request: IncomingMessage,
  response: ServerResponse,
  key: string,
  query: URLSearchParams,
): Promise<void> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8') as AsyncIterable<string>) body += chunk;
  await delay(latency.request);
  if (query.has('delete')) {
    const names = [...body.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, name = '']) => name);
    for (const name of names) objects.delete(unescaped(name));
    xml(
      response,
      `<DeleteResult>${names.map((name) => `<Deleted><Key>${name}</Key></Deleted>`).join('')}</DeleteResult>`,
    );
    return;
  }
  if (query.has('uploads')) {
    const id = randomBytes(8).toString('hex');
    uploads.set(id, { key, metadata: metadataOf(request), parts: new Map() });
    xml(
      response,
      `<InitiateMultipartUploadResult><Bucket>double</Bucket><Key>${escape(key)}</Key><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
    );
    return;
  }
  const id = query.get('uploadId') ?? '';
  const upload = uploads.get(id);
  if (upload === undefined) {
    fail(response, 404, 'NoSuchUpload', '');
    return;
  }
  uploads.delete(id);
  const size = [...upload.parts.values()].reduce((sum, part) => sum + part, 0);
  const etag = `"${createHash('md5').update(id).digest('hex')}-${upload.parts.size}"`;
  objects.set(key, { size, etag, modified: new Date(), metadata: upload.metadata, body: undefined });
  xml(
    response,
    `<CompleteMultipartUploadResult><Key>${escape(key)}</Key><ETag>${escape(etag)}</ETag></CompleteMultipartUploadResult>`,
  );
}

function get(method: string, response: ServerResponse, key: string): void {
  const object = objects.get(key);
  if (object === undefined) {
    fail(response, 404, method === 'HEAD' ? '' : 'NoSuchKey', '');
    return;
  }
  const metadata = Object.entries(object.metadata).map(([name, value]) => [`x-amz-meta-${name}`, value]);
  const headers = {
    etag: object.etag,
    'last-modified': object.modified.toUTCString(),
    'content-length': object.size,
    ...(Object.fromEntries(metadata) as Record<string, string>),
  };
  if (method === 'GET' && object.body === undefined) fail(response, 500, 'InternalError', 'its bytes were not kept');
  else response.writeHead(200, headers).end(method === 'GET' ? object.body : undefined);
}

function list(response: ServerResponse, query: URLSearchParams): void {
  if (query.has('uploads')) {
    const entries = [...uploads].map(
      ([id, { key }]) =>
        `<Upload><Key>${escape(key)}</Key><UploadId>${id}</UploadId><Initiated>${new Date().toISOString()}</Initiated></Upload>`,
    );
    xml(
      response,
      `<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>${entries.join('')}</ListMultipartUploadsResult>`,
    );
    return;
  }
  const prefix = query.get('prefix') ?? '';
  const limit = Math.min(PAGE, Number(query.get('max-keys') ?? PAGE));
  const from = Number(query.get('continuation-token') ?? 0);
  const total = Number(/(?:^|\/)many-(\d+)\/$/.exec(prefix)?.[1] ?? 0);
  const real = total > 0 ? [] : [...objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  const { contents, prefixes } =
    total > 0 ? invented(prefix, from, Math.min(limit, total - from)) : stored(real, query);
  const more = total > 0 && from + limit < total;
  xml(
    response,
    `<ListBucketResult><Prefix>${encode(prefix)}</Prefix><EncodingType>url</EncodingType>` +
      `<KeyCount>${contents.length + prefixes.length}</KeyCount><MaxKeys>${limit}</MaxKeys><IsTruncated>${more}</IsTruncated>` +
      (more ? `<NextContinuationToken>${from + limit}</NextContinuationToken>` : '') +
      `${contents.join('')}${prefixes.join('')}</ListBucketResult>`,
  );
}

function invented(prefix: string, from: number, count: number): { contents: string[]; prefixes: string[] } {
  const contents = Array.from({ length: Math.max(0, count) }, (_, index) =>
    entry(
      `${prefix}file-${String(from + index).padStart(9, '0')}.dat`,
      from + index,
      '"00000000000000000000000000000000"',
    ),
  );
  return { contents, prefixes: [] };
}

function stored(keys: readonly string[], query: URLSearchParams): { contents: string[]; prefixes: string[] } {
  const prefix = query.get('prefix') ?? '';
  const contents: string[] = [];
  const prefixes = new Set<string>();
  for (const key of keys) {
    const slash = query.has('delimiter') ? key.indexOf('/', prefix.length) : -1;
    if (slash === -1) contents.push(entry(key, objects.get(key)?.size ?? 0, objects.get(key)?.etag ?? ''));
    else prefixes.add(key.slice(0, slash + 1));
  }
  return {
    contents,
    prefixes: [...prefixes].map((name) => `<CommonPrefixes><Prefix>${encode(name)}</Prefix></CommonPrefixes>`),
  };
}

function entry(key: string, size: number, etag: string): string {
  return (
    `<Contents><Key>${encode(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>${escape(etag)}</ETag>` +
    `<Size>${size}</Size><StorageClass>STANDARD</StorageClass></Contents>`
  );
}

function metadataOf(request: IncomingMessage): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (name.startsWith('x-amz-meta-') && typeof value === 'string') metadata[name.slice('x-amz-meta-'.length)] = value;
  }
  return metadata;
}

function xml(response: ServerResponse, body: string): void {
  const text = `<?xml version="1.0" encoding="UTF-8"?>${body}`;
  response.writeHead(200, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(text) }).end(text);
}

function fail(response: ServerResponse, status: number, code: string, message: string): void {
  const body = code === '' ? '' : `<Error><Code>${code}</Code><Message>${escape(message)}</Message></Error>`;
  response.writeHead(status, { 'content-type': 'application/xml' }).end(body);
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function unescaped(text: string): string {
  return text.replaceAll('&quot;', '"').replaceAll('&gt;', '>').replaceAll('&lt;', '<').replaceAll('&amp;', '&');
}

function encode(key: string): string {
  return encodeURIComponent(key).replaceAll('%2F', '/');
}
