// Small reads one behind the other are answered from a larger one: what another program changes in place shows at once.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { closeSync, ftruncateSync, openSync, statSync, utimesSync, writeSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { IN_THREADS } from '../../src/storage/local/file-calls.ts';
import { LocalReadHandle } from '../../src/storage/local/local-read-handle.ts';
import { LocalWriters } from '../../src/storage/local/local-writers.ts';
import { pattern } from './contract/store-driver.ts';
import { openLocal, type LocalFixture } from './local-fixture.ts';

const SIZE = 100_000;

describe('small reads of a local file', () => {
  let fixture: LocalFixture;
  let file: string;
  let bytes: Buffer;
  let handle: LocalReadHandle;
  beforeEach(async () => {
    fixture = await openLocal();
    file = join(fixture.root, 'file');
    bytes = pattern(SIZE);
    await writeFile(file, bytes);
    // As if it were an hour old: a file that has just changed is read as it is asked for. (ctime cannot be set.)
    utimesSync(file, Date.now() / 1000 - 3600, Date.now() / 1000 - 3600);
    const settled = performance.now() + 60;
    while (performance.now() < settled) await new Promise(setImmediate);
    handle = new LocalReadHandle(openSync(file, 'r'), statSync(file), {
      near: true,
      calls: IN_THREADS,
      writers: new LocalWriters(),
    });
  });
  afterEach(async () => {
    await handle.close();
    expect(await fixture.leftovers()).toEqual([]);
    await fixture.cleanup();
  });

  test.each([1, 5, 100, 2048])('of %i bytes: every byte, and the end', async (length) => {
    const from = SIZE - 300 * length > 0 ? SIZE - 300 * length : 0;
    const answers: Buffer[] = [];
    for (let offset = from; offset < SIZE + 3 * length; offset += length) {
      answers.push(await handle.read(offset, length));
    }
    expect(Buffer.concat(answers).equals(bytes.subarray(from))).toBe(true);
  });

  test('many in flight at once', async () => {
    const answers = await Promise.all(Array.from({ length: 5_000 }, (_, index) => handle.read(index * 7, 7)));
    expect(Buffer.concat(answers).equals(bytes.subarray(0, 35_000))).toBe(true);
  });

  test('what is changed in place in between is there at the next read', async () => {
    const writer = openSync(file, 'r+');
    try {
      for (let round = 0; round < 300; round += 1) {
        await handle.read(round * 10, 5);
        await handle.read(round * 10 + 5, 5);
        const change = Buffer.alloc(5, round);
        writeSync(writer, change, 0, 5, (round + 1) * 10);
        expect((await handle.read((round + 1) * 10, 5)).equals(change)).toBe(true);
      }
    } finally {
      closeSync(writer);
    }
  });

  test('a file that is cut in place ends there', async () => {
    for (let offset = 0; offset < 100; offset += 5) await handle.read(offset, 5);
    const writer = openSync(file, 'r+');
    ftruncateSync(writer, 102);
    closeSync(writer);
    expect((await handle.read(100, 5)).equals(bytes.subarray(100, 102))).toBe(true);
    expect(await handle.read(105, 5)).toHaveLength(0);
  });

  test('a file that grows in place is read behind its old end', async () => {
    expect(await handle.read(SIZE, 100)).toHaveLength(0);
    const writer = openSync(file, 'r+');
    writeSync(writer, Buffer.from('more'), 0, 4, SIZE);
    closeSync(writer);
    expect((await handle.read(SIZE, 100)).toString()).toBe('more');
    expect(await handle.read(SIZE + 4, 100)).toHaveLength(0);
  });

  test('an answer is no view of what is kept', async () => {
    for (let offset = 0; offset < 50; offset += 5) (await handle.read(offset, 5)).fill(0);
    await handle.read(0, 5);
    expect((await handle.read(5, 5)).equals(bytes.subarray(5, 10))).toBe(true);
    expect((await handle.read(5, 5)).buffer.byteLength).toBeLessThan(SIZE);
  });
});
