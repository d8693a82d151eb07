// The requests that FileZilla sends, one by one. Its SFTP is PuTTY's psftp: it writes into the file itself, resumes at
// the size that the open file says, and asks for times and modes by path.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SSH_FX, SSH_FXF, SSH_FXP } from '../../src/sftp/protocol.ts';
import { SshReader } from '../../src/wire/reader.ts';
import { readAttributesOf } from '../sftp/sftp-test-client.ts';
import { expectSameBytes, pattern } from '../storage/contract/store-driver.ts';
import { RawRequests, S_IFMT } from './clients-requests.ts';
import { ClientsSite, STORES } from './clients-site.ts';

const { WRITE, CREAT, TRUNC } = SSH_FXF;
/** psftp keeps so much on its way, in WRITEs of 4 KiB; FileZilla made them 32 KiB. */
const sending = { block: 32_768, queue: 32 };

for (const { kind, missing } of STORES) {
  describe(`FileZilla's requests on ${kind}`, () => {
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

    test('it makes the directory of an upload, level by level', async () => {
      expect(await sftp.realpath('.')).toBe('/');
      expect(await sftp.mkdir('/site')).toBe(SSH_FX.OK);
      expect(await sftp.mkdir('/site/img')).toBe(SSH_FX.OK);
      // It does not look first whether they are there.
      expect(await sftp.mkdir('/site')).toBe(SSH_FX.FAILURE);
      expect(await sftp.realpath('/site/img')).toBe('/site/img');
      expect([...(await sftp.list('/site')).entries()].filter(([name]) => name === 'img')).toHaveLength(1);
    });

    test.each([0, 100_000, 7 * 1024 ** 2 + 1])('it uploads %d bytes and sets time and mode', async (size) => {
      const bytes = pattern(size, size);
      const name = `/site/img/${size}.png`;
      const handle = await sftp.open(name, WRITE | CREAT | TRUNC, { mode: 0o644 });
      await sftp.write(handle, bytes, sending);
      await sftp.close(handle);
      expect(await sftp.setstat(name, { mtime: 1_600_000_001, atime: 1_600_000_001 })).toBe(SSH_FX.OK);
      expect(await sftp.setstat(name, { mode: 0o600 })).toBe(SSH_FX.OK);
      const { mode = 0, ...rest } = await sftp.attributes(name, SSH_FXP.STAT);
      expect({ mode: mode & 0o777, ...rest }).toMatchObject({ mode: 0o600, size, mtime: 1_600_000_001 });
      expect((await sftp.list('/site/img')).get(`${size}.png`)).toMatchObject({ size, mtime: 1_600_000_001 });
      expectSameBytes(await site.content(name.slice(1)), bytes);
      expect(await site.mtime(name.slice(1))).toBe(1_600_000_001);
    });

    test('it overwrites a longer file in place', async () => {
      const bytes = pattern(5_000, 7);
      const handle = await sftp.open('/site/img/100000.png', WRITE | CREAT | TRUNC, { mode: 0o644 });
      await sftp.write(handle, bytes, sending);
      await sftp.close(handle);
      expectSameBytes(await site.content('site/img/100000.png'), bytes);
    });

    test.each([40_000, 5.5 * 1024 ** 2])('it resumes an upload that was cut off after %d bytes', async (cut) => {
      const name = `/site/cut after ${cut}`;
      const bytes = pattern(6 * 1024 ** 2, cut);
      const broken = await RawRequests.connect(site.server.port);
      const first = await broken.open(name, WRITE | CREAT | TRUNC, { mode: 0o644 });
      await broken.write(first, bytes.subarray(0, cut), sending);
      broken.end();
      await site.expectNothingOpen({ sessions: 1 });
      const answer = await sftp.onPath(SSH_FXP.STAT, name);
      expect(answer.type).toBe(SSH_FXP.ATTRS);
      expect(readAttributesOf(new SshReader(answer.body)).size).toBe(cut);
      const handle = await sftp.open(name, WRITE, { mode: 0o644 });
      const { size = 0 } = await sftp.fstat(handle);
      expect(size).toBe(cut);
      await sftp.write(handle, bytes, { from: size, ...sending });
      await sftp.close(handle);
      expectSameBytes(await site.content(name.slice(1)), bytes);
    });

    test('it renames, and refuses to do so over another file', async () => {
      expect(await sftp.rename('/site/cut after 40000', '/site/index')).toBe(SSH_FX.OK);
      expect(await sftp.rename('/site/index', '/site/img/0.png')).toBe(SSH_FX.FAILURE);
      expectSameBytes(await site.content('site/index'), pattern(6 * 1024 ** 2, 40_000));
      expectSameBytes(await site.content('site/img/0.png'), Buffer.alloc(0));
    });

    test('it removes a directory with everything in it', async () => {
      const remove = async (directory: string): Promise<void> => {
        for (const [name, { mode = 0 }] of await sftp.list(directory)) {
          const entry = `${directory}/${name}`;
          if (name === '.' || name === '..') continue;
          if ((mode & S_IFMT) === 0o040000) await remove(entry);
          else expect(await sftp.statusOn(SSH_FXP.REMOVE, entry)).toBe(SSH_FX.OK);
        }
        expect(await sftp.statusOn(SSH_FXP.RMDIR, directory)).toBe(SSH_FX.OK);
      };
      await remove('/site');
      expect(await sftp.names('/')).toEqual([]);
      expect(await site.names('')).toEqual([]);
      await site.expectNothingOpen({ sessions: 1 });
    });
  });
}
