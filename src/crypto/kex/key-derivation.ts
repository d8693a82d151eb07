import { createHash } from 'node:crypto';
import type { KexHash } from './kex-method.ts';

/** RFC 4253 §7.2: A/B initial IVs, C/D encryption keys, E/F integrity keys; client to server first. */
export type KeyLetter = 'A' | 'B' | 'C' | 'D' | 'E' | 'F';

/**
 * Derives `length` bytes of key material (RFC 4253 §7.2): HASH(K || H || letter || session_id), extended by
 * HASH(K || H || K1 || K2 ...) as far as needed.
 *
 * @param encodedSharedSecret K in its wire encoding, length prefix included (`string` or `mpint`, as the method has it)
 * @param length bytes wanted, 0 or more; the caller overwrites them after use
 */
export function deriveKey(
  hash: KexHash,
  encodedSharedSecret: Buffer,
  exchangeHash: Buffer,
  letter: KeyLetter,
  sessionId: Buffer,
  length: number,
): Buffer {
  const key = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const block = createHash(hash).update(encodedSharedSecret).update(exchangeHash);
    if (filled === 0) block.update(letter, 'latin1').update(sessionId);
    else block.update(key.subarray(0, filled));
    const digest = block.digest();
    // What does not fit is cut off; only a last block is ever cut, so the extension hashes whole blocks.
    filled += digest.copy(key, filled);
    digest.fill(0);
  }
  return key;
}

/**
 * An `mpint` (RFC 4251 §5), length prefix included, from unsigned big-endian bytes: leading zeros dropped, one put in front
 * where the top bit is set. Zero is the empty string.
 */
export function encodeMpint(unsigned: Buffer): Buffer {
  let start = 0;
  while (start < unsigned.length && unsigned[start] === 0) start += 1;
  const signByte = (unsigned[start] ?? 0) >= 0x80 ? 1 : 0;
  const length = unsigned.length - start + signByte;
  const encoded = Buffer.alloc(4 + length);
  encoded.writeUInt32BE(length, 0);
  unsigned.copy(encoded, 4 + signByte, start);
  return encoded;
}

/** A `string` (RFC 4251 §5), length prefix included. */
export function encodeString(bytes: Buffer): Buffer {
  const encoded = Buffer.allocUnsafe(4 + bytes.length);
  encoded.writeUInt32BE(bytes.length, 0);
  bytes.copy(encoded, 4);
  return encoded;
}
