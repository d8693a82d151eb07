// Uploads that hold memory and send no more, while others wait for it and the local disk has no room.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { WriteHandle } from '../../../../src/storage/object-store.ts';
import { S3Store } from '../../../../src/storage/s3/s3-store.ts';
import { PartBuffers, STARTER_BYTES } from '../../../../src/storage/s3/upload/part-buffers.ts';
import { expectSameBytes, pattern, readToEnd, writeOptions } from '../../contract/store-driver.ts';
import { servers, TestBucket } from '../s3-server.ts';
import { storePath } from '../../store-path.ts';

const MIB = 1024 ** 2;
const endpoint = servers.find(({ name }) => name === 'radosgw')?.endpoint;

(endpoint === undefined ? describe.skip : describe)('uploads that hold the whole budget and are idle', () => {
  let bucket: TestBucket;
  let store: S3Store;
  let events: string[];

  const open = async (partBytes: number, spoolBytes: number | undefined): Promise<void> => {
    const uploadBuffers = new PartBuffers(Math.ceil((2 * partBytes * 8) / 7) + STARTER_BYTES, 1_500);
    const spool = { directory: bucket.spoolDirectory, maxBytes: spoolBytes ?? 0 };
    const { spool: _, ...options } = bucket.options({
      partBytes,
      uploadBuffers,
      events: (event) => events.push(event),
    });
    store = await S3Store.open(spoolBytes === undefined ? options : { ...options, spool });
  };
  const begin = async (name: string, bytes: Buffer): Promise<WriteHandle> => {
    const handle = await store.openWrite(storePath(name), writeOptions());
    await handle.write(0, [Buffer.from(bytes)]);
    return handle;
  };

  beforeEach(async () => {
    bucket = await TestBucket.create(endpoint ?? '');
    events = [];
  });
  afterEach(async () => {
    await store.close();
    await bucket.destroy();
  });

  test.each([
    ['a full spool', 1000],
    ['no spool', undefined],
  ])('give one up, by name and with a clear failure, where there is %s', async (_name, spoolBytes) => {
    await open(5 * MIB, spoolBytes);
    const first = await begin('first', pattern(MIB, 1));
    const second = await begin('second', pattern(MIB, 2));
    // This one would wait for ever: nobody sends to the others any more.
    const third = await begin('third', pattern(MIB, 3));
    await third.close();
    await expect(first.write(MIB, [Buffer.alloc(10)])).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/idle for too long/),
    });
    await expect(first.close()).rejects.toMatchObject({ code: 'unavailable' });
    expect(events).toContain('UPLOAD_GIVE_UP');
    await second.close();
    expect(await bucket.keys()).toEqual(expect.arrayContaining(['second', 'third']));
    expect(await bucket.keys()).not.toContain('first');
    expect(store.usage()).toMatchObject({ uploadBytes: 0, openWrites: 0, spoolFiles: 0 });
  });

  test('are sent as short parts where they are long enough, and nothing is lost', async () => {
    await open(8 * MIB, 1000);
    const contents = [1, 2, 3].map((seed) => pattern(20 * MIB, seed));
    const handles: WriteHandle[] = [];
    for (const [index, bytes] of contents.entries()) handles.push(await begin(`f${index}`, bytes.subarray(0, 6 * MIB)));
    for (const [index, bytes] of contents.entries()) {
      const handle = handles[index];
      await handle?.write(6 * MIB, [Buffer.from(bytes.subarray(6 * MIB))]);
      await handle?.close();
      const reader = await store.openRead(storePath(`f${index}`));
      expectSameBytes(await readToEnd(reader), bytes);
      await reader.close();
    }
    expect(events).not.toContain('UPLOAD_GIVE_UP');
    expect(store.usage()).toMatchObject({ uploadBytes: 0, openWrites: 0, spoolFiles: 0 });
  });
});
