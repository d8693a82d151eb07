// A client that dies in the middle of an upload, with the real sftp, on both stores and under both settings.
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { TestBucket } from '../storage/s3/s3-server.ts';
import { FailureSite } from './failure-site.ts';
import { findSftp } from './openssh-sftp.ts';

const client = findSftp();
const S3_ENDPOINT = process.env['S3_ENDPOINT'];

const MIB = 1024 * 1024;
const BYTES = 16 * MIB;
/** Kbit/s: the upload takes three seconds, so that it can be met in the middle. */
const LIMIT = ['-l', '48000'];

describe.each(['local', 's3'] as const)('%s', (kind) => {
  const t = client !== null && (kind === 'local' || S3_ENDPOINT !== undefined) ? test : test.skip;

  describe.each(['store', 'discard'] as const)('partialUploads: %s', (partialUploads) => {
    t.each([
      ['with its ssh: the connection breaks', true],
      ['alone: its ssh ends the session in order', false],
    ])(
      'sftp is killed %s',
      async (_, withSsh) => {
        if (client === null) return;
        const bucket = kind === 's3' ? await TestBucket.create(S3_ENDPOINT ?? '') : undefined;
        const site = await FailureSite.start(client, { partialUploads, ...(bucket && { bucket }) });
        try {
          const old = randomBytes(100_000);
          await site.settle(old);
          const upload = site.localFile('new', BYTES);
          const from = site.server.log().length;
          const sftp = site.startSftp(`put ${upload.file} file\n`, { arguments: LIMIT });
          const deadline = performance.now() + 20_000;
          while (!(await site.uploadUnderWay())) {
            if (performance.now() > deadline) throw new Error(`no upload is under way\n${sftp.stderr}`);
          }
          process.kill(withSsh ? -sftp.pid : sftp.pid, 'SIGKILL');

          const entry = await site.server.logged(({ event }) => event === 'sftp.partial-close', { from });
          expect(entry).toMatchObject({
            activity: 'PARTIAL_CLOSE',
            path: '/file',
            outcome: partialUploads === 'store' ? 'stored' : 'discarded',
          });
          await site.expectNothingLeft(['file']);
          const content = await site.content('file');
          if (partialUploads === 'discard') {
            expect(content.equals(old)).toBe(true);
          } else {
            // What had come, no more and no less than a piece from the beginning.
            expect(content.length).toBeGreaterThan(4 * MIB);
            expect(content.length).toBeLessThan(BYTES);
            expect(content.equals(upload.content.subarray(0, content.length))).toBe(true);
          }
          // The upload can be resumed, or done again.
          const again = await site.sftp(
            partialUploads === 'store' ? `reput ${upload.file} file\n` : `put ${upload.file} file\n`,
          );
          expect({ code: again.code, stderr: again.stderr }).toMatchObject({ code: 0 });
          expect((await site.content('file')).equals(upload.content)).toBe(true);
          await site.expectNothingLeft(['file']);
          const errors = site.server.log().filter(({ level }) => level === 'error' || level === 'fatal');
          expect(errors).toEqual([]);
        } finally {
          expect(await site.stop()).toBe('exit status 0');
          await bucket?.destroy();
        }
      },
      90_000,
    );
  });
});
