import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { probeBucket, type BucketProblem } from '../../../../src/storage/s3/api/probe-bucket.ts';
import { freePort } from '../../../peers/process.ts';
import { AnsweringStore, type StoreAnswer } from '../answering-store.ts';
import { credentials, region, TestBucket } from '../s3-server.ts';

const KEYS = { accessKeyId: 'AKIATEST', secretAccessKey: 'secret' };

let store: AnsweringStore;

beforeAll(async () => {
  store = await AnsweringStore.start('listing');
});

afterAll(async () => {
  await store.stop();
});

async function probe(endpoint = store.endpoint, idleTimeoutMs?: number): Promise<BucketProblem | null> {
  return probeBucket({
    bucket: 'some-bucket',
    prefix: 'in/',
    region: 'eu-west-1',
    endpoint,
    forcePathStyle: true,
    credentials: KEYS,
    ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
  });
}

test('a store that answers is asked once, for one name under the prefix', async () => {
  store.answer = 'listing';
  store.requests.length = 0;
  expect(await probe()).toBeNull();
  expect(store.requests).toHaveLength(1);
  expect(store.requests[0]).toMatch(/^GET \/some-bucket\/?\?.*list-type=2/);
  expect(store.requests[0]).toContain('max-keys=1');
  expect(store.requests[0]).toContain('prefix=in%2F');
});

describe('what will not go away by itself', () => {
  test.each<[number, string, BucketProblem['setting']]>([
    [404, 'NoSuchBucket', 'bucket'],
    [400, 'InvalidBucketName', 'bucket'],
    [403, 'AccessDenied', 'bucket'],
    [403, 'InvalidAccessKeyId', 'credentials'],
    [403, 'SignatureDoesNotMatch', 'credentials'],
    [400, 'ExpiredToken', 'credentials'],
    [301, 'PermanentRedirect', 'region'],
    [400, 'AuthorizationHeaderMalformed', 'region'],
    [501, 'NotImplemented', 'endpoint'],
  ])('%d %s', async (status, code, setting) => {
    store.answer = { status, code };
    expect(await probe()).toMatchObject({ permanent: true, status, code, setting });
  });

  test('https where http is spoken', async () => {
    expect(await probe(store.endpoint.replace('http:', 'https:'))).toMatchObject({
      permanent: true,
      setting: 'endpoint',
      status: undefined,
    });
  });
});

describe('what may be different in a moment', () => {
  test.each<[StoreAnswer, string]>([
    [{ status: 503, code: 'SlowDown' }, 'SlowDown'],
    [{ status: 500, code: 'InternalError' }, 'InternalError'],
    ['page', 'SyntaxError'],
  ])('%j', async (answer, code) => {
    store.answer = answer;
    expect(await probe()).toMatchObject({ permanent: false, code });
  });

  test('nothing listens, and no such host', async () => {
    expect(await probe(`http://127.0.0.1:${await freePort()}`)).toMatchObject({
      permanent: false,
      code: 'ECONNREFUSED',
      words: 'nothing listens there',
    });
    // ".invalid" is no name anywhere (RFC 2606); who has no name server at all learns it in other words.
    const problem = await probe('http://store.invalid:9000');
    expect(problem).toMatchObject({ permanent: false, setting: 'endpoint' });
    expect(['ENOTFOUND', 'EAI_AGAIN']).toContain(problem?.code);
  });
});

describe('radosgw', () => {
  const endpoint = process.env['S3_ENDPOINT'];
  const t = endpoint === undefined ? test.skip : test;

  t('says the same', async () => {
    if (endpoint === undefined) return;
    const bucket = await TestBucket.create(endpoint);
    try {
      expect(await probeBucket(bucket.options())).toBeNull();
      const wrong = async (change: object): Promise<BucketProblem | null> => probeBucket(bucket.options(change));
      expect(await wrong({ bucket: 'latticeport-no-such' })).toMatchObject({ permanent: true, code: 'NoSuchBucket' });
      expect(await wrong({ credentials: KEYS })).toMatchObject({ permanent: true, code: 'InvalidAccessKeyId' });
      const secretAccessKey = 'not the secret';
      expect(await wrong({ region, credentials: { ...credentials(), secretAccessKey } })).toMatchObject({
        permanent: true,
        code: 'SignatureDoesNotMatch',
        setting: 'credentials',
      });
    } finally {
      await bucket.destroy();
    }
  });
});
