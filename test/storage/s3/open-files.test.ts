// Files that are open while this server gives them other attributes or another name: a copy inside the store, whose ETag is
// another one where the file came in parts (AWS, moto).
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { SSH_FXF } from '../../../src/sftp/protocol.ts';
import { S3Store } from '../../../src/storage/s3/s3-store.ts';
import { READ_WRITE } from '../../../src/vfs/permissions.ts';
import { UserView } from '../../../src/vfs/user-view.ts';
import { SftpTestClient, statusOf } from '../../sftp/sftp-test-client.ts';
import { expectSameBytes, KEEP, listAll, pattern, readToEnd, writeAt, writeOptions } from '../contract/store-driver.ts';
import { servers, TestBucket } from './s3-server.ts';
import { storePath } from '../store-path.ts';

const PART = 5 * 1024 ** 2;
const BYTES = pattern(2 * PART + 5_000, 61);
const FOLLOW = { followSymlinks: true };

for (const { name, endpoint } of servers) {
  (endpoint === undefined ? describe.skip : describe)(`open files on ${name}`, () => {
    let bucket: TestBucket;
    let store: S3Store;
    const asked: string[] = [];

    beforeAll(async () => {
      bucket = await TestBucket.create(endpoint ?? '');
      const onTry = ({ operation }: { readonly operation: string }): void => {
        asked.push(operation);
      };
      // Little is read ahead, so that something is left to be asked for.
      const readAhead = { rangeBytes: 1024 ** 2, inFlight: 1 };
      store = await S3Store.open(bucket.options({ partBytes: PART, sweep: false, readAhead, onTry }));
    });
    afterAll(async () => {
      await store.close();
      await bucket.destroy();
    });

    const put = async (path: string): Promise<void> => {
      const handle = await store.openWrite(storePath(path), writeOptions());
      await handle.write(0, [Buffer.from(BYTES)]);
      await handle.close();
    };

    test('a reader reads on after SETSTAT and RENAME of its file', async () => {
      await put('read');
      const handle = await store.openRead(storePath('read'));
      const pieces = [await handle.read(0, 100_000)];
      await store.setAttributes(storePath('read'), { mtime: 1_234_567_890 }, FOLLOW);
      pieces.push(await handle.read(100_000, 5_000_000));
      await store.rename(storePath('read'), storePath('moved'), { overwrite: false });
      pieces.push(await readToEnd(handle, 255 * 1024, 5_100_000));
      expectSameBytes(Buffer.concat(pieces), BYTES);
      expect((await handle.stat()).attributes.mtime).toBe(1_234_567_890);
      await handle.setAttributes({ mode: 0o600 });
      expect((await store.stat(storePath('moved'), FOLLOW)).attributes.mode & 0o777).toBe(0o600);
      await handle.close();
    });

    test('a writer that keeps the bytes is committed over its base after SETSTAT of it', async () => {
      for (const at of [0, BYTES.length]) {
        await put('kept');
        const handle = await store.openWrite(storePath('kept'), writeOptions(KEEP));
        await store.setAttributes(storePath('kept'), { mtime: 1_234_567_890 }, FOLLOW);
        await writeAt(handle, at, 'changed');
        await handle.close();
        const expected = at === 0 ? Buffer.from(BYTES) : Buffer.concat([BYTES, Buffer.alloc(7)]);
        expected.write('changed', at, 'latin1');
        const reader = await store.openRead(storePath('kept'));
        expectSameBytes(await readToEnd(reader), expected);
        await reader.close();
      }
    });

    test('what was sent away is not read before CLOSE, and says so', async () => {
      const handle = await store.openWrite(storePath('sent'), writeOptions());
      await handle.write(0, [Buffer.from(BYTES)]);
      await expect(handle.read(0, 10)).rejects.toMatchObject({ code: 'unsupported', message: /on their way/ });
      expect(await handle.read(BYTES.length - 10, 100)).toEqual(BYTES.subarray(-10));
      // That was a question, and no failure of the upload.
      await handle.close();
    });

    test.each([7, BYTES.length])(
      'copy-data of a whole file of %i bytes moves none through the server',
      async (size) => {
        const directories = [{ entry: '/', store, path: storePath('') }];
        const client = await SftpTestClient.connect(new UserView({ directories, permissions: READ_WRITE }));
        await bucket.client.send(
          new PutObjectCommand({
            Bucket: bucket.name,
            Key: 'original',
            Body: BYTES.subarray(0, size),
            ContentType: 'a/b',
          }),
        );
        const source = await client.open('/original', SSH_FXF.READ);
        for (const flags of [
          SSH_FXF.WRITE | SSH_FXF.CREAT | SSH_FXF.TRUNC,
          SSH_FXF.WRITE | SSH_FXF.TRUNC | SSH_FXF.READ,
        ]) {
          const target = await client.open('/copy', flags);
          asked.length = 0;
          const answer = await client.extended('copy-data', (w) =>
            w.string(source).uint64(0).uint64(0).string(target).uint64(0),
          );
          expect(statusOf(answer).code).toBe(0);
          await client.close(target);
          expect(asked).toContain('CopyObject');
          expect(asked).not.toContain('GetObject');
          expect(asked).not.toContain('UploadPart');
          const reader = await store.openRead(storePath('copy'));
          expectSameBytes(await readToEnd(reader), BYTES.subarray(0, size));
          await reader.close();
        }
        await client.session.abort('the test is over');
      },
    );

    test('a copy whose original is replaced before CLOSE fails, and one that is written on has both', async () => {
      await put('original');
      const source = await store.openRead(storePath('original'));
      const lost = await store.openWrite(storePath('copy'), writeOptions());
      expect(await lost.copyWhole?.(source)).toBe(BYTES.length);
      const added = await store.openWrite(storePath('longer'), writeOptions());
      await added.copyWhole?.(source);
      await writeAt(added, BYTES.length, 'more');
      await added.close();
      const reader = await store.openRead(storePath('longer'));
      expectSameBytes(await readToEnd(reader), Buffer.concat([BYTES, Buffer.from('more')]));
      await reader.close();
      await bucket.client.send(new PutObjectCommand({ Bucket: bucket.name, Key: 'original', Body: 'another' }));
      await expect(lost.close()).rejects.toMatchObject({ code: 'changed' });
      await source.close();
    });

    test('a key of 1,024 bytes, of another program, is listed, read and removed', async () => {
      const key = 'k'.repeat(1024);
      await bucket.client.send(new PutObjectCommand({ Bucket: bucket.name, Key: key, Body: 'content' }));
      expect((await listAll(store, storePath(''))).map((entry) => entry.name)).toContain(key);
      expect((await store.stat(storePath(key), FOLLOW)).attributes.size).toBe(7);
      const reader = await store.openRead(storePath(key));
      expect((await readToEnd(reader)).toString()).toBe('content');
      await reader.close();
      await expect(store.mkdir(storePath(key), {})).rejects.toMatchObject({ code: 'invalid-name' });
      await expect(store.rmdir(storePath(key))).rejects.toMatchObject({ code: 'not-a-directory' });
      await expect(listAll(store, storePath(key))).rejects.toMatchObject({ code: 'not-a-directory' });
      const short = 's'.repeat(1023);
      await store.rename(storePath(key), storePath(short), { overwrite: false });
      await expect(store.rename(storePath(short), storePath(key), { overwrite: false })).rejects.toMatchObject({
        code: 'invalid-name',
      });
      await store.remove(storePath(short));
      await bucket.client.send(new PutObjectCommand({ Bucket: bucket.name, Key: key, Body: 'content' }));
      await store.remove(storePath(key));
      expect((await listAll(store, storePath(''))).map((entry) => entry.name)).not.toContain(key);
    });
  });
}
