import { randomFillSync } from 'node:crypto';

/** One call of the generator serves a few thousand packets of all connections. */
const POOL_BYTES = 32 * 1024;

let pool = Buffer.alloc(0);
let used = 0;

/**
 * Random bytes that no secret depends on, such as padding: a view of a pool, at most a few hundred. No byte is given out
 * twice. Whoever keeps them copies them, since the view holds the whole pool.
 */
export function publicRandomBytes(bytes: number): Buffer {
  if (used + bytes > pool.length) {
    pool = randomFillSync(Buffer.allocUnsafeSlow(Math.max(POOL_BYTES, bytes)));
    used = 0;
  }
  const start = used;
  used += bytes;
  return pool.subarray(start, used);
}
