// What happens where another client, or the end of a session, comes between two requests of an upload or a rename.
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { OpenWriteOptions } from '../../../src/storage/object-store.ts';
import { S3Store } from '../../../src/storage/s3/s3-store.ts';
import { PartBuffers } from '../../../src/storage/s3/upload/part-buffers.ts';
import { servers, TestBucket } from './s3-server.ts';
import { storePath } from '../store-path.ts';

const MIB = 1024 ** 2;
const PART = 5 * MIB;
const OVERWRITE: OpenWriteOptions = {
  create: true,
  exclusive: false,
  truncate: true,
  append: false,
  read: false,
  attributes: {},
};

/** Runs `before` with every request, and sends it on when that has ended. */
async function interpose(
  endpoint: string,
  before: (request: IncomingMessage) => Promise<void>,
): Promise<{ readonly endpoint: string; close(): void }> {
  const { hostname, port } = new URL(endpoint);
  const server = createServer((request, response) => {
    const body: Buffer[] = [];
    request.on('data', (chunk: Buffer) => body.push(chunk));
    request.on('end', () => {
      void before(request).then(() => {
        const { method, url: path, headers } = request;
        httpRequest({ hostname, port, method, path, headers }, (answer) => {
          response.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(response);
        }).end(Buffer.concat(body));
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

for (const { name, endpoint, missing } of servers) {
  if (endpoint === undefined) {
    describe(`other writers on ${name}`, () => {
      test.skip(missing ?? '', () => undefined);
    });
    continue;
  }
  describe(`other writers on ${name}`, () => {
    let bucket: TestBucket;
    let store: S3Store;
    let between: (request: IncomingMessage) => Promise<void>;
    let proxy: { readonly endpoint: string; close(): void };

    beforeEach(async () => {
      bucket = await TestBucket.create(endpoint);
      between = () => Promise.resolve();
      proxy = await interpose(endpoint, (request) => between(request));
      store = await S3Store.open(bucket.options({ partBytes: PART, endpoint: proxy.endpoint }));
    });
    afterEach(async () => {
      await store.close();
      proxy.close();
      await bucket.destroy();
    });

    const put = async (Key: string, Body: Buffer): Promise<void> => {
      await bucket.client.send(new PutObjectCommand({ Bucket: bucket.name, Key, Body }));
    };
    const get = async (Key: string): Promise<Buffer> => {
      const { Body } = await bucket.client.send(new GetObjectCommand({ Bucket: bucket.name, Key }));
      return Buffer.from((await Body?.transformToByteArray()) ?? []);
    };

    test('a file that replaces ours before its last bytes are patched in is not mixed with it', async () => {
      const theirs = Buffer.alloc(12 * MIB, 'B');
      let completed = false;
      between = async (request) => {
        if (request.method === 'POST' && request.url?.includes('uploadId=') === true) completed = true;
        else if (request.method === 'HEAD' && completed) {
          between = () => Promise.resolve();
          await put('file', theirs);
        }
      };
      const file = await store.openWrite(storePath('file'), OVERWRITE);
      for (let at = 0; at < 12 * MIB; at += MIB) await file.write(at, [Buffer.alloc(MIB, 'A')]);
      await file.write(0, [Buffer.from('header')]);
      await expect(file.close()).rejects.toMatchObject({ code: 'changed' });
      expect((await get('file')).equals(theirs)).toBe(true);
      expect(await bucket.keys('.latticeport/kept')).toEqual([]);
    });

    test('a rename that must not overwrite leaves a target that appears in the meantime', async () => {
      await put('from', Buffer.from('ours'));
      let conditional = false;
      between = async (request) => {
        if (request.headers['x-amz-copy-source'] === undefined) return;
        between = () => Promise.resolve();
        conditional = true;
        await put('to', Buffer.from('theirs'));
      };
      const outcome = await store
        .rename(storePath('from'), storePath('to'), { overwrite: false })
        .catch((error: unknown) => error);
      expect(conditional).toBe(true);
      if (outcome === undefined) {
        // This server's CopyObject does not know the condition: the last to write wins.
        expect((await get('to')).toString()).toBe('ours');
        return;
      }
      expect(outcome).toMatchObject({ code: 'exists' });
      expect((await get('to')).toString()).toBe('theirs');
      expect((await get('from')).toString()).toBe('ours');
    });

    test.each([
      ['cut off, small', 1000, 100],
      ['cut off, and small then', 6 * MIB, MIB],
      ['cut off, large', 14 * MIB, 12 * MIB],
      ['filled up', 1000, 8 * MIB],
    ])('a file that is replaced while its path is %s stays the other writer’s', async (_name, before, size) => {
      await put('file', Buffer.alloc(before, 1));
      const theirs = Buffer.alloc(2000, 'B');
      let replaced = false;
      between = async (request) => {
        if (request.method !== 'PUT' || replaced || request.url?.includes('.latticeport') === true) return;
        replaced = true;
        await put('file', theirs);
      };
      await expect(store.truncate(storePath('file'), size)).rejects.toMatchObject({ code: 'changed' });
      expect(replaced).toBe(true);
      expect((await get('file')).equals(theirs)).toBe(true);
      expect(await bucket.uploads()).toEqual([]);
    });

    test('a changed file of one part whose bytes come from the stored one is not stored over a later one', async () => {
      await put('file', Buffer.alloc(6 * MIB, 1));
      const theirs = Buffer.alloc(2000, 'B');
      const file = await store.openWrite(storePath('file'), { ...OVERWRITE, truncate: false, read: true });
      await file.write(0, [Buffer.from('header')]);
      await file.truncate(5 * MIB);
      between = async (request) => {
        if (request.method !== 'PUT') return;
        between = () => Promise.resolve();
        await put('file', theirs);
      };
      await expect(file.close()).rejects.toMatchObject({ code: 'changed' });
      expect((await get('file')).equals(theirs)).toBe(true);
    });

    test('an append that is interrupted while it waits for memory ends there', async () => {
      const uploadBuffers = new PartBuffers(4 * PART);
      const small = await S3Store.open(bucket.options({ partBytes: PART, uploadBuffers, sweep: false }));
      const signal = new AbortController().signal;
      const others = [await uploadBuffers.acquire(2 * PART, signal), await uploadBuffers.acquire(PART, signal)];
      await put('log', Buffer.from('before '));
      const file = await small.openWrite(storePath('log'), { ...OVERWRITE, truncate: false, append: true });
      await file.write(0, [Buffer.from('one ')]);
      const writes = [file.write(0, [Buffer.alloc(MIB, '2')]), file.write(0, [Buffer.from('three ')])];
      const outcomes = Promise.allSettled(writes);
      expect(await file.abandon()).toBe('stored');
      expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      expect((await get('log')).toString()).toBe('before one ');
      for (const { release } of others) release();
      await small.close();
    });

    test.each([
      ['written on behind what was sent', 7 * MIB, 11 * MIB],
      ['written on a little', 7 * MIB, MIB],
      ['left so', 7 * MIB, 0],
      ['emptied and written on', 0, 18 * MIB],
    ])('a file cut off inside parts that were sent, then %s', async (_name, cut, more) => {
      const file = await store.openWrite(storePath('file'), OVERWRITE);
      for (let at = 0; at < 16 * MIB; at += MIB) await file.write(at, [Buffer.alloc(MIB, 1)]);
      await file.truncate(cut);
      for (let at = cut; at < cut + more; at += MIB) await file.write(at, [Buffer.alloc(MIB, 2)]);
      await file.close();
      expect((await get('file')).equals(Buffer.concat([Buffer.alloc(cut, 1), Buffer.alloc(more, 2)]))).toBe(true);
    });

    test.each([0, MIB, PART, PART + 1, 6 * MIB])('a file that was synced and then cut off at %i bytes', async (cut) => {
      const file = await store.openWrite(storePath('file'), OVERWRITE);
      for (let at = 0; at < 6 * MIB; at += MIB) await file.write(at, [Buffer.alloc(MIB, 1)]);
      await file.write(6 * MIB, [Buffer.alloc(10, 1)]);
      await file.sync();
      await file.truncate(cut);
      await file.close();
      expect((await get('file')).equals(Buffer.alloc(cut, 1))).toBe(true);
    });
  });
}
