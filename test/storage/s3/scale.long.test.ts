// Large files, large directories and many uploads at once, each in a process whose memory is watched.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { S3StoreOptions } from '../../../src/storage/s3/s3-options.ts';
import { CountingStore, ENDLESS } from './counting-store.ts';
import type { ScaleJob, ScaleReport } from './scale-process.ts';

const MIB = 1024 ** 2;
const run = promisify(execFile);

/** Far more than the bound on memory; test/storage/scale/run.ts takes 20. */
const GIB = Number(process.env['LATTICEPORT_SCALE_GIB'] ?? 1);

/**
 * A page of names is read, handed on and garbage. How much garbage Node keeps before it looks is its own setting, by
 * default more than what is measured here.
 */
const YOUNG = ['--max-semi-space-size=8'];

describe('at scale', () => {
  let double: CountingStore;
  let spool: string;

  beforeAll(async () => {
    double = await CountingStore.start();
    spool = await mkdtemp(join(tmpdir(), 'latticeport-scale-'));
  });
  afterAll(async () => {
    await double.stop();
    await rm(spool, { recursive: true, force: true });
  });
  afterEach(() => {
    double.received = 0;
  });

  const work = async (
    job: ScaleJob,
    more: Partial<S3StoreOptions> = {},
    nodeFlags: readonly string[] = [],
  ): Promise<ScaleReport> => {
    const options: S3StoreOptions = {
      bucket: 'bucket',
      region: 'us-east-1',
      endpoint: double.endpoint,
      forcePathStyle: true,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      spool: { directory: spool, maxBytes: 10 * 1024 * MIB },
      sweep: false,
      ...more,
    };
    const script = join(import.meta.dirname, 'scale-process.ts');
    const flags = ['--no-warnings', '--expose-gc', ...nodeFlags, script, JSON.stringify([options, job])];
    const { stdout } = await run(process.execPath, flags, { timeout: 900_000 });
    const report = JSON.parse(stdout) as ScaleReport;
    console.log(
      `${job.kind}: ${(report.amount / MIB / report.seconds).toFixed(0)} MiB/s or ${(report.amount / report.seconds).toFixed(0)}/s, memory +${(report.growth / MIB).toFixed(0)} MiB`,
    );
    return report;
  };

  test(`an upload of ${GIB} GiB keeps memory flat`, async () => {
    const bytes = GIB * 1024 * MIB;
    const { growth } = await work({ kind: 'upload', bytes });
    expect(double.objects.get('large')?.size).toBe(bytes);
    expect(double.received).toBeGreaterThanOrEqual(bytes);
    expect(double.uploads.size).toBe(0);
    // Five parts of 8 MiB, or of 16 where there are more than a thousand.
    expect(growth).toBeLessThan(150 * MIB);
  }, 1_000_000);

  test('200 uploads of 16 MiB at once with a budget of 64 MiB all succeed within it', async () => {
    const { growth } = await work({ kind: 'uploads', count: 200, bytes: 16 * MIB }, { uploadBudgetBytes: 64 * MIB });
    for (let i = 0; i < 200; i += 1) expect(double.objects.get(`f${i}`)?.size).toBe(16 * MIB);
    expect(double.uploads.size).toBe(0);
    expect(growth).toBeLessThan(128 * MIB);
  }, 300_000);

  test(`a download of ${GIB} GiB keeps memory flat`, async () => {
    const bytes = GIB * 1024 * MIB;
    double.objects.set('large', { size: bytes, etag: '"e"', metadata: {} });
    const { growth, amount } = await work({ kind: 'download', bytes });
    expect(amount).toBe(bytes);
    expect(growth).toBeLessThan(150 * MIB);
  }, 300_000);

  test('a directory of 100,000 files is listed page by page; with the times of upload, without a request for any file', async () => {
    double.listed = 100_000;
    const requests = double.requests;
    const { growth, amount, first, seconds } = await work(
      { kind: 'list', path: ENDLESS.slice(0, -1) },
      { listTimes: 'upload' },
      YOUNG,
    );
    expect(amount).toBe(100_000);
    expect(double.requests - requests).toBeLessThan(100 + 50);
    expect(first).toBeLessThan(seconds / 10);
    expect(growth).toBeLessThan(32 * MIB);
  }, 300_000);
});
