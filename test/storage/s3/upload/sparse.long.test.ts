// Zeros that a client asks for without sending them: a bound on them, and an end when nobody waits any more.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Store } from '../../../../src/storage/s3/s3-store.ts';
import { READ_WRITE } from '../../../../src/vfs/permissions.ts';
import { UserView } from '../../../../src/vfs/user-view.ts';
import { SftpTestClient } from '../../../sftp/sftp-test-client.ts';
import { writeOptions } from '../../contract/store-driver.ts';
import { CountingStore } from '../counting-store.ts';
import { storePath } from '../../store-path.ts';

const MIB = 1024 ** 2;
const GIB = 1024 * MIB;

describe('space in a file that nobody has written', () => {
  let double: CountingStore;
  let spool: string;
  let store: S3Store;

  const open = async (maxSparseBytes: number | undefined): Promise<S3Store> =>
    S3Store.open({
      bucket: 'bucket',
      region: 'us-east-1',
      endpoint: double.endpoint,
      forcePathStyle: true,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      spool: { directory: spool, maxBytes: 64 * MIB },
      partBytes: 5 * MIB,
      sweep: false,
      ...(maxSparseBytes === undefined ? {} : { maxSparseBytes }),
    });

  beforeEach(async () => {
    double = await CountingStore.start();
    spool = await mkdtemp(join(tmpdir(), 'latticeport-sparse-'));
    store = await open(20 * MIB);
  });
  afterEach(async () => {
    await store.close();
    await double.stop();
    await rm(spool, { recursive: true, force: true });
  });

  const tooLarge = { code: 'too-large', message: expect.stringMatching(/more empty space.*20971520 bytes/) };

  test.each([false, true])('is refused beyond the bound at CLOSE, a file read too: %p', async (read) => {
    const jump = await store.openWrite(storePath('jump'), writeOptions({ read }));
    await jump.write(0, [Buffer.from('begin')]);
    await jump.write(100 * GIB, [Buffer.from('end')]);
    await expect(jump.close()).rejects.toMatchObject(tooLarge);
    const grown = await store.openWrite(storePath('grown'), writeOptions({ read }));
    await grown.truncate(20 * MIB + 1);
    await expect(grown.close()).rejects.toMatchObject(tooLarge);
    expect(double.received).toBeLessThan(10 * MIB);
    expect(double.objects.size).toBe(0);
    expect(double.uploads.size).toBe(0);
    expect(store.usage()).toMatchObject({ uploadBytes: 0, spoolFiles: 0, openWrites: 0 });
  });

  test.each([false, true])('is stored up to the bound, and what is written in time counts as written', async (read) => {
    const file = await store.openWrite(storePath('f'), writeOptions({ read }));
    // As clients do that make room first.
    await file.truncate(50 * MIB);
    await file.write(40 * MIB, [Buffer.alloc(5 * MIB)]);
    for (let at = 0; at < 25 * MIB; at += MIB) await file.write(at, [Buffer.alloc(MIB)]);
    await file.close();
    expect(double.objects.get('f')?.size).toBe(50 * MIB);
  });

  test('bytes over parts that were sent, and behind a cut, count too', async () => {
    const file = await store.openWrite(storePath('f'), writeOptions());
    for (let at = 0; at < 12 * MIB; at += MIB) await file.write(at, [Buffer.alloc(MIB)]);
    await file.truncate(7 * MIB);
    await file.write(27 * MIB + 1, [Buffer.alloc(1)]);
    await expect(file.close()).rejects.toMatchObject(tooLarge);
    const same = await store.openWrite(storePath('f'), writeOptions());
    for (let at = 0; at < 12 * MIB; at += MIB) await same.write(at, [Buffer.alloc(MIB)]);
    await same.truncate(7 * MIB);
    await same.write(27 * MIB, [Buffer.alloc(1)]);
    await same.close();
    expect(double.objects.get('f')?.size).toBe(27 * MIB + 1);
  });

  test('SETSTAT by path is refused at once, and leaves the file', async () => {
    const file = await store.openWrite(storePath('f'), writeOptions());
    await file.write(0, [Buffer.alloc(6 * MIB)]);
    await file.close();
    double.received = 0;
    await expect(store.truncate(storePath('f'), 26 * MIB + 1)).rejects.toMatchObject(tooLarge);
    expect(double.received).toBe(0);
    expect(double.objects.get('f')?.size).toBe(6 * MIB);
    await store.truncate(storePath('f'), 26 * MIB);
    expect(double.objects.get('f')?.size).toBe(26 * MIB);
  });

  test('is no longer sent when the session that asked for it has ended', async () => {
    await store.close();
    store = await open(undefined);
    const view = new UserView({
      directories: [{ entry: '/', store, path: storePath('') }],
      permissions: READ_WRITE,
      userName: 'tester',
    });
    const client = await SftpTestClient.connect(view);
    await client.put('/f', Buffer.from('small'));
    double.received = 0;
    void client.setstat('/f', { size: GIB });
    while (double.received < 6 * MIB) await new Promise((resolve) => setImmediate(resolve));
    await client.session.abort('the connection is gone');
    expect(double.received).toBeLessThan(GIB / 2);
    expect(double.objects.get('f')?.size).toBe(5);
    expect(double.uploads.size).toBe(0);
    expect(store.usage()).toMatchObject({ uploadBytes: 0, spoolFiles: 0 });
  });
});
