// Answers to ListObjectsV2 that are no listings, or not whole ones: a directory must not look empty because of them.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { S3Store } from '../../../../src/storage/s3/s3-store.ts';
import { storePath } from '../../store-path.ts';

const listing = (inner: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</ListBucketResult>`;
const FILE = '<Contents><Key>a</Key><Size>1</Size></Contents>';

const open = async (server: Server): Promise<S3Store> =>
  S3Store.open({
    bucket: 'b',
    region: 'us-east-1',
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    forcePathStyle: true,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    sweep: false,
    retry: { attempts: 2, baseDelayMs: 1, maxDelayMs: 1 },
  });

describe('what a store answers to a listing', () => {
  let body = '';
  let server: Server;
  let store: S3Store;

  beforeAll(async () => {
    server = createServer((request, response) => {
      request.resume();
      response.end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    store = await open(server);
  });

  afterAll(async () => {
    await store.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const names = async (answer: string): Promise<string[]> => {
    body = answer;
    const found: string[] = [];
    for await (const page of store.list(storePath(''))) {
      found.push(...page.map(({ name }) => name));
      if (found.length > 10) break;
    }
    return found;
  };

  test.each([
    ['nothing', ''],
    ['text', 'x'],
    ['a declaration', '<?xml version="1.0"?>'],
    ["a proxy's page", '<html><body>Sign in</body></html>'],
    ['an error', '<Error><Code>InternalError</Code></Error>'],
    ['the beginning of a listing', listing(FILE).slice(0, -1)],
    ['another name space', listing(FILE).replaceAll('ListBucketResult', 's:ListBucketResult')],
    ['a page with no token for the next', listing(`<IsTruncated>true</IsTruncated>${FILE}`)],
    [
      'a page with an empty token',
      listing(`<IsTruncated>true</IsTruncated><NextContinuationToken></NextContinuationToken>${FILE}`),
    ],
    [
      'a page with an empty element as token',
      listing(`<IsTruncated>true</IsTruncated><NextContinuationToken/>${FILE}`),
    ],
  ])('%s is a failure of the store', async (_, answer) => {
    await expect(names(answer)).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('a page that is larger than any of S3 is neither read to its end nor asked for again', async () => {
    const page = listing(FILE.repeat(1000));
    const chunk = Buffer.alloc(1024 ** 2, ' ');
    let sent = 0;
    let requests = 0;
    const endless = createServer((request, response) => {
      request.resume();
      requests += 1;
      response.write(page.slice(0, -'</ListBucketResult>'.length));
      const more = (): void => {
        do sent += chunk.length;
        while (response.write(chunk) && sent < 512 * chunk.length);
        if (sent >= 512 * chunk.length) response.end('</ListBucketResult>');
      };
      response.on('drain', more);
      response.on('error', () => undefined);
      more();
    });
    await new Promise<void>((resolve) => endless.listen(0, '127.0.0.1', resolve));
    const other = await open(endless);
    try {
      await expect(other.list(storePath(''))[Symbol.asyncIterator]().next()).rejects.toMatchObject({
        name: 'StorageError',
        code: 'failure',
        detail: 'ListObjectsV2: more than 16777216 bytes',
      });
      expect(requests).toBe(1);
      expect(sent).toBeLessThan(64 * chunk.length);
    } finally {
      await other.close();
      endless.closeAllConnections();
      await new Promise((resolve) => endless.close(resolve));
    }
  });

  test('a page of the longest keys is far below that', async () => {
    // 1,024 bytes, three characters each in the URL encoding, and all that S3 says about an object.
    const key = (i: number) =>
      String(i)
        .padStart(6, '0')
        .padEnd(1024 * 3, '%C3%A4');
    const contents = Array.from(
      { length: 1000 },
      (_, i) =>
        `<Contents><Key>${key(i)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>` +
        `<ETag>&quot;${'e'.repeat(32)}-10000&quot;</ETag><Size>5497558138880</Size><StorageClass>STANDARD</StorageClass>` +
        `<Owner><ID>${'f'.repeat(64)}</ID><DisplayName>${'d'.repeat(255)}</DisplayName></Owner></Contents>`,
    );
    const page = listing(`<EncodingType>url</EncodingType>${contents.join('')}`);
    expect(page.length).toBeLessThan(8 * 1024 ** 2);
    await names(page);
  });

  test.each([
    ['no names', listing(''), []],
    ['a root that is empty', '<ListBucketResult/>', []],
    ['names', listing(FILE), ['a']],
    ['a comment', listing(`<!-- x -->${FILE}`), ['a']],
    ['a sign of greater in an attribute', listing('<Contents><Key a="x>y">a</Key></Contents>'), ['a']],
    ['half a character', listing(`<Contents><Key>&#xD800;</Key></Contents>${FILE}`), ['a']],
  ])('a listing with %s is one', async (_, answer, expected) => {
    expect(await names(answer)).toEqual(expected);
  });
});
