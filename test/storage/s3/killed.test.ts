// The process is killed at a random moment of an upload, and the next one is started: the object is the whole old or the
// whole new one, what was confirmed is there, and no multipart upload, journal or spool file is left.
import { describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { S3Store } from '../../../src/storage/s3/s3-store.ts';
import { servers, TestBucket } from './s3-server.ts';
import { randomRuns } from '../../random-runs.ts';

const PART = 5 * 1024 ** 2;
/** Each takes a second or two of a process's start. */
const KILLS = randomRuns(24);
/** Processes at a time, each with a file of its own. */
const WIDTH = 2;
const SIZE = 2 * PART + 300_000;
const OLD = Buffer.alloc(1000, 1);

const endpoint = servers.find(({ name }) => name === 'radosgw')?.endpoint;

interface Outcome {
  readonly confirmed: boolean;
  /** Milliseconds from the beginning of the upload to its end, or to the kill. */
  readonly lasted: number;
}

(endpoint === undefined ? describe.skip : describe)('a killed upload', () => {
  test(
    `${KILLS} times at a random moment`,
    async () => {
      const bucket = await TestBucket.create(endpoint ?? '');
      const options = bucket.options({ prefix: 'home', partBytes: PART });
      const path = (name: string) => `home/${name}`;
      const put = async (name: string) =>
        bucket.client.send(new PutObjectCommand({ Bucket: bucket.name, Key: path(name), Body: OLD }));
      const read = async (name: string) => {
        const { Body } = await bucket.client.send(new GetObjectCommand({ Bucket: bucket.name, Key: path(name) }));
        return Buffer.from((await Body?.transformToByteArray()) ?? []);
      };
      const run = async (name: string, patch: boolean, killAfter: number | undefined): Promise<Outcome> => {
        const job = JSON.stringify({ options, path: name, fill: 2, size: SIZE, patch });
        const child = spawn(
          process.execPath,
          ['--no-warnings', join(import.meta.dirname, 'uploading-process.ts'), job],
          {
            stdio: ['ignore', 'pipe', 'inherit'],
          },
        );
        let output = '';
        let began = 0;
        let timer: NodeJS.Timeout | undefined;
        child.stdout.on('data', (chunk: Buffer) => {
          output += chunk.toString();
          if (!output.includes('begun') || began > 0) return;
          began = performance.now();
          if (killAfter !== undefined) timer = setTimeout(() => child.kill('SIGKILL'), killAfter);
        });
        const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
          child.on('close', (...ends) => {
            resolve(ends);
          });
        });
        clearTimeout(timer);
        if (signal !== 'SIGKILL') expect(code).toBe(0);
        return { confirmed: output.includes('confirmed'), lasted: performance.now() - began };
      };
      try {
        await put('measure');
        const whole = (await run('measure', true, undefined)).lasted;
        let killed = 0;
        const kill = async (index: number): Promise<void> => {
          const name = `f${index}`;
          await put(name);
          const { confirmed } = await run(name, index % 2 === 1, Math.random() * whole);
          if (!confirmed) killed += 1;
          const store = await S3Store.open(options);
          await store.sweep();
          const bytes = await read(name);
          const isOld = bytes.equals(OLD);
          const isNew = bytes.length === SIZE && bytes.every((byte) => byte === 2);
          expect({ index, whole: isOld || isNew }).toEqual({ index, whole: true });
          if (confirmed) expect({ index, isNew }).toEqual({ index, isNew: true });
          expect((await bucket.uploads()).filter(({ key }) => key === path(name))).toEqual([]);
          await store.close();
        };
        const queue = Array.from({ length: KILLS }, (_, index) => index);
        const worker = async (): Promise<void> => {
          for (let index = queue.shift(); index !== undefined; index = queue.shift()) await kill(index);
        };
        await Promise.all(Array.from({ length: WIDTH }, worker));
        // Most were killed before they were through, or this has tested little.
        expect(killed).toBeGreaterThan(0);
        expect(await bucket.uploads()).toEqual([]);
        expect((await bucket.keys('home/.latticeport/')).filter((key) => /\/(uploads|kept)\//.test(key))).toEqual([]);
        expect(await readdir(bucket.spoolDirectory)).toEqual([]);
      } finally {
        await bucket.destroy();
      }
    },
    120_000 + KILLS * 30_000,
  );
});
