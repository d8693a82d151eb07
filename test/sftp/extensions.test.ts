// Every extension with the bytes of its request and its answer written out.
import { describe, expect, test } from '@jest/globals';
import { EXTENSIONS } from '../../src/sftp/request-table.ts';
import { SftpSession, type SftpSessionOptions } from '../../src/sftp/session.ts';
import { SSH_FX, SSH_FXF } from '../../src/sftp/protocol.ts';
import { READ_WRITE } from '../../src/vfs/permissions.ts';
import { UserView } from '../../src/vfs/user-view.ts';
import { MemoryStore } from '../../src/storage/memory/memory-store.ts';
import type { StoreCapabilities } from '../../src/storage/object-store.ts';
import { memoryView } from './memory-view.ts';
import { SftpTestClient } from './sftp-test-client.ts';
import { storePath } from '../storage/store-path.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const text = (value: string): string => {
  const bytes = Buffer.from(value);
  return bytes.length.toString(16).padStart(8, '0') + bytes.toString('hex');
};
/** Length field and all. */
const framed = (body: string): Buffer => {
  const bytes = hex(body);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};
const STATUS_OK = framed(`65 00000007 00000000 ${text('Success.')} ${text('en')}`);

/** A session that has had its INIT; `ask` gives the bytes of the answer to the bytes of a request. */
async function wire(
  view: UserView,
  options: SftpSessionOptions = {},
  window = 8 * 1024 ** 2,
): Promise<{ ask: (request: Buffer) => Promise<Buffer>; version: Buffer }> {
  let waiting: ((bytes: Buffer) => void) | undefined;
  const session = new SftpSession(
    {
      write: (chunks) => {
        waiting?.(Buffer.concat(chunks));
        return true;
      },
      consumed: () => undefined,
      window: () => window,
      close: () => undefined,
    },
    view,
    options,
  );
  const ask = (request: Buffer): Promise<Buffer> =>
    new Promise((resolve) => {
      waiting = resolve;
      session.receive(request);
    });
  return { ask, version: await ask(hex('00000005 01 00000003')) };
}

const extended = (name: string, rest: string): Buffer => framed(`c8 00000007 ${text(name)} ${rest}`);

async function withFiles(): Promise<{ view: UserView; store: MemoryStore; client: SftpTestClient }> {
  const { view, store } = memoryView({ now: () => 1_000_000_000, capacity: 1024 * 1024 });
  const client = await SftpTestClient.connect(view);
  await client.put('/a', Buffer.from('aaa'));
  await client.put('/b', Buffer.from('bbbbb'));
  return { view, store, client };
}

class LinkingStore extends MemoryStore {
  override readonly capabilities: StoreCapabilities = {
    hardlink: true,
    symlink: true,
    holdsSymlinks: false,
    serverSideCopy: true,
  };
  readonly links: string[] = [];
  override hardlink(existing: string, link: string): Promise<void> {
    this.links.push(`${link} = ${existing}`);
    return Promise.resolve();
  }
}

describe('SSH_FXP_VERSION', () => {
  test('lists the extensions as pairs of strings', async () => {
    const { version } = await wire(memoryView().view);
    expect(version.subarray(4, 4 + 1 + 4 + 4 + 24 + 4 + 1)).toEqual(
      hex(`02 00000003 ${text('posix-rename@openssh.com')} ${text('1')}`),
    );
    expect(version.readUInt32BE()).toBe(version.length - 4);
  });

  test('has hardlink where a store can do it', async () => {
    const view = new UserView({
      directories: [{ entry: '/', store: new LinkingStore(), path: storePath('') }],
      permissions: READ_WRITE,
    });
    const client = await SftpTestClient.connect(view);
    expect([...client.extensions]).toEqual(EXTENSIONS.map(({ extensionName, revision }) => [extensionName, revision]));
  });

  test('leaves out what the session may not', async () => {
    const { view } = memoryView();
    const readOnly = await SftpTestClient.connect(view, { readOnly: true });
    expect([...readOnly.extensions.keys()]).toEqual([
      'statvfs@openssh.com',
      'fstatvfs@openssh.com',
      'limits@openssh.com',
      'expand-path@openssh.com',
      'home-directory',
      'users-groups-by-id@openssh.com',
    ]);
    const denied = await SftpTestClient.connect(view, { deniedRequests: ['limits', 'copy-data'] });
    expect(denied.extensions.has('limits@openssh.com')).toBe(false);
    expect(denied.extensions.has('copy-data')).toBe(false);
    expect(denied.extensions.has('fsync@openssh.com')).toBe(true);
  });
});

test('posix-rename@openssh.com replaces the target', async () => {
  const { view, client } = await withFiles();
  const { ask } = await wire(view);
  expect(await ask(extended('posix-rename@openssh.com', `00000002 2f61 00000002 2f62`))).toEqual(STATUS_OK);
  expect((await client.get('/b')).toString()).toBe('aaa');
  await expect(client.stat('/a')).rejects.toMatchObject({ code: SSH_FX.NO_SUCH_FILE });
});

test('fsync@openssh.com of a file open for writing, and for reading, where everything is stored already', async () => {
  const { client } = await withFiles();
  const writing = await client.open('/a', SSH_FXF.WRITE);
  const reading = await client.open('/a', SSH_FXF.READ);
  const synced = await client.extended('fsync@openssh.com', (w) => w.string(writing));
  expect(synced.body.subarray(0, 4)).toEqual(hex('00000000'));
  const stored = await client.extended('fsync@openssh.com', (w) => w.string(reading));
  expect(stored.body.subarray(0, 4)).toEqual(hex('00000000'));
});

test('statvfs@openssh.com answers eleven numbers', async () => {
  const { view, store } = await withFiles();
  const { blockSize, totalBlocks, freeBlocks, totalFiles, freeFiles, maxNameBytes } = await store.statistics(
    storePath(''),
  );
  const u64 = (value: number): string => value.toString(16).padStart(16, '0');
  const answer = (flags: string): Buffer =>
    framed(
      `c9 00000007 ${u64(blockSize)} ${u64(blockSize)} ${u64(totalBlocks)} ${u64(freeBlocks)} ${u64(freeBlocks)}
       ${u64(totalFiles)} ${u64(freeFiles)} ${u64(freeFiles)} 0000000000000000 ${flags} ${u64(maxNameBytes)}`,
    );
  const request = extended('statvfs@openssh.com', '00000001 2f');
  expect(await (await wire(view)).ask(request)).toEqual(answer('0000000000000002'));
  expect(await (await wire(view, { readOnly: true })).ask(request)).toEqual(answer('0000000000000003'));
});

test('fstatvfs@openssh.com takes a handle', async () => {
  const { client } = await withFiles();
  const handle = await client.opendir('/');
  const byHandle = await client.extended('fstatvfs@openssh.com', (w) => w.string(handle));
  const byPath = await client.extended('statvfs@openssh.com', (w) => w.string('/'));
  expect(byHandle.body).toEqual(byPath.body);
  expect(byHandle.body).toHaveLength(88);
});

test('hardlink@openssh.com takes the old path and then the new one', async () => {
  const store = new LinkingStore();
  const view = new UserView({ directories: [{ entry: '/', store, path: storePath('') }], permissions: READ_WRITE });
  const { ask } = await wire(view);
  expect(await ask(extended('hardlink@openssh.com', '00000002 2f61 00000002 2f62'))).toEqual(STATUS_OK);
  expect(store.links).toEqual(['b = a']);
});

test('limits@openssh.com tells packet, read, write and handles', async () => {
  const { ask } = await wire(memoryView().view, { limits: { openHandles: 100 } });
  expect(await ask(extended('limits@openssh.com', ''))).toEqual(
    framed('c9 00000007 0000000000040000 000000000003fc00 000000000003fc00 0000000000000064'),
  );
  // Where many send, each has a small window: 32 KiB fit into the least one.
  const crowded = await wire(memoryView().view, { limits: { openHandles: 100 } }, 100_000);
  expect(await crowded.ask(extended('limits@openssh.com', ''))).toEqual(
    framed('c9 00000007 0000000000040000 000000000003fc00 0000000000008000 0000000000000064'),
  );
});

test('lsetstat@openssh.com sets times', async () => {
  const { view, client } = await withFiles();
  const { ask } = await wire(view);
  expect(await ask(extended('lsetstat@openssh.com', '00000002 2f61 00000008 3b9aca01 3b9aca02'))).toEqual(STATUS_OK);
  expect(await client.stat('/a')).toMatchObject({ atime: 1_000_000_001, mtime: 1_000_000_002 });
});

describe('expand-path@openssh.com', () => {
  const view = new UserView({
    directories: [{ entry: '/', store: new MemoryStore(), path: storePath('') }],
    home: '/home/tester',
    userName: 'tester',
    permissions: READ_WRITE,
  });
  const onePath = (path: string): Buffer => framed(`68 00000007 00000001 ${text(path)} ${text(path)} 00000000`);

  test.each([
    ['~', '/home/tester'],
    ['~/', '/home/tester'],
    ['~/a/../b', '/home/tester/b'],
    ['~tester/x', '/home/tester/x'],
    ['relative', '/home/tester/relative'],
    ['/absolute/', '/absolute'],
    ['/a/~', '/a/~'],
  ])('%s is %s', async (path, expected) => {
    const { ask } = await wire(view);
    expect(await ask(extended('expand-path@openssh.com', text(path)))).toEqual(onePath(expected));
  });

  test('tells no homes of others', async () => {
    const client = await SftpTestClient.connect(view);
    const answer = await client.extended('expand-path@openssh.com', (w) => w.string('~root/x'));
    expect(answer.body.subarray(0, 4)).toEqual(hex('00000004'));
  });

  test('home-directory has the same homes by name', async () => {
    const { ask } = await wire(view);
    expect(await ask(extended('home-directory', text('')))).toEqual(onePath('/home/tester'));
    expect(await ask(extended('home-directory', text('tester')))).toEqual(onePath('/home/tester'));
    expect((await ask(extended('home-directory', text('root')))).subarray(9, 13)).toEqual(hex('00000004'));
  });
});

describe('copy-data', () => {
  test('copies a part of one open file into another', async () => {
    const { client } = await withFiles();
    const source = await client.open('/b', SSH_FXF.READ);
    const target = await client.open('/a', SSH_FXF.WRITE);
    const answer = await client.extended('copy-data', (w) =>
      w.string(source).bytes(hex('0000000000000001 0000000000000002')).string(target).bytes(hex('0000000000000002')),
    );
    expect(answer.body.subarray(0, 4)).toEqual(hex('00000000'));
    await client.close(target);
    expect((await client.get('/a')).toString()).toBe('aabb');
  });

  test('a length of zero means up to the end; a length past it is EOF', async () => {
    const { client } = await withFiles();
    const source = await client.open('/b', SSH_FXF.READ);
    const target = await client.open('/c', SSH_FXF.WRITE | SSH_FXF.CREAT);
    const copy = (from: number, length: number, to: number): Promise<{ body: Buffer }> =>
      client.extended('copy-data', (w) => w.string(source).uint64(from).uint64(length).string(target).uint64(to));
    expect((await copy(0, 0, 0)).body.subarray(0, 4)).toEqual(hex('00000000'));
    expect((await copy(0, 6, 5)).body.subarray(0, 4)).toEqual(hex('00000001'));
    await client.close(target);
    expect((await client.get('/c')).toString()).toBe('bbbbbbbbbb');
  });

  test('of a file into itself is refused', async () => {
    const { client } = await withFiles();
    const both = await client.open('/a', SSH_FXF.READ | SSH_FXF.WRITE);
    const reading = await client.open('/a', SSH_FXF.READ);
    for (const source of [both, reading]) {
      const answer = await client.extended('copy-data', (w) =>
        w.string(source).uint64(0).uint64(0).string(both).uint64(3),
      );
      expect(answer.body.subarray(0, 4)).toEqual(hex('00000004'));
    }
    await client.close(both);
  });
});

test('users-groups-by-id@openssh.com names the numbers that have names', async () => {
  const names = {
    user: (uid: number) => (uid === 0 ? 'root' : undefined),
    group: (gid: number) => (gid === 5 ? 'tty' : undefined),
  };
  const { ask } = await wire(memoryView().view, { names });
  expect(await ask(extended('users-groups-by-id@openssh.com', '00000008 00000000 000003e8 00000004 00000005'))).toEqual(
    framed(`c9 00000007 0000000c 00000004 726f6f74 00000000 00000007 00000003 747479`),
  );
  const cutOff = await ask(extended('users-groups-by-id@openssh.com', '00000003 000000 00000000'));
  expect(cutOff.subarray(9, 13)).toEqual(hex('00000005'));
});
