import { getDiffieHellman } from 'node:crypto';

/** A finite-field Diffie-Hellman group: a safe prime p and a generator g, both unsigned big-endian. */
export interface DhGroup {
  readonly p: Buffer;
  readonly g: Buffer;
}

/** The groups of RFC 3526 §3–§7 that are wide enough for us. The number is the RFC's. */
export const MODP_GROUP_BITS = { 14: 2048, 15: 3072, 16: 4096, 17: 6144, 18: 8192 } as const;

/** What either side of group exchange accepts as a group, in bits of its prime. RFC 8270 §2.1 sets the lower end. */
export const GEX_MIN_BITS = 2048;
export const GEX_MAX_BITS = 8192;

export type ModpGroupNumber = keyof typeof MODP_GROUP_BITS;

export function modpGroup(number: ModpGroupNumber): DhGroup {
  const group = getDiffieHellman(`modp${number}`);
  return { p: group.getPrime(), g: group.getGenerator() };
}

/** The number of bits of an unsigned big-endian number. */
export function bitLength(unsigned: Buffer): number {
  const start = unsigned.findIndex((byte) => byte !== 0);
  if (start === -1) return 0;
  return (unsigned.length - start) * 8 - (Math.clz32(unsigned[start] ?? 0) - 24);
}

/**
 * Whether 1 < value < p − 1 (RFC 4253 §8 requires 1 <= value <= p − 1; the two ends generate subgroups of one or two
 * elements). Both unsigned big-endian; p is odd, so that p − 1 differs from it in the last bit alone.
 */
export function isUsablePublicValue(value: Buffer, p: Buffer): boolean {
  if (bitLength(value) < 2 || value.length > p.length + 1) return false;
  const bytes = Math.max(value.length, p.length);
  const limit = padTo(p, bytes);
  limit.writeUInt8((limit[bytes - 1] ?? 0) & 0xfe, bytes - 1);
  return Buffer.compare(padTo(value, bytes), limit) < 0;
}

/** A copy, left-padded with zeros to `bytes`. */
function padTo(unsigned: Buffer, bytes: number): Buffer {
  return Buffer.concat([Buffer.alloc(bytes - unsigned.length), unsigned]);
}
