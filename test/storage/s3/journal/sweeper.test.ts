// What other processes have left, and what is nobody's business: uploads of a dead process are ended, everything else stays.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { CreateMultipartUploadCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { hostname } from 'node:os';
import type { Clock } from '../../../../src/storage/flow/clock.ts';
import { isRunning, ownIdentity } from '../../../../src/storage/s3/journal/process-identity.ts';
import { S3Store } from '../../../../src/storage/s3/s3-store.ts';
import { parseJournal } from '../../../../src/storage/s3/journal/upload-journal.ts';
import { writeOptions } from '../../contract/store-driver.ts';
import { servers, TestBucket } from '../s3-server.ts';
import { storePath } from '../../store-path.ts';

const endpoint = servers.find(({ name }) => name === 'radosgw')?.endpoint;
const PART = 5 * 1024 ** 2;
const MINUTE = 60_000;

/** A pid that no process has: above the largest that Linux gives. */
const DEAD = { ...ownIdentity(), pid: 2 ** 22 + 1 };
const ELSEWHERE = { host: 'another machine', pid: 1, start: '1' };

class HeldClock implements Clock {
  offset = 0;
  now(): number {
    return Date.now() + this.offset;
  }
  monotonic(): number {
    return performance.now() + this.offset;
  }
  async delay(): Promise<void> {
    return Promise.resolve();
  }
}

(endpoint === undefined ? describe.skip : describe)('the sweeper', () => {
  let bucket: TestBucket;
  let clock: HeldClock;
  const opened: S3Store[] = [];

  beforeEach(async () => {
    bucket = await TestBucket.create(endpoint ?? '');
    clock = new HeldClock();
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map(async (store) => store.close()));
    await bucket.destroy();
  });

  const open = async (events: string[] = []) => {
    const store = await S3Store.open(
      bucket.options({ prefix: 'home', partBytes: PART, clock, events: (event) => events.push(event) }),
    );
    opened.push(store);
    return store;
  };
  const begin = async (key: string): Promise<string> => {
    const { UploadId } = await bucket.client.send(new CreateMultipartUploadCommand({ Bucket: bucket.name, Key: key }));
    return UploadId ?? '';
  };
  const putKey = async (key: string, body: string, metadata: Record<string, string> = {}) =>
    bucket.client.send(new PutObjectCommand({ Bucket: bucket.name, Key: key, Body: body, Metadata: metadata }));
  const journal = async (name: string, process: unknown, records: readonly unknown[]) =>
    putKey(`home/.latticeport/uploads/${name}`, JSON.stringify({ process, records }));
  const uploadKeys = async () => (await bucket.uploads()).map(({ key }) => key).sort();

  test('ends at start what a dead process of this machine has left, and nothing that no journal names', async () => {
    const at = clock.now();
    await journal('dead', DEAD, [
      { kind: 'upload', key: 'home/known', at, uploadId: await begin('home/known') },
      { kind: 'upload', key: 'home/answer lost', at },
    ]);
    await begin('home/answer lost');
    await begin('home/foreign');
    await begin('elsewhere/foreign');
    const events: string[] = [];
    const store = await open(events);
    await store.sweep();
    expect(await uploadKeys()).toEqual(['elsewhere/foreign', 'home/foreign']);
    expect(await bucket.keys('home/.latticeport/')).toEqual([]);
    expect(events.filter((event) => event === 'UPLOAD_SWEPT')).toHaveLength(2);
  });

  test('an upload without a known id is not mistaken for another one of the same key', async () => {
    const at = clock.now();
    const living = await begin('home/same');
    await journal('living', ownIdentity(), [{ kind: 'upload', key: 'home/same', at, uploadId: living }]);
    await begin('home/same');
    await begin('home/same and more');
    await journal('dead', DEAD, [{ kind: 'upload', key: 'home/same', at }]);
    await (await open()).sweep();
    const left = (await bucket.uploads()).map(({ key, id }) => (id === living ? 'the living one' : key));
    expect(left.sort()).toEqual(['home/same and more', 'the living one']);
  });

  test('leaves alone what a living process has open', async () => {
    const first = await open();
    const second = await open();
    const handle = await first.openWrite(storePath('f'), writeOptions());
    await handle.write(0, [Buffer.alloc(PART + 1000)]);
    await handle.sync();
    await second.sweep();
    expect(await uploadKeys()).toEqual(['home/f']);
    await handle.close();
    expect((await second.stat(storePath('f'), { followSymlinks: true })).attributes.size).toBe(PART + 1000);
  });

  test('takes a silent process of another machine for dead after the lease, by its own clock', async () => {
    await journal('silent', ELSEWHERE, [{ kind: 'upload', key: 'home/f', at: 0, uploadId: await begin('home/f') }]);
    const store = await open();
    await store.sweep();
    clock.offset = 4 * MINUTE;
    await store.sweep();
    expect(await uploadKeys()).toEqual(['home/f']);
    // It gives a sign of life: the lease begins anew.
    await journal('silent', ELSEWHERE, [
      { kind: 'upload', key: 'home/f', at: 1, uploadId: (await bucket.uploads())[0]?.id },
    ]);
    clock.offset = 6 * MINUTE;
    await store.sweep();
    expect(await uploadKeys()).toEqual(['home/f']);
    clock.offset = 12 * MINUTE;
    await store.sweep();
    expect(await uploadKeys()).toEqual([]);
  });

  test('and at once where the store’s own time says that it is long dead', async () => {
    await journal('silent', ELSEWHERE, [{ kind: 'upload', key: 'home/f', at: 0, uploadId: await begin('home/f') }]);
    clock.offset = 21 * MINUTE;
    await (await open()).sweep();
    expect(await uploadKeys()).toEqual([]);
  });

  test('puts back what was there before an unfinished replacement', async () => {
    await putKey('home/.latticeport/kept/1', 'old');
    await putKey('home/f', 'for a moment', { 'latticeport-upload': 'tag' });
    await putKey('home/g', 'for a moment', { 'latticeport-upload': 'tag' });
    await putKey('home/.latticeport/kept/2', 'old');
    await putKey('home/h', 'another writer’s', { 'latticeport-upload': 'other' });
    await journal('dead', DEAD, [
      { kind: 'restore', key: 'home/f', tag: 'tag', copy: 'home/.latticeport/kept/1' },
      { kind: 'restore', key: 'home/g', tag: 'tag' },
      { kind: 'restore', key: 'home/h', tag: 'tag', copy: 'home/.latticeport/kept/2' },
    ]);
    await (await open()).sweep();
    expect(await bucket.keys()).toEqual(['home/f', 'home/h']);
    const size = async (key: string) =>
      (await bucket.client.send(new HeadObjectCommand({ Bucket: bucket.name, Key: key }))).ContentLength;
    expect(await size('home/f')).toBe(3);
    expect(await size('home/h')).toBeGreaterThan(3);
  });

  test('does not touch what it does not understand', async () => {
    await begin('home/f');
    for (const [name, text] of [
      ['a', 'no journal'],
      ['b', '{}'],
      ['c', JSON.stringify({ process: DEAD, records: [{ kind: 'something new', key: 'home/f' }] })],
    ] as const) {
      await putKey(`home/.latticeport/uploads/${name}`, text);
    }
    const events: string[] = [];
    await (await open(events)).sweep();
    expect(await uploadKeys()).toEqual(['home/f']);
    expect(await bucket.keys('home/.latticeport/uploads/')).toHaveLength(3);
    expect(events).toContain('JOURNAL_UNKNOWN');
  });

  test('with sweep false no journal is written', async () => {
    const store = await S3Store.open(bucket.options({ prefix: 'home', partBytes: PART, sweep: false }));
    opened.push(store);
    const handle = await store.openWrite(storePath('f'), writeOptions());
    await handle.write(0, [Buffer.alloc(PART + 1)]);
    await handle.sync();
    const journals = async () => bucket.keys('home/.latticeport/uploads/');
    expect(await journals()).toEqual([]);
    await handle.close();
    expect(await journals()).toEqual([]);
    expect(await bucket.keys('home/f')).toEqual(['home/f']);
  });
});

describe('a process’s identity', () => {
  test('tells whether it runs, where that can be known', () => {
    expect(isRunning(ownIdentity())).toBe(true);
    expect(isRunning(DEAD)).toBe(false);
    // The number is used again by another process.
    if (ownIdentity().start !== '') expect(isRunning({ ...ownIdentity(), start: '1' })).toBe(false);
    expect(isRunning({ ...ownIdentity(), host: hostname() + '2' })).toBeUndefined();
  });

  test.each([
    '',
    '[]',
    'null',
    '{"process":{"host":"h","pid":-1,"start":""},"records":[]}',
    '{"process":1,"records":[]}',
  ])('a journal is read totally: %p is none', (text) => {
    expect(parseJournal(Buffer.from(text))).toBeUndefined();
  });
});
