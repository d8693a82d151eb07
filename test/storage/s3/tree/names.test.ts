// Buckets that other programs write too: keys that are no paths, a file beside a prefix of its name, directories without
// markers, metadata of others.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { S3Store } from '../../../../src/storage/s3/s3-store.ts';
import { expectError, inParallel, listAll, readToEnd, writeAt, writeOptions } from '../../contract/store-driver.ts';
import { servers, TestBucket } from '../s3-server.ts';
import { storePath } from '../../store-path.ts';

const PART = 5 * 1024 ** 2;

for (const { name, endpoint } of servers) {
  (endpoint === undefined ? describe.skip : describe)(`a bucket of others, on ${name}`, () => {
    let bucket: TestBucket;
    let store: S3Store;
    let directory: string;
    let count = 0;
    const hidden: unknown[] = [];

    beforeAll(async () => {
      bucket = await TestBucket.create(endpoint ?? '');
      const events = (event: string, fields: Readonly<Record<string, unknown>>) => {
        if (event === 'KEYS_HIDDEN') hidden.push(fields['count']);
      };
      store = await S3Store.open(bucket.options({ prefix: 'home', partBytes: PART, events }));
    });
    afterAll(async () => {
      await store.close();
      await bucket.destroy();
    });
    beforeEach(async () => {
      directory = `d${(count += 1)}`;
      await store.mkdir(storePath(directory), {});
      hidden.length = 0;
    });

    const at = (path: string) => `${directory}/${path}`;
    const putKey = async (key: string, body = 'x', metadata: Record<string, string> = {}) =>
      bucket.client.send(
        new PutObjectCommand({ Bucket: bucket.name, Key: `home/${directory}/${key}`, Body: body, Metadata: metadata }),
      );
    const head = async (path: string) =>
      bucket.client.send(new HeadObjectCommand({ Bucket: bucket.name, Key: `home/${directory}/${path}` }));
    const put = async (path: string, body = 'x') => {
      const handle = await store.openWrite(storePath(at(path)), writeOptions());
      await writeAt(handle, 0, body);
      await handle.close();
    };
    const names = async (path = '') =>
      (await listAll(store, storePath(path === '' ? directory : at(path)))).map(
        (entry) => `${entry.kind[0]} ${entry.name}`,
      );
    const kind = async (path: string) => (await store.stat(storePath(at(path)), { followSymlinks: true })).kind;

    test('keys that are no paths are hidden, counted, and keep the directory from being removed', async () => {
      for (const key of ['/slash', 'a//b', './dot', '../dotdot', 'tab\tin it', 'a/./b', 'plain']) await putKey(key);
      expect(await names()).toEqual(['d a', 'f plain']);
      expect(hidden).toEqual([4]);
      // What is under `a` is only keys that are no paths.
      expect(await names('a')).toEqual([]);
      await expectError(store.rmdir(storePath(at('a'))), 'not-empty');
      await store.remove(storePath(at('plain')));
      await expectError(store.rmdir(storePath(directory)), 'not-empty');
    });

    test('a file beside a prefix of its name: the path is the file, listed once, and the rest keeps its own paths', async () => {
      await putKey('a', 'the file');
      await putKey('a/b', 'below');
      // These come between the two in the order of keys, so that they are pages apart.
      await inParallel(
        Array.from({ length: 1200 }, (_, index) => `a-${String(index).padStart(4, '0')}`),
        32,
        async (key) => {
          await putKey(key);
        },
      );
      const listed = await names();
      expect(listed).toHaveLength(1201);
      expect(listed.filter((entry) => entry.endsWith(' a'))).toEqual(['f a']);
      expect(await kind('a')).toBe('file');
      const handle = await store.openRead(storePath(at('a')));
      expect((await readToEnd(handle)).toString()).toBe('the file');
      await handle.close();
      expect(await kind('a/b')).toBe('file');
      await expectError(store.rmdir(storePath(at('a'))), 'not-a-directory');
      await expectError(store.mkdir(storePath(at('a')), {}), 'exists');
      // With the file gone the directory comes to light.
      await store.rename(storePath(at('a')), storePath(at('moved')), { overwrite: false });
      expect(await kind('a')).toBe('directory');
      expect(await names('a')).toEqual(['f b']);
    }, 180_000);

    test('a prefix is a directory without its marker, and does not vanish when it is emptied', async () => {
      await putKey('implied/sub/f');
      expect([await kind('implied'), await kind('implied/sub')]).toEqual(['directory', 'directory']);
      expect(await names('implied')).toEqual(['d sub']);
      await store.remove(storePath(at('implied/sub/f')));
      expect(await kind('implied/sub')).toBe('directory');
      await store.rmdir(storePath(at('implied/sub')));
      expect(await kind('implied')).toBe('directory');
      await store.rmdir(storePath(at('implied')));
      await expectError(store.stat(storePath(at('implied')), { followSymlinks: true }), 'not-found');
    });

    test('nor when two clients remove its last two files at once, or one is renamed away', async () => {
      await putKey('implied/f');
      await putKey('implied/g');
      await Promise.all([store.remove(storePath(at('implied/f'))), store.remove(storePath(at('implied/g')))]);
      expect(await kind('implied')).toBe('directory');
      await putKey('other/f');
      await store.rename(storePath(at('other/f')), storePath(at('f')), { overwrite: false });
      expect(await kind('other')).toBe('directory');
      await putKey('third/sub/f');
      await store.rename(storePath(at('third/sub')), storePath(at('sub')), { overwrite: false });
      expect(await kind('third')).toBe('directory');
    });

    test('files may be put into a prefix that has no marker', async () => {
      await putKey('implied/f');
      await put('implied/g');
      expect(await names('implied')).toEqual(['f f', 'f g']);
    });

    test('attributes that rclone and s3fs wrote are seen, and ours are as they read them', async () => {
      await putKey('f', 'content', { mtime: '1354040105.5', mode: String(0o100600), uid: '12', colour: 'red' });
      const { attributes } = await store.stat(storePath(at('f')), { followSymlinks: true });
      expect(attributes).toMatchObject({ mtime: 1_354_040_105, mode: 0o100600, uid: 12, gid: 0 });
      await store.setAttributes(
        storePath(at('f')),
        { mtime: 1_600_000_000, atime: 1_600_000_001, mode: 0o640 },
        { followSymlinks: true },
      );
      expect((await head('f')).Metadata).toEqual({
        mtime: '1600000000',
        atime: '1600000001',
        mode: String(0o100640),
        uid: '12',
        colour: 'red',
      });
    });

    test('times given before the close are written with the object, in one request or with its parts', async () => {
      for (const [path, size] of [
        ['small', 100],
        ['large', PART + 100],
      ] as const) {
        const handle = await store.openWrite(
          storePath(at(path)),
          writeOptions({ attributes: { mtime: 1_500_000_000, mode: 0o600 } }),
        );
        await handle.write(0, [Buffer.alloc(size)]);
        await handle.close();
        expect((await head(path)).Metadata).toMatchObject({ mtime: '1500000000', mode: String(0o100600) });
      }
    });

    test('times that this process has set are in the listing too, until somebody else stores the file', async () => {
      const listed = async (file: string) => {
        const entry = (await listAll(store, storePath(directory))).find(({ name: found }) => found === file);
        return { mtime: entry?.attributes.mtime, mode: (entry?.attributes.mode ?? 0) & 0o777 };
      };
      const handle = await store.openWrite(storePath(at('f')), writeOptions({ attributes: { mode: 0o600 } }));
      await handle.write(0, [Buffer.from('x')]);
      await handle.setAttributes({ mtime: 1_400_000_000 });
      await handle.close();
      expect(await listed('f')).toEqual({ mtime: 1_400_000_000, mode: 0o600 });
      await store.rename(storePath(at('f')), storePath(at('g')), { overwrite: false });
      expect(await listed('g')).toEqual({ mtime: 1_400_000_000, mode: 0o600 });
      await store.setAttributes(storePath(at('g')), { mtime: 1_500_000_000 }, { followSymlinks: true });
      expect(await listed('g')).toEqual({ mtime: 1_500_000_000, mode: 0o600 });
      const large = await store.openWrite(storePath(at('large')), writeOptions());
      await large.write(0, [Buffer.alloc(PART + 1)]);
      await large.setAttributes({ mtime: 1_600_000_000, mode: 0o640 });
      await large.close();
      expect(await listed('large')).toEqual({ mtime: 1_600_000_000, mode: 0o640 });
      await putKey('g', 'of somebody else');
      expect((await listed('g')).mtime).toBeGreaterThan(1_700_000_000);
      expect((await listed('g')).mode).toBe(0o644);
    });

    test('what else an object has is kept when its attributes or its end change', async () => {
      await bucket.client.send(
        new PutObjectCommand({
          Bucket: bucket.name,
          Key: `home/${directory}/f`,
          Body: 'content',
          ContentType: 'text/plain',
          CacheControl: 'no-store',
          ContentDisposition: 'attachment',
        }),
      );
      await store.setAttributes(storePath(at('f')), { mtime: 5 }, { followSymlinks: true });
      const handle = await store.openWrite(storePath(at('f')), writeOptions({ truncate: false }));
      await writeAt(handle, 7, ' and more');
      await handle.close();
      expect(await head('f')).toMatchObject({
        ContentType: 'text/plain',
        CacheControl: 'no-store',
        ContentDisposition: 'attachment',
        ContentLength: 16,
      });
    });

    test('our own records can be neither seen nor named', async () => {
      await bucket.client.send(
        new PutObjectCommand({ Bucket: bucket.name, Key: 'home/.latticeport/renames/x', Body: '{}' }),
      );
      expect((await listAll(store, storePath(''))).map((entry) => entry.name)).not.toContain('.latticeport');
      for (const path of ['.latticeport', '.latticeport/renames/x']) {
        await expectError(store.stat(storePath(path), { followSymlinks: true }), 'permission-denied');
        await expectError(store.openRead(storePath(path)), 'permission-denied');
        await expectError(store.openWrite(storePath(path), writeOptions()), 'permission-denied');
        await expectError(store.remove(storePath(path)), 'permission-denied');
      }
    });
  });
}
