// The rename of a directory beside other programs: what an earlier run has copied, and what is written while it is deleted.
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { S3Store } from '../../../../src/storage/s3/s3-store.ts';
import { FaultProxy } from '../../fault-proxy/fault-proxy.ts';
import { servers, TestBucket } from '../s3-server.ts';
import { storePath } from '../../store-path.ts';

/** Passes requests on, but for DeleteObjects, which `answer` answers from the request's body. */
async function answerDeletes(
  endpoint: string,
  answer: (body: string) => Promise<{ readonly status: number; readonly xml: string } | undefined>,
): Promise<{ readonly endpoint: string; close(): void }> {
  const { hostname, port } = new URL(endpoint);
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const { method, url: path, headers } = request;
      const forward = (): void => {
        httpRequest({ hostname, port, method, path, headers }, (from) => {
          response.writeHead(from.statusCode ?? 500, from.headers);
          from.pipe(response);
        }).end(body);
      };
      if (method !== 'POST' || !/[?&]delete/.test(path ?? '')) {
        forward();
        return;
      }
      void answer(body.toString()).then((own) => {
        if (own === undefined) forward();
        else response.writeHead(own.status, { 'content-type': 'application/xml' }).end(own.xml);
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

for (const { name, endpoint } of servers) {
  (endpoint === undefined ? describe.skip : describe)(`the rename of a directory on ${name}`, () => {
    let bucket: TestBucket;
    const opened: { close(): unknown }[] = [];

    beforeEach(async () => {
      bucket = await TestBucket.create(endpoint ?? '');
    });
    afterEach(async () => {
      for (const thing of opened.splice(0)) await thing.close();
      await bucket.destroy();
    });

    const open = async (through: string): Promise<S3Store> => {
      const retry = { attempts: 2, baseDelayMs: 1, maxDelayMs: 1 };
      const store = await S3Store.open(bucket.options({ endpoint: through, sweep: false, retry }));
      opened.push(store);
      return store;
    };
    const put = async (Key: string, Body: string, Metadata: Record<string, string> = {}) =>
      bucket.client.send(new PutObjectCommand({ Bucket: bucket.name, Key, Body, Metadata }));
    /** The same as `put`, with the ETag of an upload in parts. */
    const putInParts = async (Key: string, Body: string, Metadata: Record<string, string> = {}) => {
      const target = { Bucket: bucket.name, Key };
      const { UploadId } = await bucket.client.send(new CreateMultipartUploadCommand({ ...target, Metadata }));
      const { ETag } = await bucket.client.send(new UploadPartCommand({ ...target, UploadId, PartNumber: 1, Body }));
      const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
      await bucket.client.send(new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload }));
    };
    const text = async (Key: string) =>
      (await bucket.client.send(new GetObjectCommand({ Bucket: bucket.name, Key }))).Body?.transformToString();

    test('goes on where copies have other ETags, and stops at what is no copy', async () => {
      const proxy = await FaultProxy.start(endpoint ?? '');
      opened.push({ close: async () => proxy.stop() });
      const store = await open(proxy.endpoint);
      await put('from/a', 'content', { 'latticeport-upload': 'tag of a' });
      await put('from/b', 'content');
      const interrupt = async () => {
        proxy.decide = ({ operation }) =>
          operation === 'DeleteObjects' ? { kind: 'refuse', status: 500, code: 'InternalError' } : undefined;
        await expect(store.rename(storePath('from'), storePath('to'), { overwrite: false })).rejects.toMatchObject({
          code: 'unavailable',
        });
        proxy.reset();
      };
      await interrupt();
      expect(await bucket.keys('to/')).toEqual(['to/', 'to/a', 'to/b']);
      // As a store does that encrypts, or copies what came in parts.
      await putInParts('to/a', 'content', { 'latticeport-upload': 'tag of a' });
      // Another program’s, by chance as long.
      await putInParts('to/b', 'CONTENT');
      await expect(store.rename(storePath('from'), storePath('to'), { overwrite: false })).rejects.toMatchObject({
        code: 'exists',
      });
      expect(await text('to/b')).toBe('CONTENT');
      expect(await bucket.keys('from/')).toEqual(['from/a', 'from/b']);
      await bucket.client.send(new DeleteObjectCommand({ Bucket: bucket.name, Key: 'to/b' }));
      await store.rename(storePath('from'), storePath('to'), { overwrite: false });
      expect(await bucket.keys('from/')).toEqual([]);
      expect([await text('to/a'), await text('to/b')]).toEqual(['content', 'content']);
    });

    test('a version that is written right before the deletion is moved too, where the store heeds conditions', async () => {
      let written = false;
      const proxy = await answerDeletes(endpoint ?? '', async (body) => {
        if (!written) await put('from/b', 'a later version');
        written = true;
        let xml = '';
        for (const [, object = ''] of body.matchAll(/<Object>(.*?)<\/Object>/gs)) {
          const Key = /<Key>(.*?)<\/Key>/.exec(object)?.[1] ?? '';
          const wanted = /<ETag>(.*?)<\/ETag>/.exec(object)?.[1]?.replaceAll(/&quot;|&#34;|"/g, '');
          const { ETag } = await bucket.client.send(new HeadObjectCommand({ Bucket: bucket.name, Key }));
          if (wanted !== undefined && ETag?.replaceAll('"', '') !== wanted) {
            xml += `<Error><Key>${Key}</Key><Code>PreconditionFailed</Code><Message>x</Message></Error>`;
          } else await bucket.client.send(new DeleteObjectCommand({ Bucket: bucket.name, Key }));
        }
        return { status: 200, xml: `<DeleteResult>${xml}</DeleteResult>` };
      });
      opened.push(proxy);
      await put('from/a', 'a');
      await put('from/b', 'b');
      const store = await open(proxy.endpoint);
      await store.rename(storePath('from'), storePath('to'), { overwrite: false });
      expect(await bucket.keys('from/')).toEqual([]);
      expect([await text('to/a'), await text('to/b')]).toEqual(['a', 'a later version']);
    });

    test('a store that reads the request strictly is asked without the condition', async () => {
      const proxy = await answerDeletes(endpoint ?? '', async (body) =>
        Promise.resolve(
          body.includes('<ETag>') ? { status: 400, xml: '<Error><Code>MalformedXML</Code></Error>' } : undefined,
        ),
      );
      opened.push(proxy);
      await put('from/a', 'a');
      const store = await open(proxy.endpoint);
      await store.rename(storePath('from'), storePath('to'), { overwrite: false });
      expect(await bucket.keys('from/')).toEqual([]);
      expect(await text('to/a')).toBe('a');
    });
  });
}
