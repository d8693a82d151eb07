// A disk that fills up, and a server that is stopped, in the middle of an upload of the real sftp.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { until } from '../transport/transport-pair.ts';
import { FailureSite } from './failure-site.ts';
import { findSftp } from './openssh-sftp.ts';

const client = findSftp();
const MIB = 1024 * 1024;

function mountTmpfs(folder: string, size: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder], { stdio: 'ignore' });
}

function unmount(folder: string): void {
  execFileSync('umount', [folder], { stdio: 'ignore' });
}

const mayMount = ((): boolean => {
  const folder = mkdtempSync(path.join(tmpdir(), 'latticeport-mount-'));
  try {
    mountTmpfs(folder, '64k');
    unmount(folder);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
})();

(client !== null && mayMount ? test : test.skip).each(['store', 'discard'] as const)(
  'a full disk (needs mount(8)): the client is told, the old file stays whole; partialUploads: %s',
  async (partialUploads) => {
    if (client === null) return;
    const root = mkdtempSync(path.join(tmpdir(), 'latticeport-small-'));
    mountTmpfs(root, '8m');
    const site = await FailureSite.start(client, { root, partialUploads });
    try {
      const old = randomBytes(100_000);
      await site.settle(old);
      const { file } = site.localFile('new', 16 * MIB);
      const { code, stderr } = await site.sftp(`put ${file} file\n`);
      expect(code).toBe(1);
      expect(stderr).toMatch(/remote "?\/file"?|close remote/);
      expect((await site.content('file')).equals(old)).toBe(true);
      await site.expectNothingLeft(['file']);
      const line = await site.server.logged(({ event, error }) => event === 'sftp.close' && error !== undefined);
      expect(JSON.stringify(line)).toMatch(/space|full/i);
      // What fits works.
      const small = site.localFile('small', MIB);
      expect(await site.sftp(`put ${small.file} small\n`)).toMatchObject({ code: 0 });
      expect((await site.content('small')).equals(small.content)).toBe(true);
    } finally {
      expect(await site.stop()).toBe('exit status 0');
      unmount(root);
      rmSync(root, { recursive: true, force: true });
    }
  },
  60_000,
);

describe('SIGTERM during an upload', () => {
  const t = client === null ? test.skip : test;

  t(
    'lets it finish: the client ends with status 0, then the server',
    async () => {
      if (client === null) return;
      const site = await FailureSite.start(client);
      const { file, content } = site.localFile('new', 16 * MIB);
      const sftp = site.startSftp(`put ${file} file\n`, { arguments: ['-l', '32000'] });
      const deadline = performance.now() + 20_000;
      while (!(await site.uploadUnderWay())) {
        if (performance.now() > deadline) throw new Error(`no upload is under way\n${sftp.stderr}`);
      }
      const { server } = site;
      process.kill(server.pid, 'SIGTERM');
      await server.logged(({ event }) => event === 'server.draining');
      expect(await site.sftp('ls\n')).toMatchObject({ code: 255 });
      await until(() => !sftp.running, 'the client has ended', 30_000);
      expect({ end: sftp.end, stderr: sftp.stderr }).toMatchObject({ end: 'exit status 0' });
      expect(readFileSync(path.join(server.root, 'file')).equals(content)).toBe(true);
      await until(() => !server.process.running, 'the server has ended', 10_000);
      expect(await site.stop()).toBe('exit status 0');
    },
    60_000,
  );
});
