// What a role that has a home and nothing beside it can do in a store whose own records lie elsewhere.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ObjectStore, OpenWriteOptions } from '../../../../src/storage/object-store.ts';
import { S3Store } from '../../../../src/storage/s3/s3-store.ts';
import { moto } from '../../../peers/s3-endpoints.ts';
import { storePath } from '../../store-path.ts';
import { AccountStore, OWN_KEY } from '../account-store.ts';
import { TestBucket } from '../s3-server.ts';

const PART = 5 * 1024 ** 2;
const NEW: OpenWriteOptions = {
  ...{ create: true, exclusive: false, truncate: true, append: false, read: false },
  attributes: {},
};

const describeWithMoto = moto.endpoint === undefined ? describe.skip : describe;

describeWithMoto(`a role with a home${moto.missing === null ? '' : ` (${moto.missing})`}`, () => {
  let account: AccountStore;
  let bucket: TestBucket;
  let store: S3Store;
  let role: ObjectStore;

  beforeAll(async () => {
    bucket = await TestBucket.create(moto.endpoint ?? '');
    account = await AccountStore.start(moto.endpoint ?? '');
    store = await S3Store.open(
      bucket.options({ endpoint: account.endpoint, credentials: OWN_KEY, partBytes: PART, partsInFlight: 2 }),
    );
    role = store.assuming(roleOf('anna'));
    await role.mkdir(storePath('anna'), {});
  });
  afterAll(async () => {
    await store.close();
    await bucket.destroy();
    await account.stop();
  });

  const roleOf = (home: string): Parameters<S3Store['assuming']>[0] => {
    const arn = `arn:aws:s3:::${bucket.name}`;
    const listing = { StringLike: { 's3:prefix': [`${home}/*`] } };
    const policy = JSON.stringify({
      Statement: [
        { Effect: 'Allow', Action: 's3:ListBucket', Resource: arn, Condition: listing },
        { Effect: 'Allow', Action: 's3:*', Resource: `${arn}/${home}/*` },
      ],
    });
    return { arn: 'arn:aws:iam::1:role/home', sessionName: `${home}@s-1`, durationSeconds: 900, policy };
  };

  async function put(path: string, ...pieces: (readonly [number, Buffer])[]): Promise<void> {
    const handle = await role.openWrite(storePath(path), NEW);
    for (const [offset, bytes] of pieces) await handle.write(offset, [bytes]);
    await handle.close();
  }

  async function namesIn(from: ObjectStore, path: string): Promise<string[]> {
    const names: string[] = [];
    for await (const page of from.list(storePath(path))) names.push(...page.map(({ name }) => name));
    return names.sort();
  }

  /** The only keys outside of the home, and the only ones that the store's own key has touched, are the store's records. */
  const expectApart = (): void => {
    const outside = account.asked.filter(({ key, status }) => status < 400 && !key.startsWith('anna'));
    expect(outside.filter(({ key }) => key !== '' && !key.startsWith('.latticeport/'))).toEqual([]);
    expect(new Set(outside.map(({ accessKeyId }) => accessKeyId))).toEqual(new Set([OWN_KEY.accessKeyId]));
  };

  test('is the same store for the same role, and another one for another policy', () => {
    expect(store.assuming(roleOf('anna'))).toBe(role);
    expect(store.assuming(roleOf('bert'))).not.toBe(role);
    expect(role.sameFilesAs).toBe(store);
  });

  test('a directory is renamed', async () => {
    await role.mkdir(storePath('anna/d'), {});
    await put('anna/d/a', [0, Buffer.from('a')]);
    await put('anna/d/b', [0, Buffer.from('b')]);
    await role.rename(storePath('anna/d'), storePath('anna/e'), { overwrite: false });
    expect(await namesIn(role, 'anna/e')).toEqual(['a', 'b']);
    expect(account.asked.some(({ key }) => key.startsWith('.latticeport/renames/'))).toBe(true);
    expectApart();
  });

  test('a large file is replaced by one whose beginning is written last; the old one is kept aside by the store', async () => {
    const bytes = Buffer.alloc(3 * PART + 10, 7);
    await put('anna/large', [0, bytes]);
    const next = Buffer.alloc(3 * PART + 10, 8);
    await put('anna/large', [0, next], [0, Buffer.from('head')]);
    next.write('head');
    const handle = await role.openRead(storePath('anna/large'));
    const read: Buffer[] = [];
    for (let at = 0; at < next.length; at += 1024 ** 2) read.push(await handle.read(at, 1024 ** 2));
    await handle.close();
    expect(Buffer.concat(read).equals(next)).toBe(true);
    // The store itself copies the old object, and asks nothing else of it.
    expect(account.asked.some(({ key }) => key.startsWith('.latticeport/kept/'))).toBe(true);
    expectApart();
  });

  test('what is beside the home is refused, and a name that begins alike is', async () => {
    const owned = await store.openWrite(storePath('anna2'), NEW);
    await owned.write(0, [Buffer.from('of somebody else')]);
    await owned.close();
    for (const path of ['anna2', 'other/file', 'other']) {
      const at = storePath(path);
      await expect(role.openRead(at)).rejects.toMatchObject({ code: 'permission-denied' });
      await expect(role.stat(at, { followSymlinks: true })).rejects.toMatchObject({ code: 'permission-denied' });
      await expect(role.openWrite(at, NEW)).rejects.toMatchObject({ code: 'permission-denied' });
      await expect(role.remove(at)).rejects.toMatchObject({ code: 'permission-denied' });
      await expect(role.mkdir(at, {})).rejects.toMatchObject({ code: 'permission-denied' });
      await expect(role.truncate(at, 0)).rejects.toMatchObject({ code: 'permission-denied' });
      await expect(role.copyFile(at, storePath('anna/stolen'))).rejects.toMatchObject({ code: 'permission-denied' });
      const target = storePath('anna/stolen');
      await expect(role.rename(at, target, { overwrite: true })).rejects.toMatchObject({ code: 'permission-denied' });
      await expect(role.rename(storePath('anna/e'), at, { overwrite: true })).rejects.toMatchObject({
        code: 'permission-denied',
      });
    }
    await expect(namesIn(role, '')).rejects.toMatchObject({ code: 'permission-denied' });
    expect(await namesIn(role, 'anna')).not.toContain('stolen');
    await store.remove(storePath('anna2'));
  });
});
