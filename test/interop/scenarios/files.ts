// Files for the scenarios, and whether two of them are the same.
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat, truncate, writeFile, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { expect } from './scenario.ts';

/** A file of random bytes. */
export async function randomFile(folder: string, name: string, bytes: number): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, randomBytes(bytes));
  return path;
}

/** The first `bytes` of a file, as another file. */
export async function beginningOf(path: string, bytes: number): Promise<string> {
  const part = `${path}.part`;
  await copyFile(path, part);
  await truncate(part, bytes);
  return part;
}

export async function expectSame(got: string, sent: string): Promise<void> {
  const [is, should] = await Promise.all([stat(got), stat(sent)]);
  expect(is.size === should.size, `${is.size} bytes came back instead of ${should.size}`);
  expect((await sha256(got)) === (await sha256(sent)), 'the bytes that came back differ');
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
