// A store that refuses or dies in the middle of a transfer: the client is told, the old object stays, the server lives on.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { ServerProcess } from '../peers/process.ts';
import { TestBucket } from '../storage/s3/s3-server.ts';
import { until } from '../transport/transport-pair.ts';
import { FailureSite } from './failure-site.ts';
import { findSftp } from './openssh-sftp.ts';
import { TcpProxy } from './tcp-proxy.ts';

const client = findSftp();
const S3_ENDPOINT = process.env['S3_ENDPOINT'];
const t = client !== null && S3_ENDPOINT !== undefined ? test : test.skip;

const MIB = 1024 * 1024;
const BYTES = 16 * MIB;
const LIMIT = ['-l', '48000'];
/** More than the server reads ahead and the client has in flight: the rest must come from the store. */
const LONG_DOWNLOAD_BYTES = 64 * MIB;
/** Retries included: 30 s of patience at most. */
const PATIENCE_MS = 60_000;

const REFUSALS = {
  'Access Denied': ['403 Forbidden', 'AccessDenied'],
  'internal errors': ['500 Internal Server Error', 'InternalError'],
} as const;

let bucket: TestBucket;
let proxy: TcpProxy;
let site: FailureSite;
const old = randomBytes(100_000);

beforeEach(async () => {
  if (client === null || S3_ENDPOINT === undefined) return;
  bucket = await TestBucket.create(S3_ENDPOINT);
  proxy = await TcpProxy.start(new URL(S3_ENDPOINT));
  site = await FailureSite.start(client, { bucket, endpoint: proxy.endpoint, partialUploads: 'discard' });
  await site.settle(old);
});

afterEach(async () => {
  if (client === null || S3_ENDPOINT === undefined) return;
  await proxy.up();
  expect(await site.stop()).toBe('exit status 0');
  await proxy.down();
  await bucket.destroy();
});

/** Resolves to how it ends. */
async function ended(sftp: ServerProcess): Promise<string> {
  await until(() => !sftp.running, 'the client has ended', PATIENCE_MS);
  return sftp.end ?? '';
}

function refuse(how: keyof typeof REFUSALS): void {
  const [status, code] = REFUSALS[how];
  proxy.answerAll(status, `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`);
}

async function upload(): Promise<{ sftp: ServerProcess; file: string; content: Buffer }> {
  const { file, content } = site.localFile('new', BYTES);
  const sftp = site.startSftp(`put ${file} file\n`, { arguments: LIMIT });
  const deadline = performance.now() + 20_000;
  while (!(await site.uploadUnderWay())) {
    if (performance.now() > deadline) throw new Error(`no upload is under way\n${sftp.stderr}`);
  }
  return { sftp, file, content };
}

/** Everything works again, without a restart; what the failure could not tidy up goes with the next start. */
async function expectRecovery(file: string, content: Buffer): Promise<void> {
  await proxy.up();
  expect((await site.content('file')).equals(old)).toBe(true);
  expect(await site.sftp(`put ${file} file\nget file ${path.join(site.folder, 'back')}\n`)).toMatchObject({ code: 0 });
  expect((await site.content('file')).equals(content)).toBe(true);
  expect(readFileSync(path.join(site.folder, 'back')).equals(content)).toBe(true);
  const log = site.server.log();
  expect(log.filter(({ event }) => event === 'sftp.internal-error')).toEqual([]);
  await site.restart();
  await until(() => site.server.log().length > 0, 'it runs');
  const deadline = performance.now() + 20_000;
  while ((await site.stored()).join() !== 'file') {
    if (performance.now() > deadline) expect(await site.stored()).toEqual(['file']);
  }
}

describe('an upload', () => {
  t(
    'the store dies',
    async () => {
      const { sftp, file, content } = await upload();
      await proxy.down();
      expect(await ended(sftp)).toBe('exit status 1');
      expect(sftp.stderr).toMatch(/write remote "\/file": |close remote: /);
      const failed = await site.server.logged(({ event, error }) => event === 'sftp.close' && error !== undefined);
      expect(failed).toMatchObject({ level: 'warn', path: '/file' });
      await expectRecovery(file, content);
    },
    150_000,
  );

  t(
    'the store breaks its connections and is back at once: nobody notices',
    async () => {
      const { sftp, content } = await upload();
      await proxy.down();
      await proxy.up();
      expect(await ended(sftp)).toBe('exit status 0');
      expect((await site.content('file')).equals(content)).toBe(true);
      await site.expectNothingLeft(['file']);
    },
    90_000,
  );

  t.each(Object.keys(REFUSALS) as (keyof typeof REFUSALS)[])(
    'the store refuses: %s',
    async (how) => {
      const { sftp, file, content } = await upload();
      refuse(how);
      expect(await ended(sftp)).toBe('exit status 1');
      expect(sftp.stderr).toMatch(/remote/);
      expect(sftp.stderr).not.toMatch(/undefined|\[object|at \w+ \(/);
      await expectRecovery(file, content);
    },
    150_000,
  );
});

describe('a download', () => {
  t(
    'the store dies',
    async () => {
      const { file, content } = site.localFile('new', LONG_DOWNLOAD_BYTES);
      expect(await site.sftp(`put ${file} large\n`)).toMatchObject({ code: 0 });
      const back = path.join(site.folder, 'partly');
      const sftp = site.startSftp(`get large ${back}\n`, { arguments: LIMIT });
      await until(() => sizeOf(back) > 2 * MIB, 'the download is under way', 20_000);
      await proxy.down();
      expect(await ended(sftp)).toBe('exit status 1');
      expect(sftp.stderr).toMatch(/read remote "\/large"/);
      await proxy.up();
      expect(await site.sftp(`reget large ${back}\n`)).toMatchObject({ code: 0 });
      expect(readFileSync(back).equals(content)).toBe(true);
    },
    150_000,
  );
});

describe('with the store gone', () => {
  t(
    'sessions open, requests are answered with errors, and the log says why',
    async () => {
      await proxy.down();
      const get = await site.sftp(`get file ${path.join(site.folder, 'x')}\n`);
      expect(get.code).toBe(1);
      expect(get.stderr).toContain('/file');
      const put = await site.sftp(`put ${site.localFile('y', 10).file} file\n`);
      expect(put.code).toBe(1);
      // OpenSSH's sftp does not count a listing that cannot be had as a failure, but it says it.
      expect((await site.sftp('ls\n')).stderr).toContain('remote readdir("/"): Failure');
      expect(await site.server.logged(({ event }) => event === 'storage.S3_GIVE_UP')).toMatchObject({ level: 'warn' });
      await proxy.up();
      expect((await site.content('file')).equals(old)).toBe(true);
      expect(await site.sftp('ls\n')).toMatchObject({ code: 0, stdout: expect.stringContaining('file') });
      await site.expectNothingLeft(['file']);
    },
    150_000,
  );
});

function sizeOf(file: string): number {
  try {
    return readFileSync(file).length;
  } catch {
    return 0;
  }
}
