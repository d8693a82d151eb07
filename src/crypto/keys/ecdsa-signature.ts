import { SshReader } from '../../wire/reader.ts';
import { SshWriter } from '../../wire/writer.ts';

/**
 * ECDSA signatures between SSH's form, `mpint r, mpint s` (RFC 5656 §3.1.2), and the one that node:crypto calls ieee-p1363:
 * r || s, both of the curve's length.
 */
export function ecdsaToSsh(fixed: Buffer): Buffer {
  const half = fixed.length / 2;
  return new SshWriter(fixed.length + 10)
    .unsignedMpint(fixed.subarray(0, half))
    .unsignedMpint(fixed.subarray(half))
    .finish();
}

/** Throws WireError for mpints that are negative or malformed; null where one is too long for the curve. */
export function ecdsaFromSsh(signature: Buffer, fieldBytes: number): Buffer | null {
  const reader = new SshReader(signature);
  const r = reader.unsignedMpint();
  const s = reader.unsignedMpint();
  reader.end();
  if (r.length > fieldBytes || s.length > fieldBytes) return null;
  const fixed = Buffer.alloc(2 * fieldBytes);
  r.copy(fixed, fieldBytes - r.length);
  s.copy(fixed, 2 * fieldBytes - s.length);
  return fixed;
}
