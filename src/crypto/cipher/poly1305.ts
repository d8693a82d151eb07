import * as nodeCrypto from 'node:crypto';
import { poly1305 as noblePoly1305 } from '@noble/ciphers/_poly1305.js';

/** The bare Poly1305 (RFC 8439 §2.5) of `parts` with a one-time key of 32 bytes: a tag of 16 bytes. */
export type Poly1305 = (key: Buffer, parts: readonly Buffer[]) => Buffer;

export const POLY1305_TAG_BYTES = 16;

/** node:crypto's generic MACs, which Node 26 has and its type declarations do not know yet. */
type CreateMac = (algorithm: string, key: Buffer) => { update(data: Buffer): unknown; final(): Buffer };

export const noblePoly: Poly1305 = (key, parts) => {
  const mac = noblePoly1305.create(key);
  for (const part of parts) mac.update(part);
  const tag = Buffer.allocUnsafe(POLY1305_TAG_BYTES);
  mac.digestInto(tag);
  mac.destroy();
  return tag;
};

/** OpenSSL's Poly1305, or null where this Node does not reach it. */
export const nodePoly: Poly1305 | null = findNodePoly();

function findNodePoly(): Poly1305 | null {
  const candidate: unknown = Reflect.get(nodeCrypto, 'createMac');
  if (typeof candidate !== 'function') return null;
  const createMac = candidate as CreateMac;
  const compute: Poly1305 = (key, parts) => {
    const mac = createMac('poly1305', key);
    for (const part of parts) mac.update(part);
    return mac.final();
  };
  try {
    // A young interface: taken only if it computes what noble computes.
    const key = Buffer.alloc(32, 0x42);
    const parts = [Buffer.from('one part,'), Buffer.from('another part')];
    return compute(key, parts).equals(noblePoly(key, parts)) ? compute : null;
  } catch {
    return null;
  }
}

/** The native one where there is one: about twenty times as fast. */
export const poly1305: Poly1305 = nodePoly ?? noblePoly;
