import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { SSH_FX, SSH_FXF, SSH_FXP } from '../../src/sftp/protocol.ts';
import { StorageError } from '../../src/storage/object-store.ts';
import { memoryView } from './memory-view.ts';
import { attributesBytes, packetBytes, SftpTestClient, statusOf } from './sftp-test-client.ts';
import { storePath } from '../storage/store-path.ts';

const { READ, WRITE, APPEND, CREAT, TRUNC, EXCL } = SSH_FXF;
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex');

async function connected(options: Parameters<typeof memoryView>[0] = {}): Promise<{
  client: SftpTestClient;
  store: ReturnType<typeof memoryView>['store'];
}> {
  const { store, view } = memoryView(options);
  return { client: await SftpTestClient.connect(view), store };
}

describe('INIT', () => {
  test('is answered with version 3 and the extensions that the stores can do', async () => {
    const { client } = await connected();
    expect(client.version).toBe(3);
    expect([...client.extensions]).toEqual([
      ['posix-rename@openssh.com', '1'],
      ['statvfs@openssh.com', '2'],
      ['fstatvfs@openssh.com', '2'],
      ['fsync@openssh.com', '1'],
      ['lsetstat@openssh.com', '1'],
      ['limits@openssh.com', '1'],
      ['expand-path@openssh.com', '1'],
      ['copy-data', '1'],
      ['home-directory', '1'],
      ['users-groups-by-id@openssh.com', '1'],
    ]);
  });

  test('that asks for version 6 gets 3 too', async () => {
    const client = new SftpTestClient(memoryView().view);
    await client.init(6);
    expect(client.version).toBe(3);
  });

  test('may carry extensions of the client', () => {
    const client = new SftpTestClient(memoryView().view);
    client.send(hex('0000001b 01 00000003 00000007 6e65776c696e65 00000007 6c696e65626f78'));
    expect(client.version).toBe(3);
  });

  test('twice, or a request before it, ends the session with status 1', async () => {
    const { client } = await connected();
    client.send(hex('00000005 01 00000003'));
    await client.closed();
    expect(client.exitStatus).toBe(1);

    const eager = new SftpTestClient(memoryView().view);
    eager.send(hex('0000000a 10 00000001 00000001 2e'));
    await eager.closed();
    expect(eager.exitStatus).toBe(1);
  });
});

describe('files', () => {
  test('a file goes up and comes down unchanged', async () => {
    const { client } = await connected();
    const data = randomBytes(1_000_003);
    await client.put('/a file with spaces.bin', data);
    expect(sha256(await client.get('/a file with spaces.bin'))).toBe(sha256(data));
    expect(await client.stat('/a file with spaces.bin')).toMatchObject({ size: data.length });
  });

  test('blocks of 255 KiB and of 256 KiB are taken, and reads of 255 KiB answered in full', async () => {
    const { client } = await connected();
    const data = randomBytes(2 * 1024 * 1024 + 1);
    await client.put('/a', data, 261_120);
    expect(sha256(await client.get('/a', 261_120))).toBe(sha256(data));
    await client.put('/b', data, 262_144);
    const handle = await client.open('/b', READ);
    expect(await client.read(handle, 0, 261_120)).toHaveLength(261_120);
    expect(await client.read(handle, 0, 0xffffffff)).toHaveLength(261_120);
  });

  test('a file of no bytes exists after CLOSE', async () => {
    const { client } = await connected();
    await client.put('/empty', Buffer.alloc(0));
    expect(await client.stat('/empty')).toMatchObject({ size: 0 });
    expect(await client.get('/empty')).toHaveLength(0);
  });

  test('writes out of order, back and overlapping make the file that they say', async () => {
    const { client } = await connected();
    const handle = await client.open('/a', READ | WRITE | CREAT | TRUNC);
    await Promise.all([
      client.write(handle, 5, 'world'),
      client.write(handle, 0, 'hello'),
      client.write(handle, 4, 'O w'),
    ]);
    expect((await client.read(handle, 0, 100))?.toString()).toBe('hellO wrld');
    await client.close(handle);
    expect((await client.get('/a')).toString()).toBe('hellO wrld');
  });

  test('APPEND writes at the end, whatever the offset', async () => {
    const { client } = await connected();
    await client.put('/log', Buffer.from('one'));
    const handle = await client.open('/log', WRITE | APPEND);
    await client.write(handle, 0, 'two');
    await client.write(handle, 1, 'three');
    await client.close(handle);
    expect((await client.get('/log')).toString()).toBe('onetwothree');
  });

  test('OPEN says what is wrong', async () => {
    const { client } = await connected();
    await client.put('/there', Buffer.from('x'));
    await client.mkdir('/dir');
    await expect(client.open('/missing', READ)).rejects.toMatchObject({ code: SSH_FX.NO_SUCH_FILE });
    await expect(client.open('/missing', WRITE)).rejects.toMatchObject({ code: SSH_FX.NO_SUCH_FILE });
    await expect(client.open('/there', WRITE | CREAT | EXCL)).rejects.toMatchObject({ code: SSH_FX.FAILURE });
    await expect(client.open('/dir', WRITE | CREAT)).rejects.toMatchObject({ code: SSH_FX.FAILURE });
    await expect(client.open('/there/below', READ)).rejects.toMatchObject({ code: SSH_FX.NO_SUCH_FILE });
    await expect(client.open('/no/parent', WRITE | CREAT)).rejects.toMatchObject({ code: SSH_FX.NO_SUCH_FILE });
  });

  test('a handle does only what it was opened for, and nothing after CLOSE', async () => {
    const { client } = await connected();
    await client.put('/a', Buffer.from('abc'));
    const reading = await client.open('/a', READ);
    const writing = await client.open('/b', WRITE | CREAT);
    const listing = await client.opendir('/');
    await expect(client.write(reading, 0, 'x')).rejects.toMatchObject({ code: SSH_FX.FAILURE });
    await expect(client.read(writing, 0, 1)).rejects.toMatchObject({ code: SSH_FX.FAILURE });
    await expect(client.read(listing, 0, 1)).rejects.toMatchObject({ code: SSH_FX.FAILURE });
    await expect(client.readdir(reading)).rejects.toMatchObject({ code: SSH_FX.FAILURE });
    await client.close(reading);
    await expect(client.read(reading, 0, 1)).rejects.toMatchObject({ code: SSH_FX.FAILURE });
    await expect(client.close(reading)).rejects.toMatchObject({ code: SSH_FX.FAILURE });
    for (const name of [Buffer.alloc(0), Buffer.alloc(3), Buffer.alloc(4), Buffer.alloc(256), Buffer.alloc(257)]) {
      await expect(client.close(name)).rejects.toMatchObject({ name: 'Error' });
    }
  });

  test('no more files are open than the limit says', async () => {
    const { view } = memoryView();
    const client = await SftpTestClient.connect(view, { limits: { openHandles: 3 } });
    const handles = await Promise.all(['/a', '/b', '/c'].map((path) => client.open(path, WRITE | CREAT)));
    await expect(client.open('/d', WRITE | CREAT)).rejects.toMatchObject({ code: SSH_FX.FAILURE });
    await expect(client.opendir('/')).rejects.toThrow('Too many open files: at most 3');
    await client.close(handles[0]!);
    await client.open('/d', WRITE | CREAT);
  });

  test('offsets beyond every file: EOF for READ, FAILURE for WRITE', async () => {
    const { client } = await connected();
    await client.put('/a', Buffer.from('abc'));
    const handle = await client.open('/a', READ | WRITE);
    const far = hex('ffffffffffffffff');
    const read = await client.request(SSH_FXP.READ, (w) => w.string(handle).bytes(far).uint32(10));
    expect(statusOf(read).code).toBe(SSH_FX.EOF);
    const written = await client.request(SSH_FXP.WRITE, (w) => w.string(handle).bytes(far).string('x'));
    expect(statusOf(written).code).toBe(SSH_FX.FAILURE);
  });

  test('a READ of no bytes is answered with no bytes', async () => {
    const { client } = await connected();
    await client.put('/a', Buffer.from('abc'));
    const handle = await client.open('/a', READ);
    expect(await client.read(handle, 0, 0)).toHaveLength(0);
  });

  test('1,000 pipelined reads past the end all answer EOF', async () => {
    const { client } = await connected();
    await client.put('/a', Buffer.from('abc'));
    const handle = await client.open('/a', READ);
    const reads = Array.from({ length: 1000 }, (_, index) => client.read(handle, 3 + index * 32_768, 32_768));
    expect(new Set(await Promise.all(reads))).toEqual(new Set([undefined]));
  });
});

describe('attributes', () => {
  test("WinSCP's upload: size in OPEN, SETSTAT by handle before CLOSE, rename, SETSTAT by path", async () => {
    const { client } = await connected();
    const handle = await client.open('/a.filepart', WRITE | CREAT | TRUNC, { size: 5_000, mode: 0o640 });
    await client.write(handle, 0, 'hello');
    await client.fsetstat(handle, { mode: 0o600, mtime: 1_000_000_000 });
    await client.close(handle);
    await client.posixRename('/a.filepart', '/a');
    await client.setstat('/a', { mtime: 1_200_000_000 });
    expect(await client.stat('/a')).toMatchObject({ size: 5, mode: 0o100600, mtime: 1_200_000_000 });
    expect(await client.lstat('/a')).toEqual(await client.stat('/a'));
  });

  test('mode and times of OPEN survive into the file; the mask takes bits away', async () => {
    const { client } = await connected();
    const handle = await client.open('/a', WRITE | CREAT, { mode: 0o100666, mtime: 1_000_000_000 });
    await client.close(handle);
    expect(await client.stat('/a')).toMatchObject({ mode: 0o100644, mtime: 1_000_000_000 });
    await client.mkdir('/d', { mode: 0o777 });
    expect(await client.stat('/d')).toMatchObject({ mode: 0o040755 });
  });

  test('a size in SETSTAT and FSETSTAT cuts off or fills up with zeros', async () => {
    const { client } = await connected();
    await client.put('/a', Buffer.from('abcdef'));
    await client.setstat('/a', { size: 3 });
    expect((await client.get('/a')).toString()).toBe('abc');
    const handle = await client.open('/a', WRITE);
    await client.fsetstat(handle, { size: 5 });
    await client.close(handle);
    expect((await client.get('/a')).toString('latin1')).toBe('abc\0\0');
  });

  test('FSTAT shows what was written so far', async () => {
    const { client } = await connected();
    const handle = await client.open('/a', WRITE | CREAT);
    void client.write(handle, 0, 'hello');
    expect(await client.fstat(handle)).toMatchObject({ size: 5 });
  });

  test('an empty SETSTAT is fine', async () => {
    const { client } = await connected();
    await client.put('/a', Buffer.from('abc'));
    await client.setstat('/a', {});
  });
});

describe('names', () => {
  test('RENAME moves, fails where the target is, and does nothing onto itself', async () => {
    const { client } = await connected();
    await client.put('/a', Buffer.from('A'));
    await client.put('/b', Buffer.from('B'));
    await expect(client.rename('/a', '/b')).rejects.toMatchObject({ code: SSH_FX.FAILURE });
    await client.rename('/a', '/c');
    await client.posixRename('/c', '/c');
    expect((await client.get('/c')).toString()).toBe('A');
    await expect(client.stat('/a')).rejects.toMatchObject({ code: SSH_FX.NO_SUCH_FILE });
    await client.posixRename('/c', '/b');
    expect((await client.get('/b')).toString()).toBe('A');
  });

  test('RENAME with flags after its names, as some clients send, is taken', async () => {
    const { client } = await connected();
    await client.put('/a', Buffer.from('A'));
    const answer = await client.request(SSH_FXP.RENAME, (w) => w.string('/a').string('/b').uint32(7));
    expect(statusOf(answer).code).toBe(SSH_FX.OK);
  });

  test('RMDIR refuses what is not empty, REMOVE a directory', async () => {
    const { client } = await connected();
    await client.mkdir('/d');
    await client.put('/d/file', Buffer.from('x'));
    await expect(client.rmdir('/d')).rejects.toMatchObject({ code: SSH_FX.FAILURE });
    await expect(client.remove('/d')).rejects.toMatchObject({ code: SSH_FX.FAILURE });
    expect((await client.get('/d/file')).toString()).toBe('x');
    await client.remove('/d/file');
    await client.rmdir('/d');
    await expect(client.mkdir('/')).rejects.toMatchObject({ code: SSH_FX.FAILURE });
    await expect(client.rmdir('/')).rejects.toMatchObject({ code: SSH_FX.PERMISSION_DENIED });
    await expect(client.remove('/')).rejects.toMatchObject({ code: SSH_FX.PERMISSION_DENIED });
  });

  test.each([
    ['.', '/'],
    ['', '/'],
    ['/', '/'],
    ['/..', '/'],
    ['/../../etc/passwd', '/etc/passwd'],
    ['a/./b//c/', '/a/b/c'],
    ['/a/b/../c', '/a/c'],
    ['...', '/...'],
    ['/.hidden', '/.hidden'],
  ])('REALPATH of "%s" is %s', async (path, expected) => {
    const { client } = await connected();
    expect(await client.realpath(path)).toBe(expected);
  });

  test('names that are no UTF-8, hold a NUL or are too long get a clear answer', async () => {
    const { client } = await connected();
    for (const name of [hex('2fff'), hex('2f610062'), Buffer.alloc(5000, 'a')]) {
      const answer = await client.request(SSH_FXP.STAT, (w) => w.string(name));
      expect(statusOf(answer)).toMatchObject({
        code: SSH_FX.FAILURE,
        message: expect.stringContaining('path'),
      });
    }
  });

  test('READLINK and SYMLINK are unsupported where the store has no links', async () => {
    const { client } = await connected();
    await client.put('/a', Buffer.from('x'));
    await expect(client.path(SSH_FXP.READLINK, '/a')).rejects.toMatchObject({ code: SSH_FX.OP_UNSUPPORTED });
    await expect(client.one(SSH_FXP.SYMLINK, '/a', '/b')).rejects.toMatchObject({ code: SSH_FX.OP_UNSUPPORTED });
  });
});

describe('listings', () => {
  test('have . and .., attributes and lines of ls -l', async () => {
    const { client } = await connected({ now: () => 1_000_000_000 });
    await client.put('/file', Buffer.from('hello'));
    await client.mkdir('/dir', { mode: 0o750 });
    const names = await client.list('/');
    expect(names.map(({ name }) => name).sort()).toEqual(['.', '..', 'dir', 'file']);
    const file = names.find(({ name }) => name === 'file');
    expect(file?.attributes).toMatchObject({ size: 5, mtime: 1_000_000_000 });
    expect(file?.longName).toMatch(/^-rw-r--r-- +1 0 +0 +5 Sep +\d+ +2001 file$/);
    expect(names.find(({ name }) => name === 'dir')?.longName).toMatch(/^drwxr-x--- /);
    expect(names.every(({ longName }) => longName.length > 0)).toBe(true);
  });

  test('of 10,000 names come in packets of bounded size, every name once', async () => {
    const { client, store } = await connected();
    await store.mkdir(storePath('big'), {});
    for (let index = 0; index < 10_000; index += 1) await store.mkdir(storePath(`big/directory-${index}`), {});
    const handle = await client.opendir('/big');
    const seen = new Set<string>();
    let pages = 0;
    for (;;) {
      const page = await client.readdir(handle);
      if (page === undefined) break;
      pages += 1;
      for (const { name } of page) seen.add(name);
      const bytes = page.reduce((sum, { name, longName }) => sum + 40 + name.length + longName.length, 0);
      expect(bytes).toBeLessThan(80_000);
    }
    expect(seen.size).toBe(10_002);
    expect(pages).toBeGreaterThan(10);
    expect(await client.readdir(handle)).toBeUndefined();
    await client.close(handle);
  });

  test('of what is no directory, or not there, fail at OPENDIR', async () => {
    const { client } = await connected();
    await client.put('/file', Buffer.from('x'));
    await expect(client.opendir('/file')).rejects.toMatchObject({ code: SSH_FX.NO_SUCH_FILE });
    await expect(client.opendir('/missing')).rejects.toMatchObject({ code: SSH_FX.NO_SUCH_FILE });
  });
});

describe('what is not understood', () => {
  test('a request of an unknown type or extension is unsupported', async () => {
    const { client } = await connected();
    const body = (): void => undefined;
    expect(statusOf(await client.request(99, body)).code).toBe(SSH_FX.OP_UNSUPPORTED);
    expect(statusOf(await client.request(SSH_FXP.STATUS, body)).code).toBe(SSH_FX.OP_UNSUPPORTED);
    expect(statusOf(await client.extended('no-such@example.com', body)).code).toBe(SSH_FX.OP_UNSUPPORTED);
    expect(statusOf(await client.extended('hardlink@openssh.com', body)).code).toBe(SSH_FX.OP_UNSUPPORTED);
  });

  test.each(Object.entries(SSH_FXP).filter(([, type]) => type >= SSH_FXP.OPEN && type <= SSH_FXP.SYMLINK))(
    'SSH_FXP_%s that ends after its id is a bad message',
    async (_name, type) => {
      const { client } = await connected();
      const answer = await client.request(type, () => undefined);
      expect(statusOf(answer).code).toBe(SSH_FX.BAD_MESSAGE);
      expect(await client.realpath('.')).toBe('/');
    },
  );

  test('bytes that are no packets end the session', async () => {
    const { client, store } = await connected();
    await client.open('/a', WRITE | CREAT);
    client.send(hex('ffffffff'));
    await client.closed();
    expect(client.exitStatus).toBe(1);
    expect(store.openHandles).toBe(0);
  });

  test('what a store throws without a type is an internal error: the client learns nothing of it', async () => {
    const { view } = memoryView({
      before: (operation) => {
        if (operation === 'mkdir') throw new TypeError('secret detail');
        return undefined;
      },
    });
    const errors: unknown[] = [];
    const client = await SftpTestClient.connect(view, {
      observer: { internalError: (request, error) => errors.push([request, (error as Error).message]) },
    });
    await expect(client.mkdir('/a')).rejects.toThrow('status 4: Internal error.');
    expect(errors).toEqual([['mkdir', 'secret detail']]);
  });

  test.each([
    ['not-found', SSH_FX.NO_SUCH_FILE],
    ['permission-denied', SSH_FX.PERMISSION_DENIED],
    ['exists', SSH_FX.FAILURE],
    ['unsupported', SSH_FX.OP_UNSUPPORTED],
    ['no-space', SSH_FX.FAILURE],
    ['unavailable', SSH_FX.FAILURE],
  ] as const)("a store's %s becomes status %i with its message", async (code, status) => {
    const { view } = memoryView({
      before: (operation) => {
        if (operation === 'mkdir') throw new StorageError(code, `It is ${code}.`, { detail: 'secret' });
        return undefined;
      },
    });
    const client = await SftpTestClient.connect(view);
    await expect(client.mkdir('/a')).rejects.toThrow(`status ${status}: It is ${code}.`);
  });
});

describe('the end', () => {
  test('requests sent before EOF are all answered, then the stream is closed with status 0', async () => {
    const { client, store } = await connected();
    const handle = await client.open('/a', WRITE | CREAT);
    const writes = Array.from({ length: 100 }, (_, index) => client.write(handle, index * 4, 'abcd'));
    const closing = client.close(handle);
    client.session.end();
    await Promise.all([...writes, closing]);
    await client.closed();
    expect(client.exitStatus).toBe(0);
    expect(store.openHandles).toBe(0);
    expect(await store.stat(storePath('a'), { followSymlinks: true })).toMatchObject({ attributes: { size: 400 } });
  });

  test.each(['store', 'discard'] as const)(
    'a file open at EOF is given up as partialUploads "%s" says',
    async (partialUploads) => {
      const { view, store } = memoryView({ partialUploads });
      const actions: unknown[] = [];
      const client = await SftpTestClient.connect(view, {
        observer: { action: (action) => actions.push(action), ended: (how) => actions.push(how) },
      });
      const handle = await client.open('/a', WRITE | CREAT);
      await client.write(handle, 0, 'abc');
      await client.end();
      expect(client.exitStatus).toBe(0);
      expect(store.openHandles).toBe(0);
      expect(actions.slice(1)).toEqual([
        {
          kind: 'partial-close',
          path: '/a',
          bytesRead: 0,
          bytesWritten: 3,
          milliseconds: expect.any(Number),
          outcome: partialUploads === 'store' ? 'stored' : 'discarded',
        },
        'end',
      ]);
      const stored = store.stat(storePath('a'), { followSymlinks: true });
      if (partialUploads === 'store') expect(await stored).toMatchObject({ attributes: { size: 3 } });
      else await expect(stored).rejects.toMatchObject({ code: 'not-found' });
    },
  );

  test('abort gives up every handle, those of files that were being opened too', async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { view, store } = memoryView({
      before: (operation, path) => (operation === 'openWrite' && path === 'slow' ? gate : undefined),
    });
    const client = await SftpTestClient.connect(view);
    const handle = await client.open('/a', WRITE | CREAT);
    await client.write(handle, 0, 'abc');
    await client.opendir('/');
    void client.open('/slow', WRITE | CREAT);
    void client.mkdir('/never');
    const aborted = client.session.abort('connection lost');
    let done = false;
    void aborted.then(() => {
      done = true;
    });
    await new Promise(setImmediate);
    expect(done).toBe(false);
    release();
    await aborted;
    expect(store.openHandles).toBe(0);
    expect(client.exitStatus).toBeUndefined();
    await expect(store.stat(storePath('never'), { followSymlinks: true })).rejects.toMatchObject({ code: 'not-found' });
    client.session.drained();
    client.session.end();
    client.session.receive(Buffer.from('more'));
    await client.session.abort('again');
  });

  test('a CLOSE that has come is carried out though the client is gone', async () => {
    const { view, store } = memoryView({ partialUploads: 'discard' });
    const client = await SftpTestClient.connect(view);
    const handle = await client.open('/a', WRITE | CREAT);
    void client.write(handle, 0, 'abc');
    void client.close(handle);
    await client.session.abort('connection lost');
    expect(await store.stat(storePath('a'), { followSymlinks: true })).toMatchObject({ attributes: { size: 3 } });
  });

  test('what came before that CLOSE is carried out too: half a file is never committed', async () => {
    const { view, store } = memoryView({ partialUploads: 'discard' });
    const client = await SftpTestClient.connect(view);
    const handle = await client.open('/a', WRITE | CREAT);
    void client.write(handle, 0, 'first half ');
    void client.fstat(handle);
    void client.write(handle, 11, 'second half');
    void client.close(handle);
    await client.session.abort('connection lost');
    expect(await store.stat(storePath('a'), { followSymlinks: true })).toMatchObject({ attributes: { size: 22 } });
  });

  test('EOF in the middle of a packet ends the session all the same', async () => {
    const { client } = await connected();
    client.send(packetBytes(SSH_FXP.MKDIR, Buffer.concat([hex('00000001'), attributesBytes()])).subarray(0, 7));
    await client.end();
    expect(client.exitStatus).toBe(0);
  });
});
