// Answers to ListObjectsV2 that are no listings, or not whole ones: a directory must not look empty because of them.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { S3Store } from '../../../src/storage/s3/s3-store.ts';

const listing = (inner: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</ListBucketResult>`;
const FILE = '<Contents><Key>a</Key><Size>1</Size></Contents>';

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
    store = await S3Store.open({
      bucket: 'b',
      region: 'us-east-1',
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      forcePathStyle: true,
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      sweep: false,
      retry: { attempts: 2, baseDelayMs: 1, maxDelayMs: 1 },
    });
  });

  afterAll(async () => {
    await store.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const names = async (answer: string): Promise<string[]> => {
    body = answer;
    const found: string[] = [];
    for await (const page of store.list('')) {
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
