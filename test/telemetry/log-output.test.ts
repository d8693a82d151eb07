import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LOG_GATHER_BYTES } from '../../src/telemetry/limits.ts';
import { LogOutput } from '../../src/telemetry/log-output.ts';

let folder: string;
let file: string;
let fd: number;
let output: LogOutput;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'latticeport-log-output-'));
  file = join(folder, 'log');
  fd = openSync(file, 'w');
  output = new LogOutput(fd, () => undefined);
});
afterEach(() => {
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

async function holds(text: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (readFileSync(file, 'utf8') !== text && performance.now() < deadline) await new Promise(setImmediate);
  expect(readFileSync(file, 'utf8')).toBe(text);
}

test('a line leaves at once, those that follow together a little later, in order', async () => {
  output.write('one\n');
  output.write('two\n');
  output.write('three\n');
  expect(readFileSync(file, 'utf8')).toBe('one\n');
  await holds('one\ntwo\nthree\n');
});

test('many do not wait', async () => {
  const long = `${'x'.repeat(LOG_GATHER_BYTES)}\n`;
  output.write('one\n');
  output.write('two\n');
  output.write(long);
  expect(readFileSync(file, 'utf8')).toBe(`one\ntwo\n${long}`);
  output.write('last\n');
  await holds(`one\ntwo\n${long}last\n`);
});

test('what is written together is never more than a pipe takes whole', async () => {
  const line = `${'x'.repeat(99)}\n`;
  output.write(line);
  const several = Math.floor(LOG_GATHER_BYTES / line.length);
  for (let index = 0; index < several; index += 1) output.write(line);
  expect(readFileSync(file).length).toBe(line.length);
  output.write(line);
  expect(readFileSync(file).length).toBe(line.length + several * line.length);
  await holds(line.repeat(several + 2));
});

test('each line that is lost counts', async () => {
  const full = openSync('/dev/full', 'w');
  try {
    const lost = new LogOutput(full, () => undefined);
    for (const line of ['one\n', 'two\n', 'three\n']) lost.write(line);
    const deadline = performance.now() + 10_000;
    while (lost.linesLost < 3 && performance.now() < deadline) await new Promise(setImmediate);
    expect(lost.linesLost).toBe(3);
  } finally {
    closeSync(full);
  }
});
