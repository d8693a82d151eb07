import { Readable } from 'node:stream';
import type { ListObjectsV2Command, ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { StorageError } from '../../object-store.ts';
import { parseListing, type ListedObject, type ListPage } from './list-parser.ts';
import { decodeListedKey, plainKey } from './listed-key.ts';

const NO_LISTING = Buffer.from('<?xml version="1.0" encoding="UTF-8"?><ListBucketResult></ListBucketResult>');

/** A page of 1,000 keys of 1,024 bytes, percent-encoded, with owners and checksums, is a third of it. */
const MAX_ANSWER_BYTES = 16 * 1024 ** 2;

const LISTING_ROOT = /<ListBucketResult[\s/>]/;

/**
 * Reads the answer before the SDK does, which is given an empty one if that was possible. The SDK takes a body that is
 * empty or some page of a proxy for a listing of nothing: the function that is returned throws SyntaxError for it. One of
 * more than 16 MiB is not read to its end: then the request throws StorageError.
 */
export function interceptListing(command: ListObjectsV2Command): () => ListPage | undefined {
  let page: ListPage | undefined;
  let isListing = true;
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const response = result.response as { readonly statusCode: number; body: unknown };
      if (response.statusCode !== 200 || !(response.body instanceof Readable)) return result;
      const xml = await readAnswer(response.body);
      page = parseListing(xml);
      isListing = page !== undefined || LISTING_ROOT.test(xml.toString('latin1'));
      response.body = page === undefined ? Readable.from([xml]) : Readable.from([NO_LISTING]);
      return result;
    },
    { step: 'deserialize', priority: 'low', name: 'latticeportListing' },
  );
  return () => {
    if (!isListing) throw new SyntaxError('ListObjectsV2 without a listing');
    return page;
  };
}

async function readAnswer(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) {
      throw new StorageError('failure', 'The storage answered with a listing that is too large.', {
        detail: `ListObjectsV2: more than ${MAX_ANSWER_BYTES} bytes`,
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/** The page as the SDK has read it. */
export function listPage(answer: ListObjectsV2CommandOutput): ListPage {
  if (answer.IsTruncated === true && (answer.NextContinuationToken ?? '') === '') {
    throw new SyntaxError('ListObjectsV2 with a page that has no next one');
  }
  const decode = answer.EncodingType === 'url' ? decodeListedKey : plainKey;
  const objects: ListedObject[] = [];
  for (const item of answer.Contents ?? []) {
    const key = decode(item.Key ?? '');
    if (key === undefined || key === '') continue;
    objects.push({
      key,
      size: item.Size ?? 0,
      etag: item.ETag ?? '',
      lastModified: Math.floor((item.LastModified?.getTime() ?? 0) / 1000),
    });
  }
  const prefixes: string[] = [];
  for (const item of answer.CommonPrefixes ?? []) {
    const prefix = decode(item.Prefix ?? '');
    if (prefix !== undefined && prefix !== '') prefixes.push(prefix);
  }
  return {
    objects,
    prefixes,
    count: (answer.Contents?.length ?? 0) + (answer.CommonPrefixes?.length ?? 0),
    next: answer.IsTruncated === true ? answer.NextContinuationToken : undefined,
  };
}
