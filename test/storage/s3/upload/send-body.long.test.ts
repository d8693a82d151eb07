// Parts that come from the disk, against a server that answers before it has read them, and with a disk that fails.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { systemClock } from '../../../../src/storage/flow/clock.ts';
import { MultipartApi } from '../../../../src/storage/s3/api/multipart-api.ts';
import { AttributeMemory } from '../../../../src/storage/s3/api/attribute-memory.ts';
import { ObjectApi } from '../../../../src/storage/s3/api/object-api.ts';
import { Requester } from '../../../../src/storage/s3/api/requester.ts';
import { DEFAULT_RETRY } from '../../../../src/storage/s3/api/retry.ts';
import { S3Connections, type ChecksumMode } from '../../../../src/storage/s3/api/s3-client.ts';

const BYTES = 20 * 1024 ** 2;
const UPLOAD = { key: 'k', uploadId: 'u' };

let answer: (request: IncomingMessage, response: ServerResponse) => void;
let server: Server;
let connections: S3Connections;
let multipart: MultipartApi;
let objects: ObjectApi;
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
  connect('WHEN_REQUIRED');
});

function connect(requestChecksumCalculation: ChecksumMode): void {
  connections = new S3Connections({
    requestChecksumCalculation,
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
  objects = new ObjectApi(requester, {}, new AttributeMemory({ storeTime: Date.now, isHidden: () => false }));
  multipart = new MultipartApi(requester, objects, {});
}

afterEach(async () => {
  connections.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** A file that gives so many chunks back, from the reading number `from` on. */
function bodyOf(chunks: number, from = 1): { readonly length: number; readonly open: () => Readable } {
  let readings = 0;
  const read = async function* (): AsyncGenerator<Buffer> {
    readings += 1;
    const limit = readings >= from ? chunks : Infinity;
    for (let at = 0; at < BYTES / 65_536; at += 1) {
      if (at === limit) throw Object.assign(new Error('i/o error, read'), { code: 'EIO' });
      yield await Promise.resolve(Buffer.alloc(65_536));
    }
  };
  return { length: BYTES, open: () => Readable.from(read(), { objectMode: false }) };
}

// First it is read for its digest, then to be sent.
test.each([1, 2])(
  'a part that the disk does not give back at reading %i fails at once, by itself',
  async (reading) => {
    answer = (request) => {
      request.resume();
    };
    await expect(multipart.uploadPart(UPLOAD, 1, bodyOf(10, reading))).rejects.toMatchObject({
      code: 'failure',
      detail: 'UploadPart: EIO: i/o error, read',
    });
    while (sockets > 0) await new Promise((resolve) => setImmediate(resolve));
  },
  10_000,
);

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

test.each(['WHEN_REQUIRED', 'WHEN_SUPPORTED'] as const)(
  'every part and small object has a checksum that the store checks: %s',
  async (requestChecksumCalculation) => {
    connect(requestChecksumCalculation);
    const seen: IncomingMessage['headers'][] = [];
    answer = (request, response) => {
      seen.push(request.headers);
      request.resume();
      request.once('end', () => response.writeHead(200, { etag: '"e"' }).end());
    };
    const memory = Buffer.from('some bytes');
    await multipart.uploadPart(UPLOAD, 1, memory);
    await objects.put('k', memory, { metadata: {} }, { exclusive: false });
    await multipart.uploadPart(UPLOAD, 1, bodyOf(Infinity));
    const digests = [memory, memory, Buffer.alloc(BYTES)].map((body) =>
      createHash('sha256').update(body).digest('hex'),
    );
    const sent = seen.map((headers) => headers['x-amz-content-sha256']);
    if (requestChecksumCalculation === 'WHEN_REQUIRED') expect(sent).toEqual(digests);
    else {
      expect(sent).toEqual([...digests.slice(0, 2), 'STREAMING-UNSIGNED-PAYLOAD-TRAILER']);
      expect(seen[2]?.['x-amz-trailer']).toBe('x-amz-checksum-crc32');
    }
  },
);
