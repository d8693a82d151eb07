// Parts that come from the disk, against a server that answers before it has read them, and with a disk that fails.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { systemClock } from '../../../../src/storage/s3/clock.ts';
import { MultipartApi } from '../../../../src/storage/s3/multipart-api.ts';
import { AttributeMemory } from '../../../../src/storage/s3/attribute-memory.ts';
import { ObjectApi } from '../../../../src/storage/s3/object-api.ts';
import { Requester } from '../../../../src/storage/s3/requester.ts';
import { DEFAULT_RETRY } from '../../../../src/storage/s3/retry.ts';
import { S3Connections } from '../../../../src/storage/s3/s3-client.ts';

const BYTES = 20 * 1024 ** 2;
const UPLOAD = { key: 'k', uploadId: 'u' };

let answer: (request: IncomingMessage, response: ServerResponse) => void;
let server: Server;
let connections: S3Connections;
let multipart: MultipartApi;
let sockets = 0;

beforeEach(async () => {
  server = createServer((request, response) => {
    answer(request, response);
  });
  server.on('connection', (socket) => {
    sockets += 1;
    socket.on('close', () => (sockets -= 1));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  connections = new S3Connections({
    region: 'us-east-1',
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    forcePathStyle: true,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    maxSockets: 2,
    connectTimeoutMs: 30_000,
    idleTimeoutMs: 30_000,
  });
  const requester = new Requester('b', {
    ...DEFAULT_RETRY,
    attempts: 3,
    clock: systemClock,
    random: () => 0,
    events: () => undefined,
    renewCredentials: () => undefined,
    client: () => connections.client,
  });
  multipart = new MultipartApi(requester, new ObjectApi(requester, {}, new AttributeMemory()), {});
});

afterEach(async () => {
  connections.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function bodyOf(chunks: number): { readonly length: number; readonly open: () => Readable } {
  const read = async function* (): AsyncGenerator<Buffer> {
    for (let at = 0; at < BYTES / 65_536; at += 1) {
      if (at === chunks) throw Object.assign(new Error('i/o error, read'), { code: 'EIO' });
      yield await Promise.resolve(Buffer.alloc(65_536));
    }
  };
  return { length: BYTES, open: () => Readable.from(read(), { objectMode: false }) };
}

test('a part that the disk does not give back fails at once, and ends nothing but its upload', async () => {
  answer = (request) => {
    request.resume();
  };
  await expect(multipart.uploadPart(UPLOAD, 1, bodyOf(10))).rejects.toMatchObject({
    code: 'failure',
    detail: 'UploadPart: EIO: i/o error, read',
  });
  while (sockets > 0) await new Promise((resolve) => setImmediate(resolve));
}, 10_000);

test('an answer before the end of the part leaves no connection that waits for the rest', async () => {
  let requests = 0;
  answer = (request, response) => {
    requests += 1;
    request.once('data', () => {
      request.pause();
      response.writeHead(503).end('<Error><Code>SlowDown</Code></Error>');
    });
  };
  // More of them than there may be connections: each would wait until one times out.
  for (let i = 0; i < 3; i += 1) {
    await expect(multipart.uploadPart(UPLOAD, 1, bodyOf(Infinity))).rejects.toMatchObject({ code: 'unavailable' });
  }
  expect(requests).toBe(9);
}, 10_000);

test('a whole part leaves its connection for the next', async () => {
  let made = 0;
  server.on('connection', () => (made += 1));
  answer = (request, response) => {
    request.resume();
    request.once('end', () => response.writeHead(200, { etag: '"e"' }).end());
  };
  for (let i = 0; i < 3; i += 1) {
    expect(await multipart.uploadPart(UPLOAD, 1, bodyOf(Infinity))).toEqual({ number: 1, etag: '"e"' });
  }
  expect(made).toBe(1);
});
