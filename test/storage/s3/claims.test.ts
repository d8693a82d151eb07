// What claims cost, what they are called, and stores that do not know the condition that they are made of.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { claimKey, claimPrefix } from '../../../src/storage/s3/claims/claim-keys.ts';
import { KeySpace } from '../../../src/storage/s3/mapping/keys.ts';
import { S3Store } from '../../../src/storage/s3/s3-store.ts';
import { writeAt, writeOptions } from '../contract/store-driver.ts';
import { CountingStore } from './counting-store.ts';
import { storePath } from '../store-path.ts';

describe('keys of claims', () => {
  const keys = new KeySpace('home');

  test('are under those of their directories, and no claim is where another has its folder', () => {
    expect(claimKey(keys, storePath('a/b'))).toBe('home/.latticeport/claims/a/=b');
    expect(claimKey(keys, storePath('a'))).toBe('home/.latticeport/claims/=a');
    for (const directory of ['', 'a', 'a/b']) {
      expect(claimKey(keys, storePath('a/b/c')).startsWith(claimPrefix(keys, storePath(directory)))).toBe(true);
    }
    expect(claimKey(keys, storePath('ab/c')).startsWith(claimPrefix(keys, storePath('a')))).toBe(false);
  });

  test('are never too long, and still under the directories that have room', () => {
    const deep = Array.from({ length: 9 }, (_, i) => String(i).repeat(100));
    const path = [...deep, 'x'.repeat(90)].join('/');
    const key = claimKey(keys, storePath(path));
    expect(Buffer.byteLength(key)).toBeLessThanOrEqual(1024);
    for (let depth = 0; depth <= deep.length; depth += 1) {
      expect(key.startsWith(claimPrefix(keys, storePath(deep.slice(0, depth).join('/'))))).toBe(true);
    }
    expect(claimKey(keys, storePath(`${path}y`))).not.toBe(key);
  });
});

describe('a store that does not heed If-None-Match', () => {
  let double: CountingStore;
  let store: S3Store;
  const events: string[] = [];

  beforeEach(async () => {
    double = await CountingStore.start();
    store = await S3Store.open({
      bucket: 'bucket',
      region: 'us-east-1',
      endpoint: double.endpoint,
      forcePathStyle: true,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      sweep: false,
      events: (event) => events.push(event),
    });
  });
  afterEach(async () => {
    await store.close();
    await double.stop();
  });

  test('is used without claims, and the log says so, once', async () => {
    const handle = await store.openWrite(storePath('f'), writeOptions());
    await writeAt(handle, 0, 'content');
    await handle.close();
    await store.mkdir(storePath('d'), {});
    await store.remove(storePath('f'));
    expect(events.filter((event) => event.startsWith('CLAIM'))).toEqual(['CLAIMS_UNSUPPORTED']);
    expect([...double.objects.keys()]).toEqual(['d/']);
  });
});
