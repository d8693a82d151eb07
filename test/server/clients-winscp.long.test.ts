// The requests that WinSCP sends, one by one, and those of programs that write beside a file and rename over it (rsync on
// sshfs, editors): what is refused there is what most users of SFTP on S3 complain about.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SSH_FX, SSH_FXF, SSH_FXP } from '../../src/sftp/protocol.ts';
import { SshReader } from '../../src/wire/reader.ts';
import { readAttributesOf } from '../sftp/sftp-test-client.ts';
import { expectSameBytes, pattern } from '../storage/contract/store-driver.ts';
import { RawRequests, S_IFMT } from './clients-requests.ts';
import { ClientsSite, STORES } from './clients-site.ts';

const { WRITE, CREAT, TRUNC, READ } = SSH_FXF;
/** WinSCP sends so many bytes a WRITE. */
const block = 32_756;

for (const { kind, missing } of STORES) {
  describe(`WinSCP's requests on ${kind}`, () => {
    if (missing !== null) {
      test.skip(missing, () => undefined);
      return;
    }
    let site: ClientsSite;
    let sftp: RawRequests;

    beforeAll(async () => {
      site = await ClientsSite.open(kind);
      sftp = await RawRequests.connect(site.server.port);
    });

    afterAll(async () => {
      sftp.end();
      await site.close();
    });

    test('it opens a session: where am I, what is there', async () => {
      expect(await sftp.realpath('.')).toBe('/');
      expect(await sftp.realpath('/nowhere/../.')).toBe('/');
      expect(((await sftp.attributes('/')).mode ?? 0) & S_IFMT).toBe(0o040000);
      expect(await sftp.names('/')).toEqual([]);
    });

    test('it makes a directory and asks for it', async () => {
      expect(await sftp.mkdir('/in')).toBe(SSH_FX.OK);
      expect(await sftp.realpath('/in')).toBe('/in');
      expect(await sftp.setstat('/in', { mode: 0o755 })).toBe(SSH_FX.OK);
      expect(((await sftp.attributes('/in')).mode ?? 0) & S_IFMT).toBe(0o040000);
    });

    test.each([70_000, 6 * 1024 ** 2 + 5])(
      'it uploads %d bytes to a .filepart, sets the time, and renames it',
      async (size) => {
        const bytes = pattern(size, size);
        const [name, part] = [`/in/report ${size}.csv`, `/in/report ${size}.csv.filepart`];
        // Is it there already? Is a part of it?
        expect(await sftp.statusOn(SSH_FXP.LSTAT, name)).toBe(SSH_FX.NO_SUCH_FILE);
        expect(await sftp.statusOn(SSH_FXP.LSTAT, part)).toBe(SSH_FX.NO_SUCH_FILE);
        // Since version 6.5 with the size that it is going to have.
        const handle = await sftp.open(part, WRITE | CREAT | TRUNC, { size, mode: 0o644 });
        await sftp.write(handle, bytes, { block });
        await sftp.close(handle);
        expect(await sftp.setstat(part, { mtime: 1_700_000_001, atime: 1_700_000_000 })).toBe(SSH_FX.OK);
        expect(await sftp.rename(part, name)).toBe(SSH_FX.OK);
        expect(await sftp.attributes(name)).toMatchObject({ size, mtime: 1_700_000_001 });
        expect(await sftp.statusOn(SSH_FXP.LSTAT, part)).toBe(SSH_FX.NO_SUCH_FILE);
        expectSameBytes(await site.content(name.slice(1)), bytes);
        // The panel is read again, and shows the time that was set.
        expect((await sftp.list('/in')).get(name.slice('/in/'.length))).toMatchObject({ size, mtime: 1_700_000_001 });
      },
    );

    test.each(['removes it first', 'renames over it'] as const)('it overwrites a file: %s', async (how) => {
      await sftp.channel.put('/in/old', Buffer.from('the report of yesterday'));
      const bytes = pattern(150_000, 2);
      expect(await sftp.attributes('/in/old')).toMatchObject({ size: 23 });
      const handle = await sftp.open('/in/old.filepart', WRITE | CREAT | TRUNC, { size: bytes.length });
      await sftp.write(handle, bytes, { block });
      await sftp.close(handle);
      expect(await sftp.setstat('/in/old.filepart', { mtime: 1_700_000_002, atime: 1_700_000_002 })).toBe(SSH_FX.OK);
      // A plain RENAME must not overwrite (draft-ietf-secsh-filexfer-02 §6.5).
      expect(await sftp.rename('/in/old.filepart', '/in/old')).toBe(SSH_FX.FAILURE);
      expect((await site.content('in/old')).toString()).toBe('the report of yesterday');
      if (how === 'removes it first') {
        expect(await sftp.statusOn(SSH_FXP.REMOVE, '/in/old')).toBe(SSH_FX.OK);
        expect(await sftp.rename('/in/old.filepart', '/in/old')).toBe(SSH_FX.OK);
      } else {
        expect(await sftp.posixRename('/in/old.filepart', '/in/old')).toBe(SSH_FX.OK);
      }
      expect(await sftp.attributes('/in/old')).toMatchObject({ size: bytes.length, mtime: 1_700_000_002 });
      expectSameBytes(await site.content('in/old'), bytes);
    });

    test('it loses the connection, and goes on with the .filepart where it was', async () => {
      const bytes = pattern(6 * 1024 ** 2, 3);
      const half = 5.5 * 1024 ** 2;
      const first = (await RawRequests.connect(site.server.port)).channel;
      const broken = await first.create('/in/resumed.filepart');
      for (let at = 0; at < half; at += block) {
        await first.write(broken, at, bytes.subarray(at, Math.min(at + block, half)));
      }
      first.client.end();
      const deadline = performance.now() + 20_000;
      let size: number | undefined;
      while (size !== half && performance.now() < deadline) {
        const answer = await sftp.onPath(SSH_FXP.LSTAT, '/in/resumed.filepart');
        if (answer.type === SSH_FXP.ATTRS) ({ size } = readAttributesOf(new SshReader(answer.body)));
      }
      expect(size).toBe(half);
      const handle = await sftp.open('/in/resumed.filepart', WRITE, {});
      await sftp.write(handle, bytes, { from: half, block });
      await sftp.close(handle);
      expect(await sftp.setstat('/in/resumed.filepart', { mtime: 1_700_000_003, atime: 1_700_000_003 })).toBe(
        SSH_FX.OK,
      );
      expect(await sftp.rename('/in/resumed.filepart', '/in/resumed')).toBe(SSH_FX.OK);
      expectSameBytes(await site.content('in/resumed'), bytes);
    });

    test('times and mode while the file is open, before it is closed', async () => {
      const bytes = pattern(40_000, 4);
      const handle = await sftp.open('/in/open', WRITE | CREAT | TRUNC, {});
      await sftp.write(handle, bytes, { block });
      const set = { mode: 0o600, mtime: 1_700_000_004, atime: 1_700_000_004 };
      expect(await sftp.fsetstat(handle, set)).toBe(SSH_FX.OK);
      await sftp.close(handle);
      const { mode = 0, mtime, size } = await sftp.attributes('/in/open');
      expect({ mode: mode & 0o777, mtime, size }).toEqual({ mode: 0o600, mtime: 1_700_000_004, size: bytes.length });
    });

    test('a program writes a hidden file beside the old one, sets it up, and renames over it, as rsync does', async () => {
      await sftp.channel.put('/in/data.db', Buffer.from('old'));
      const bytes = pattern(90_000, 5);
      for (const suffix of ['Xa1b2c', 'Yd3e4f']) {
        const temporary = `/in/.data.db.${suffix}`;
        const handle = await sftp.open(temporary, READ | WRITE | CREAT | SSH_FXF.EXCL, { mode: 0o600 });
        await sftp.write(handle, bytes, { block });
        await sftp.close(handle);
        expect(await sftp.setstat(temporary, { mtime: 1_700_000_005, atime: 1_700_000_005 })).toBe(SSH_FX.OK);
        expect(await sftp.setstat(temporary, { mode: 0o640 })).toBe(SSH_FX.OK);
        expect(await sftp.posixRename(temporary, '/in/data.db')).toBe(SSH_FX.OK);
        const { mode = 0, mtime } = await sftp.attributes('/in/data.db', SSH_FXP.STAT);
        expect({ mode: mode & 0o777, mtime }).toEqual({ mode: 0o640, mtime: 1_700_000_005 });
        expectSameBytes(await site.content('in/data.db'), bytes);
      }
      expect((await sftp.names('/in')).filter((name) => name.startsWith('.data'))).toEqual([]);
    });

    test('it moves and removes a directory', async () => {
      expect(await sftp.rename('/in', '/out')).toBe(SSH_FX.OK);
      const names = await sftp.names('/out');
      expect(names).toContain('data.db');
      expect(await sftp.statusOn(SSH_FXP.RMDIR, '/out')).toBe(SSH_FX.FAILURE);
      for (const name of names) expect(await sftp.statusOn(SSH_FXP.REMOVE, `/out/${name}`)).toBe(SSH_FX.OK);
      expect(await sftp.statusOn(SSH_FXP.RMDIR, '/out')).toBe(SSH_FX.OK);
      expect(await sftp.statusOn(SSH_FXP.LSTAT, '/out')).toBe(SSH_FX.NO_SUCH_FILE);
      expect(await site.names('')).toEqual([]);
      await site.expectNothingOpen({ sessions: 1 });
    });
  });
}
