// Every row of the request table is refused where its permission is missing, in read-only mode, and by the lists.
import { describe, expect, test } from '@jest/globals';
import { EXTENSIONS, REQUEST_NAMES, REQUESTS } from '../../src/sftp/request-table.ts';
import { SSH_FX, SSH_FXF, SSH_FXP } from '../../src/sftp/protocol.ts';
import type { SftpSessionOptions } from '../../src/sftp/session.ts';
import { PERMISSIONS, READ_ONLY, READ_WRITE, type Permission } from '../../src/vfs/permissions.ts';
import { UserView } from '../../src/vfs/user-view.ts';
import type { SshWriter } from '../../src/wire/writer.ts';
import { MemoryStore } from '../../src/storage/memory/memory-store.ts';
import type { StoreCapabilities } from '../../src/storage/object-store.ts';
import { attributesBytes, SftpTestClient, statusOf } from './sftp-test-client.ts';
import { storePath } from '../storage/store-path.ts';

class LinkingStore extends MemoryStore {
  override readonly capabilities: StoreCapabilities = {
    hardlink: true,
    symlink: true,
    holdsSymlinks: false,
    serverSideCopy: true,
  };
}

interface Handles {
  readonly reading: Buffer;
  readonly writing: Buffer;
  readonly listing: Buffer;
}

/** A well-formed request of every name. */
const FIELDS: Record<string, (writer: SshWriter, handles: Handles) => void> = {
  open: (w) => w.string('/file').uint32(SSH_FXF.READ).bytes(attributesBytes()),
  close: (w, { reading }) => w.string(reading),
  read: (w, { reading }) => w.string(reading).uint64(0).uint32(10),
  write: (w, { writing }) => w.string(writing).uint64(0).string('x'),
  lstat: (w) => w.string('/file'),
  fstat: (w, { reading }) => w.string(reading),
  setstat: (w) => w.string('/file').bytes(attributesBytes({ mode: 0o600 })),
  fsetstat: (w, { writing }) => w.string(writing).bytes(attributesBytes({ mode: 0o600 })),
  opendir: (w) => w.string('/'),
  readdir: (w, { listing }) => w.string(listing),
  remove: (w) => w.string('/file'),
  mkdir: (w) => w.string('/new').bytes(attributesBytes()),
  rmdir: (w) => w.string('/empty'),
  realpath: (w) => w.string('.'),
  stat: (w) => w.string('/file'),
  rename: (w) => w.string('/file').string('/other'),
  readlink: (w) => w.string('/link'),
  symlink: (w) => w.string('/file').string('/link'),
  'posix-rename': (w) => w.string('/file').string('/other'),
  statvfs: (w) => w.string('/'),
  fstatvfs: (w, { reading }) => w.string(reading),
  hardlink: (w) => w.string('/file').string('/link'),
  fsync: (w, { writing }) => w.string(writing),
  lsetstat: (w) => w.string('/file').bytes(attributesBytes({ mode: 0o600 })),
  limits: () => undefined,
  'expand-path': (w) => w.string('~'),
  'copy-data': (w, { reading, writing }) => w.string(reading).uint64(0).uint64(0).string(writing).uint64(0),
  'home-directory': (w) => w.string(''),
  'users-groups-by-id': (w) => w.string('').string(''),
};

interface Setting {
  /** Taken away after the handles have been opened: what is refused is the request itself. */
  readonly without?: readonly Permission[];
  readonly session?: SftpSessionOptions;
}

/** The status of a request of that name, and the store that it was made to. */
async function ask(
  name: string,
  { without = [], session = {} }: Setting,
): Promise<{ code: number; store: MemoryStore }> {
  const store = new LinkingStore();
  const permissions = new Set(PERMISSIONS);
  const view = new UserView({ directories: [{ entry: '/', store, path: storePath('') }], permissions });
  const maker = await SftpTestClient.connect(view);
  await maker.put('/file', Buffer.from('content'));
  await maker.mkdir('/empty');
  const client = await SftpTestClient.connect(view, session);
  const opened = async (path: string, flags: number): Promise<Buffer> =>
    await client.open(path, flags).catch(() => Buffer.from('none'));
  const handles: Handles = {
    reading: await opened('/file', SSH_FXF.READ),
    writing: await opened('/out', SSH_FXF.WRITE | SSH_FXF.CREAT),
    listing: await client.opendir('/').catch(() => Buffer.from('none')),
  };
  for (const permission of without) permissions.delete(permission);
  const fields = FIELDS[name];
  const extension = EXTENSIONS.find((row) => row.name === name);
  const type = [...REQUESTS].find(([, row]) => row.name === name)?.[0] ?? SSH_FXP.EXTENDED;
  const answer = await client.request(type, (writer) => {
    if (extension !== undefined) writer.string(extension.extensionName);
    fields?.(writer, handles);
  });
  return { code: answer.type === SSH_FXP.STATUS ? statusOf(answer).code : SSH_FX.OK, store };
}

const ROWS = [...REQUESTS.values(), ...EXTENSIONS];
const DENIED = SSH_FX.PERMISSION_DENIED;

describe('the request table', () => {
  test('has every name once, and a sample of it is here', () => {
    expect(new Set(REQUEST_NAMES).size).toBe(REQUEST_NAMES.length);
    expect(Object.keys(FIELDS).sort()).toEqual([...REQUEST_NAMES].sort());
  });

  test.each(ROWS)('$name reaches the store of a user who may everything', async ({ name }) => {
    const { code } = await ask(name, {});
    // The store of this test has the capability of links and not the links.
    expect(code).toBe(['readlink', 'symlink', 'hardlink'].includes(name) ? SSH_FX.OP_UNSUPPORTED : SSH_FX.OK);
  });

  test.each(ROWS.filter(({ permission }) => permission !== 'none' && permission !== 'by flags'))(
    '$name needs the permission $permission',
    async ({ name, permission }) => {
      expect((await ask(name, { without: [permission as Permission] })).code).toBe(DENIED);
    },
  );

  test.each(ROWS)('$name is refused by a list that denies it, and by one that allows only others', async ({ name }) => {
    expect((await ask(name, { session: { deniedRequests: [name] } })).code).toBe(DENIED);
    const others = REQUEST_NAMES.filter((other) => other !== name);
    expect((await ask(name, { session: { allowedRequests: others } })).code).toBe(DENIED);
  });

  test.each(ROWS.filter(({ writes }) => writes === true))('$name is refused in read-only mode', async ({ name }) => {
    const { code, store } = await ask(name, { session: { readOnly: true } });
    expect(code).toBe(DENIED);
    expect(await store.stat(storePath('file'), { followSymlinks: true })).toMatchObject({ attributes: { size: 7 } });
    expect(await store.stat(storePath('empty'), { followSymlinks: true })).toMatchObject({ kind: 'directory' });
    await expect(store.stat(storePath('new'), { followSymlinks: true })).rejects.toMatchObject({ code: 'not-found' });
  });

  test.each(ROWS.filter(({ writes }) => writes === false))('$name is allowed in read-only mode', async ({ name }) => {
    const { code } = await ask(name, { session: { readOnly: true } });
    expect(code).toBe(name === 'readlink' ? SSH_FX.OP_UNSUPPORTED : SSH_FX.OK);
  });
});

describe('OPEN', () => {
  const { READ, WRITE, APPEND, CREAT, TRUNC } = SSH_FXF;
  const allWithout = (permission: Permission): Set<Permission> =>
    new Set(PERMISSIONS.filter((other) => other !== permission));

  test.each([
    ['WRITE', WRITE],
    ['APPEND', APPEND],
    ['CREAT', CREAT | READ],
    ['TRUNC', TRUNC | READ],
  ])('with %s is refused in read-only mode and without the permission to write', async (_name, flags) => {
    const store = new MemoryStore();
    const directories = [{ entry: '/', store, path: storePath('') }];
    await (
      await SftpTestClient.connect(new UserView({ directories, permissions: READ_WRITE }))
    ).put('/a', Buffer.from('x'));
    const readOnly = await SftpTestClient.connect(new UserView({ directories, permissions: READ_WRITE }), {
      readOnly: true,
    });
    await expect(readOnly.open('/a', flags)).rejects.toMatchObject({ code: DENIED });
    const view = new UserView({ directories, permissions: allWithout('write') });
    await expect((await SftpTestClient.connect(view)).open('/a', flags)).rejects.toMatchObject({ code: DENIED });
  });

  test('with READ needs the permission to read; a user who may only write uploads all the same', async () => {
    const directories = [{ entry: '/', store: new MemoryStore(), path: storePath('') }];
    const client = await SftpTestClient.connect(
      new UserView({ directories, permissions: new Set<Permission>(['write']) }),
    );
    await client.put('/in', Buffer.from('x'));
    await expect(client.open('/in', READ)).rejects.toMatchObject({ code: DENIED });
    await expect(client.open('/in', READ | WRITE)).rejects.toMatchObject({ code: DENIED });
    await expect(client.opendir('/')).rejects.toMatchObject({ code: DENIED });
  });

  test('a read-only user reads and lists, and changes nothing', async () => {
    const store = new MemoryStore();
    const directories = [{ entry: '/', store, path: storePath('') }];
    await (
      await SftpTestClient.connect(new UserView({ directories, permissions: READ_WRITE }))
    ).put('/a', Buffer.from('x'));
    const client = await SftpTestClient.connect(new UserView({ directories, permissions: READ_ONLY }));
    expect((await client.get('/a')).toString()).toBe('x');
    expect((await client.list('/')).map(({ name }) => name)).toContain('a');
    await expect(client.put('/b', Buffer.from('x'))).rejects.toMatchObject({ code: DENIED });
    await expect(client.remove('/a')).rejects.toMatchObject({ code: DENIED });
    await expect(client.rename('/a', '/b')).rejects.toMatchObject({ code: DENIED });
    await expect(client.setstat('/a', { size: 0 })).rejects.toMatchObject({ code: DENIED });
    await expect(client.mkdir('/d')).rejects.toMatchObject({ code: DENIED });
  });
});
