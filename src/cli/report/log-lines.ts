import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { CliError } from '../cli-error.ts';

/** Hands every line of the files (`.gz` ones unpacked) to `onLine`; of `stdin` where there are none, or for `-`. */
export async function readLogLines(
  files: readonly string[],
  stdin: Readable,
  onLine: (line: string) => void,
): Promise<void> {
  if (files.length === 0) return readLines(stdin, onLine);
  for (const file of files) {
    try {
      if (file === '-') await readLines(stdin, onLine);
      else if (file.endsWith('.gz')) await readGzip(file, onLine);
      else await readLines(createReadStream(file), onLine);
    } catch (error) {
      throw new CliError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

async function readGzip(file: string, onLine: (line: string) => void): Promise<void> {
  await pipeline(createReadStream(file), createGunzip(), (unpacked: AsyncIterable<Buffer>) =>
    splitLines(unpacked, onLine),
  );
}

async function readLines(input: Readable, onLine: (line: string) => void): Promise<void> {
  await splitLines(input as AsyncIterable<Buffer>, onLine);
}

/** A line longer than this many characters is no log line of ours: what is beyond is dropped. */
const MAX_LINE = 1024 * 1024;

async function splitLines(input: AsyncIterable<Buffer>, onLine: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of input) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = (lines.pop() ?? '').slice(0, MAX_LINE);
    for (const line of lines) onLine(line);
  }
  if (rest !== '') onLine(rest);
}
