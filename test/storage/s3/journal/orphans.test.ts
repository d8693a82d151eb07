// Uploads whose ids were lost with the answer: ended where they must be ours, left and logged where they may be another
// program's.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { CreateMultipartUploadCommand, PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import { ownIdentity } from '../../../../src/storage/s3/journal/process-identity.ts';
import { S3Store } from '../../../../src/storage/s3/s3-store.ts';
import { writeOptions } from '../../contract/store-driver.ts';
import { FaultProxy } from '../../fault-proxy/fault-proxy.ts';
import { servers, TestBucket } from '../s3-server.ts';
import { storePath } from '../../store-path.ts';

const PART = 5 * 1024 ** 2;
const endpoint = servers.find(({ name }) => name === 'radosgw')?.endpoint;
const DEAD = { ...ownIdentity(), pid: 2 ** 22 + 1 };

(endpoint === undefined ? describe.skip : describe)('uploads whose ids were lost', () => {
  let bucket: TestBucket;
  let proxy: FaultProxy;
  let store: S3Store | undefined;
  let unknown: unknown[];

  beforeEach(async () => {
    bucket = await TestBucket.create(endpoint ?? '');
    proxy = await FaultProxy.start(endpoint ?? '');
    unknown = [];
  });
  afterEach(async () => {
    await store?.close();
    await proxy.stop();
    await bucket.destroy();
  });

  const open = async (): Promise<S3Store> => {
    store = await S3Store.open(
      bucket.options({
        endpoint: proxy.endpoint,
        prefix: 'home',
        partBytes: PART,
        retry: { attempts: 4, baseDelayMs: 1, maxDelayMs: 2 },
        events: (event, { uploadId }) => {
          if (event === 'UPLOAD_UNKNOWN') unknown.push(uploadId);
        },
      }),
    );
    await store.sweep();
    return store;
  };
  const begin = async (key: string): Promise<string> => {
    const { UploadId } = await bucket.client.send(new CreateMultipartUploadCommand({ Bucket: bucket.name, Key: key }));
    return UploadId ?? '';
  };
  const sendPart = async (Key: string, UploadId: string) =>
    bucket.client.send(
      new UploadPartCommand({ Bucket: bucket.name, Key, UploadId, PartNumber: 1, Body: Buffer.from('theirs') }),
    );
  const journal = async (process: unknown, records: readonly unknown[]) =>
    bucket.client.send(
      new PutObjectCommand({
        Bucket: bucket.name,
        Key: 'home/.latticeport/uploads/other',
        Body: JSON.stringify({ process, records }),
      }),
    );
  const ids = async () => (await bucket.uploads()).map(({ id }) => id).sort();
  /** Uploads a file in parts; the answers to the first `lost` tries to begin it are lost. */
  const uploadWithLostAnswers = async (to: S3Store, lost: number): Promise<void> => {
    let left = lost;
    proxy.decide = ({ operation }) => {
      if (operation !== 'CreateMultipartUpload' || left === 0) return undefined;
      left -= 1;
      return { kind: 'reset-after' };
    };
    const handle = await to.openWrite(storePath('f'), writeOptions());
    await handle.write(0, [Buffer.alloc(PART + 1)]);
    await handle.close();
    expect(left).toBe(0);
  };

  test('are ended, as many as there were answers lost', async () => {
    await uploadWithLostAnswers(await open(), 3);
    expect(await ids()).toEqual([]);
    expect(unknown).toEqual([]);
  });

  test('another program’s upload of the same key stays where it has sent a part', async () => {
    const opened = await open();
    const theirs = await begin('home/f');
    await sendPart('home/f', theirs);
    await uploadWithLostAnswers(opened, 1);
    expect(await ids()).toEqual([theirs]);
    expect(unknown).toEqual([theirs]);
  });

  test('none is ended where there are more than there were tries', async () => {
    const opened = await open();
    const theirs = await begin('home/f');
    await uploadWithLostAnswers(opened, 1);
    const left = await ids();
    expect(left).toHaveLength(2);
    expect(left).toContain(theirs);
    expect([...unknown].sort()).toEqual(left);
  });

  test('none is ended while another process is beginning an upload of the same key', async () => {
    const opened = await open();
    await journal(ownIdentity(), [{ kind: 'upload', key: 'home/f', at: Date.now() }]);
    await uploadWithLostAnswers(opened, 1);
    expect(await ids()).toHaveLength(1);
    await opened.sweep();
    expect(await ids()).toHaveLength(1);
    // The other process knows its upload now, or has ended it.
    await journal(ownIdentity(), []);
    await opened.sweep();
    expect(await ids()).toEqual([]);
    expect(unknown).toEqual([]);
  });

  test('of a dead process: what may be another program’s stays', async () => {
    const mine = await begin('home/mine');
    const theirs = await begin('home/theirs');
    await sendPart('home/theirs', theirs);
    const several = [await begin('home/several'), await begin('home/several')];
    const both = [await begin('home/both'), await begin('home/both')];
    const at = Date.now();
    await journal(DEAD, [
      { kind: 'upload', key: 'home/mine', at },
      { kind: 'upload', key: 'home/theirs', at },
      { kind: 'upload', key: 'home/several', at },
      { kind: 'upload', key: 'home/both', at, tries: 2 },
    ]);
    await open();
    const left = await ids();
    expect(left).toEqual([theirs, ...several].sort());
    expect(left).not.toContain(mine);
    expect(left).not.toContain(both[0]);
    expect(unknown.sort()).toEqual(left);
    expect(await bucket.keys('home/.latticeport/')).toEqual([]);
  });
});
