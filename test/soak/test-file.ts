// Large files of unpredictable bytes, made and summed without holding them in memory.
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';

const CHUNK_BYTES = 4 * 1024 * 1024;

/** Writes `bytes` of a keystream to `file`; answers their SHA-256. */
export async function makeTestFile(file: string, bytes: number): Promise<string> {
  const keystream = createCipheriv('aes-128-ctr', randomBytes(16), randomBytes(16));
  const zeros = Buffer.alloc(CHUNK_BYTES);
  const hash = createHash('sha256');
  const handle = await open(file, 'wx');
  try {
    for (let left = bytes; left > 0; left -= CHUNK_BYTES) {
      const chunk = keystream.update(zeros.subarray(0, Math.min(left, CHUNK_BYTES)));
      hash.update(chunk);
      await handle.writeFile(chunk);
    }
  } finally {
    await handle.close();
  }
  return hash.digest('hex');
}

/** The SHA-256 of a file, in hexadecimal. */
export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: CHUNK_BYTES })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
