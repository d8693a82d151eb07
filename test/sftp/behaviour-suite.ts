// What an SFTP client may rely on, whatever the store: the promises of the README's table and the known compliance cases of
// SFTP servers over objects, stated as requests and answers.
import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { SSH_FX, SSH_FXF, SSH_FXP } from '../../src/sftp/protocol.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { READ_ONLY, READ_WRITE } from '../../src/vfs/permissions.ts';
import { UserView } from '../../src/vfs/user-view.ts';
import { attributesBytes, expectOk, SftpTestClient, type Attributes } from './sftp-test-client.ts';
import { storePath } from '../storage/store-path.ts';

const { READ, WRITE, APPEND, CREAT, TRUNC, EXCL } = SSH_FXF;
const MIB = 1024 * 1024;
const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex');

export interface BehaviourStore {
  readonly store: ObjectStore;
  cleanup(): Promise<unknown>;
}

export function describeBehaviour(name: string, open: () => Promise<BehaviourStore>): void {
  describe(`an SFTP client over ${name}`, () => {
    let opened: BehaviourStore;
    let client: SftpTestClient;
    let home = 0;

    beforeAll(async () => {
      opened = await open();
    }, 60_000);
    afterAll(async () => {
      await opened.cleanup();
    }, 60_000);
    beforeEach(async () => {
      home += 1;
      const view = new UserView({
        directories: [{ entry: '/', store: opened.store, path: storePath(`home-${home}`) }],
        permissions: READ_WRITE,
      });
      await view.prepare();
      client = await SftpTestClient.connect(view);
    });

    const connect = (permissions = READ_WRITE): Promise<SftpTestClient> =>
      SftpTestClient.connect(
        new UserView({
          directories: [{ entry: '/', store: opened.store, path: storePath(`home-${home}`) }],
          permissions,
        }),
      );
    const names = async (path: string): Promise<string[]> =>
      (await client.list(path)).map((entry) => entry.name).sort();

    test.each([0, 1, 32_768, 100_000, 12 * MIB + 1])('a file of %i bytes goes up and comes down', async (size) => {
      const data = randomBytes(size);
      await client.put('/a', data, 32_768);
      expect(await client.stat('/a')).toMatchObject({ size });
      expect(sha256(await client.get('/a', 261_120))).toBe(sha256(data));
    });

    test('names keep spaces, quotes, glob letters, dots and every script', async () => {
      const odd = [' lead', 'a b', `'"\``, '[*?]', '...', '.hidden', '日本語', 'é', 'e\u0301', '😀', '#%&+', '\\', '~'];
      for (const entry of odd) await client.put(`/${entry}`, Buffer.from(entry));
      expect(await names('/')).toEqual([...odd, '.', '..'].sort());
      for (const entry of odd) expect((await client.get(`/${entry}`)).toString()).toBe(entry);
    });

    test('no path leads out of the home', async () => {
      await opened.store.mkdir(storePath(`home-${home}-beside`), {});
      for (const path of ['/../home-1', '../..', `/../home-${home}-beside`, '/a/../../../etc/passwd']) {
        expect(await client.realpath(path)).not.toContain('..');
        await expect(client.open(path, READ)).rejects.toMatchObject({ name: 'Error' });
      }
      expect(await names('/..')).toEqual(['.', '..']);
    });

    test('the home itself cannot be removed; a directory that is not empty neither, and keeps what it has', async () => {
      await client.mkdir('/d');
      await client.put('/d/file', Buffer.from('content'));
      await expect(client.rmdir('/')).rejects.toMatchObject({ code: SSH_FX.PERMISSION_DENIED });
      await expect(client.remove('/')).rejects.toMatchObject({ code: SSH_FX.PERMISSION_DENIED });
      await expect(client.rmdir('/d')).rejects.toMatchObject({ code: SSH_FX.FAILURE });
      await expect(client.remove('/d')).rejects.toMatchObject({ name: 'Error' });
      expect((await client.get('/d/file')).toString()).toBe('content');
      await client.remove('/d/file');
      await client.rmdir('/d');
      expect(await names('/')).toEqual(['.', '..']);
    });

    test('writes out of order, back, overlapping and with holes make the file that they say', async () => {
      const data = randomBytes(3 * MIB);
      const handle = await client.open('/a', WRITE | CREAT | TRUNC);
      const block = 65_536;
      const offsets = Array.from({ length: data.length / block }, (_, index) => index * block);
      const shuffled = offsets.toSorted((a, b) => ((a * 7919) % 101) - ((b * 7919) % 101));
      await Promise.all(shuffled.map((offset) => client.write(handle, offset, data.subarray(offset, offset + block))));
      data.fill('x', 1000, 1010);
      await client.write(handle, 1000, 'x'.repeat(10));
      await client.write(handle, data.length + 10, 'end');
      await client.close(handle);
      expect(sha256(await client.get('/a'))).toBe(sha256(Buffer.concat([data, Buffer.alloc(10), Buffer.from('end')])));
    });

    test('a file open for reading and writing shows its own writes', async () => {
      await client.put('/a', Buffer.from('abcdef'));
      const handle = await client.open('/a', READ | WRITE);
      await client.write(handle, 2, 'XY');
      expect(String(await client.read(handle, 0, 100))).toBe('abXYef');
      expect((await client.get('/a')).toString()).toBe('abXYef');
      expect((await (await connect()).get('/a')).toString()).toBe('abcdef');
      await client.close(handle);
      expect((await client.get('/a')).toString()).toBe('abXYef');
    });

    test('append and resume add to what is there', async () => {
      const data = randomBytes(600_000);
      await client.put('/a', data.subarray(0, 300_000));
      const resumed = await client.open('/a', WRITE);
      await client.write(resumed, 300_000, data.subarray(300_000, 500_000));
      await client.close(resumed);
      const appended = await client.open('/a', WRITE | APPEND);
      await client.write(appended, 0, data.subarray(500_000));
      await client.close(appended);
      expect(sha256(await client.get('/a'))).toBe(sha256(data));
    });

    test('SETSTAT size cuts off and fills up, by path and by handle', async () => {
      await client.put('/a', Buffer.from('abcdef'));
      await client.setstat('/a', { size: 3 });
      await client.setstat('/a', { size: 5 });
      const handle = await client.open('/a', WRITE);
      await client.fsetstat(handle, { size: 6 });
      await client.close(handle);
      expect((await client.get('/a')).toString('latin1')).toBe('abc\0\0\0');
    });

    test('EXCL makes a file once only', async () => {
      const handle = await client.open('/a', WRITE | CREAT | EXCL);
      await client.close(handle);
      await expect(client.open('/a', WRITE | CREAT | EXCL)).rejects.toMatchObject({ code: SSH_FX.FAILURE });
    });

    test('the old file stays readable for others until the new one is closed; the last to close wins', async () => {
      const other = await connect();
      await client.put('/a', Buffer.from('old'));
      const first = await client.open('/a', WRITE | CREAT | TRUNC);
      const second = await client.open('/a', WRITE | CREAT | TRUNC);
      await client.write(first, 0, 'first writer');
      await client.write(second, 0, 'second');
      expect((await other.get('/a')).toString()).toBe('old');
      await client.close(second);
      expect((await other.get('/a')).toString()).toBe('second');
      await client.close(first);
      expect((await other.get('/a')).toString()).toBe('first writer');
    });

    test('what is being written is seen and set by path too; a listing of others shows it from CLOSE on', async () => {
      const other = await connect();
      const opening = client.open('/a', WRITE | CREAT | TRUNC);
      const looking = client.lstat('/a');
      const handle = await opening;
      expect(await looking).toMatchObject({ size: 0 });
      await client.write(handle, 0, 'twelve bytes');
      expect(await client.stat('/a')).toMatchObject({ size: 12 });
      expect(await other.stat('/a')).toMatchObject({ size: 12 });
      expect((await other.list('/')).map(({ name }) => name)).not.toContain('a');
      expect((await client.list('/')).map(({ name }) => name)).toContain('a');
      await client.setstat('/a', { size: 6, mode: 0o600, mtime: 1_300_000_000 });
      await client.close(handle);
      const expected = { size: 6, mode: 0o100600, mtime: 1_300_000_000 };
      expect(await client.stat('/a')).toMatchObject(expected);
      expect(await other.lstat('/a')).toMatchObject(expected);
      expect((await other.get('/a')).toString()).toBe('twelve');
    });

    test("WinSCP's upload: size in OPEN, FSETSTAT before CLOSE, rename over the target, SETSTAT", async () => {
      await client.put('/report.csv', Buffer.from('previous'));
      const handle = await client.open('/report.csv.filepart', WRITE | CREAT | TRUNC, { size: 1_000_000, mode: 0o644 });
      await client.write(handle, 0, 'next');
      await client.fsetstat(handle, { mtime: 1_500_000_000 });
      await client.close(handle);
      await expect(client.rename('/report.csv.filepart', '/report.csv')).rejects.toMatchObject({
        code: SSH_FX.FAILURE,
      });
      await client.posixRename('/report.csv.filepart', '/report.csv');
      expect(await client.stat('/report.csv')).toMatchObject({ size: 4, mtime: 1_500_000_000 });
      await client.setstat('/report.csv', { mtime: 1_600_000_000, mode: 0o640 });
      expect(await client.stat('/report.csv')).toMatchObject({ mtime: 1_600_000_000, mode: 0o100640 });
      expect(await names('/')).toEqual(['.', '..', 'report.csv']);
    });

    test('mode and times in OPEN are those of the file', async () => {
      const handle = await client.open('/a', WRITE | CREAT | TRUNC, { mode: 0o600, mtime: 1_400_000_000 });
      await client.write(handle, 0, randomBytes(100_000));
      await client.close(handle);
      expect(await client.stat('/a')).toMatchObject({ size: 100_000, mode: 0o100600 });
    });

    test('a rename onto itself does nothing, plain or posix', async () => {
      await client.put('/a', Buffer.from('content'));
      await client.posixRename('/a', '/a');
      await client.rename('/a', '/a').catch(() => undefined);
      expect((await client.get('/a')).toString()).toBe('content');
    });

    test('a directory is renamed with all that is in it', async () => {
      await client.mkdir('/from');
      await client.mkdir('/from/deep');
      await client.put('/from/deep/file', Buffer.from('content'));
      await client.put('/from/other', Buffer.from('other'));
      await client.rename('/from', '/to');
      expect(await names('/')).toEqual(['.', '..', 'to']);
      expect((await client.get('/to/deep/file')).toString()).toBe('content');
      expect((await client.get('/to/other')).toString()).toBe('other');
    });

    test('copy-data copies a file inside the server', async () => {
      const data = randomBytes(2 * MIB + 3);
      await client.put('/a', data, 261_120);
      const source = await client.open('/a', READ);
      const target = await client.open('/b', WRITE | CREAT | TRUNC);
      expectOk(
        await client.extended('copy-data', (w) => w.string(source).uint64(0).uint64(0).string(target).uint64(0)),
      );
      await client.close(target);
      await client.close(source);
      expect(sha256(await client.get('/b', 261_120))).toBe(sha256(data));
    });

    test('thousands of pipelined reads past the end all answer EOF', async () => {
      await client.put('/a', Buffer.from('abc'));
      const handle = await client.open('/a', READ);
      const reads = Array.from({ length: 4000 }, (_, index) => client.read(handle, 3 + index * 32_768, 32_768));
      expect((await Promise.all(reads)).every((data) => data === undefined)).toBe(true);
    });

    test('a download is whole under a storm of other requests', async () => {
      const data = randomBytes(5 * MIB);
      await client.put('/big', data, 261_120);
      await client.put('/small', Buffer.from('s'));
      const storm = await connect();
      const storming = Promise.all(
        Array.from({ length: 300 }, (_, index) =>
          index % 3 === 0 ? storm.stat('/small') : index % 3 === 1 ? storm.list('/') : storm.realpath('x'),
        ),
      );
      const downloads = await Promise.all([connect(), connect(), connect()]);
      const got = await Promise.all(downloads.map(async (each) => sha256(await each.get('/big'))));
      await storming;
      expect(new Set(got)).toEqual(new Set([sha256(data)]));
    });

    test('a client that stops taking answers in mid-transfer goes on where it was', async () => {
      const data = randomBytes(2 * MIB);
      await client.put('/a', data, 261_120);
      const slow = await connect();
      const resume = setInterval(() => {
        slow.writable = !slow.writable;
        if (slow.writable) slow.session.drained();
      }, 2);
      try {
        expect(sha256(await slow.get('/a'))).toBe(sha256(data));
      } finally {
        clearInterval(resume);
      }
    });

    test('a disconnect with an open file leaves the bytes received', async () => {
      const other = await connect();
      const handle = await other.open('/a', WRITE | CREAT | TRUNC);
      await other.write(handle, 0, 'received');
      await other.session.abort('the connection is gone');
      expect((await client.get('/a')).toString()).toBe('received');
    });

    test('a user who may only read changes nothing', async () => {
      await client.put('/a', Buffer.from('content'));
      await client.mkdir('/d');
      const reader = await connect(READ_ONLY);
      expect((await reader.get('/a')).toString()).toBe('content');
      expect((await reader.list('/')).length).toBe(4);
      expect(await reader.stat('/a')).toMatchObject({ size: 7 });
      const refused = { code: SSH_FX.PERMISSION_DENIED };
      await expect(reader.open('/a', WRITE)).rejects.toMatchObject(refused);
      await expect(reader.open('/new', WRITE | CREAT)).rejects.toMatchObject(refused);
      await expect(reader.open('/a', READ | TRUNC)).rejects.toMatchObject(refused);
      await expect(reader.remove('/a')).rejects.toMatchObject(refused);
      await expect(reader.mkdir('/new')).rejects.toMatchObject(refused);
      await expect(reader.rmdir('/d')).rejects.toMatchObject(refused);
      await expect(reader.rename('/a', '/b')).rejects.toMatchObject(refused);
      await expect(reader.posixRename('/a', '/b')).rejects.toMatchObject(refused);
      await expect(reader.setstat('/a', { mode: 0o777 })).rejects.toMatchObject(refused);
      await expect(reader.one(SSH_FXP.SYMLINK, '/a', '/l')).rejects.toMatchObject(refused);
      expect(await names('/')).toEqual(['.', '..', 'a', 'd']);
    });

    test('no mode ever has the set-user-id or the set-group-id bit', async () => {
      const bits = async (path: string): Promise<string> =>
        (((await client.stat(path)).mode ?? 0) & 0o7777).toString(8);
      const put = async (path: string, attributes: Attributes): Promise<Buffer> => {
        const handle = await client.open(path, WRITE | CREAT | TRUNC, attributes);
        await client.write(handle, 0, Buffer.from('#!/bin/sh'));
        return handle;
      };
      await client.close(await put('/open', { mode: 0o6755 }));
      const handle = await put('/fsetstat', {});
      await client.fsetstat(handle, { mode: 0o6711 });
      await client.close(handle);
      await client.close(await put('/setstat', {}));
      await client.setstat('/setstat', { mode: 0o7755 });
      await client.close(await put('/lsetstat', {}));
      expectOk(
        await client.extended('lsetstat@openssh.com', (w) =>
          w.string('/lsetstat').bytes(attributesBytes({ mode: 0o4700 })),
        ),
      );
      await client.mkdir('/mkdir', { mode: 0o6755 });
      await client.mkdir('/directory');
      await client.setstat('/directory', { mode: 0o3775 });
      const expected = {
        '/open': '755',
        '/fsetstat': '711',
        '/setstat': '1755',
        '/lsetstat': '700',
        '/mkdir': '755',
        '/directory': '1775',
      };
      for (const [path, mode] of Object.entries(expected)) expect([path, await bits(path)]).toEqual([path, mode]);
    });

    test('links are made, or refused as unsupported: never half', async () => {
      await client.put('/a', Buffer.from('content'));
      if (opened.store.capabilities.symlink) {
        await client.one(SSH_FXP.SYMLINK, 'a', '/link');
        expect(await client.path(SSH_FXP.READLINK, '/link')).toBe('a');
        expect((await client.get('/link')).toString()).toBe('content');
      } else {
        await expect(client.one(SSH_FXP.SYMLINK, 'a', '/link')).rejects.toMatchObject({ code: SSH_FX.OP_UNSUPPORTED });
        await expect(client.path(SSH_FXP.READLINK, '/a')).rejects.toMatchObject({ name: 'Error' });
      }
      expect(client.extensions.has('hardlink@openssh.com')).toBe(opened.store.capabilities.hardlink);
    });
  });
}
