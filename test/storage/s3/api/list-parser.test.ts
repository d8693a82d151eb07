import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseListing } from '../../../../src/storage/s3/api/list-parser.ts';

const answer = (inner: string, encoding = '<EncodingType>url</EncodingType>') =>
  Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>p/</Prefix>${encoding}${inner}</ListBucketResult>`,
  );

describe('an answer to ListObjectsV2', () => {
  test('is read with everything that stores put into it', () => {
    const page = parseListing(
      answer(`<KeyCount>3</KeyCount><MaxKeys>3</MaxKeys><Delimiter>%2F</Delimiter><IsTruncated>true</IsTruncated>
        <NextContinuationToken>1/a&amp;b&#43;c&#x3D;</NextContinuationToken>
        <Contents>
          <Key>p/a+b%2Bc%20%F0%9F%A7%AA</Key><LastModified>2026-11-25T02:43:06.928Z</LastModified>
          <ETag>&quot;9dd4e461268c8034f5c8564e155c67a6&quot;</ETag><Size>5497558138880</Size>
          <Owner><ID>test</ID><DisplayName>test</DisplayName></Owner><StorageClass>STANDARD</StorageClass>
          <ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress></RestoreStatus>
        </Contents>
        <Contents><Key>p/%FF</Key><Size>1</Size></Contents>
        <CommonPrefixes><Prefix>p/d%2F</Prefix></CommonPrefixes>`),
    );
    expect(page).toEqual({
      objects: [
        {
          key: 'p/a b+c 🧪',
          size: 5_497_558_138_880,
          etag: '"9dd4e461268c8034f5c8564e155c67a6"',
          lastModified: 1_795_574_586,
        },
      ],
      prefixes: ['p/d/'],
      count: 3,
      next: '1/a&b+c=',
    });
  });

  test('may be empty', () => {
    const empty = { objects: [], prefixes: [], count: 0, next: undefined };
    expect(parseListing(answer('<IsTruncated>false</IsTruncated>'))).toEqual(empty);
    expect(parseListing(answer('<Contents/>'.slice(0, 0) + '<StartAfter/>'))).toEqual(empty);
  });

  test('without encoding has its keys as they are', () => {
    expect(parseListing(answer('<Contents><Key>p/a+b%20c &lt;é</Key></Contents>', ''))?.objects[0]?.key).toBe(
      'p/a+b%20c <é',
    );
  });

  test.each([
    '<!-- a comment --><IsTruncated>false</IsTruncated>',
    '<Contents><Key><![CDATA[x]]></Key></Contents>',
    '<Contents><Contents><Key>x</Key></Contents></Contents>',
    '<Contents><Key>x</Contents></Key>',
    '<Contents><Key>x</Key>',
    '<IsTruncated>true</IsTruncated>',
    '<IsTruncated>true</IsTruncated><NextContinuationToken></NextContinuationToken>',
    '<Contents><Key>x',
    '<Contents><Key a=">">x</Key></Contents>',
  ])('that it does not know is left to the SDK: %p', (inner) => {
    expect(parseListing(answer(inner))).toBeUndefined();
  });

  test('that is an error, a page or nothing at all is not read as a listing', () => {
    const texts = [
      '',
      'x',
      '<html><body>hi</body></html>',
      '<Error><Code>SlowDown</Code></Error>',
      '<',
      '<a',
      '<?xml?>',
    ];
    for (const text of texts) expect(parseListing(Buffer.from(text))).toBeUndefined();
    expect(parseListing(Buffer.concat([answer(''), answer('')]))).toBeUndefined();
  });

  test('is read totally, whatever bytes come', () => {
    const piece = fc.constantFrom(
      '<',
      '>',
      '/',
      'Contents',
      'Key',
      '</Key>',
      '<Key>',
      '<Contents>',
      '</Contents>',
      '&lt;',
      '&#x110000;',
      '\u0000',
      'é',
      '<ListBucketResult>',
      '</ListBucketResult>',
      ' ',
      '?',
      '!',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        parseListing(Buffer.from(pieces.join('')));
        parseListing(answer(pieces.join('')));
      }),
      { numRuns: 3_000 },
    );
  });
});
