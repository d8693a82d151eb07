import { createCipheriv, randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { Umac, UMAC_MAX_MESSAGE_BYTES } from '../../../src/crypto/cipher/umac.ts';

/** RFC 4418, appendix: K = "abcdefghijklmnop", nonce = "bcdefghi". Its third column is UMAC-96, UMAC-128 cut short. */
const RFC_4418 = [
  ['', 0, '6e155fad26900be1', '32fedb100c79ad58f07ff764'],
  ['a', 3, '44b5cb542f220104', '185e4fe905cba7bd85e4c2dc'],
  ['a', 2 ** 10, '26bf2f5d60118bd9', '7a54abe04af82d60fb298c3c'],
  ['a', 2 ** 15, '27f8ef643b0d118d', '7b136bd911e4b734286ef2be'],
  ['a', 2 ** 20, 'a4477e87e9f55853', 'f8acfa3ac31cfeea047f7b11'],
  ['abc', 1, 'd4d7b9f6bd4fbfcf', '883c3d4b97a61976ffcf2323'],
  ['abc', 500, 'd4cf26ddefd5c01a', '8824a260c53c66a36c9260a6'],
] as const;

describe('RFC 4418, appendix', () => {
  test.each(RFC_4418)('%j * %d', (text, count, tag64, tag96) => {
    const key = Buffer.from('abcdefghijklmnop');
    const nonce = Buffer.from('bcdefghi');
    const message = Buffer.from(text.repeat(count));
    expect(new Umac(key, 8).compute(nonce, [message]).toString('hex')).toBe(tag64);
    expect(new Umac(key, 16).compute(nonce, [message]).toString('hex').slice(0, 24)).toBe(tag96);
  });
});

/** The RFC's own pseudocode in big integers: slow, and nothing in common with the code under test. */
function referenceUmac(key: Buffer, nonce: Buffer, message: Buffer, tagBytes: 8 | 16): string {
  const aes = (aesKey: Buffer, block: Buffer): Buffer =>
    createCipheriv('aes-128-ecb', aesKey, null).setAutoPadding(false).update(block);
  const kdf = (index: number, bytes: number): Buffer => {
    const blocks: Buffer[] = [];
    for (let counter = 1; blocks.length * 16 < bytes; counter += 1) {
      const block = Buffer.alloc(16);
      block.writeUInt8(index, 7);
      block.writeUInt16BE(counter, 14);
      blocks.push(aes(key, block));
    }
    return Buffer.concat(blocks).subarray(0, bytes);
  };
  const number = (bytes: Buffer): bigint => (bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString('hex')}`));
  const iterations = tagBytes / 4;
  const l1 = kdf(1, 1024 + (iterations - 1) * 16);
  const l2 = kdf(2, iterations * 24);
  const l3a = kdf(3, iterations * 64);
  const l3b = kdf(4, iterations * 4);
  const nh = (nhKey: Buffer, chunk: Buffer): bigint => {
    const padded = Buffer.concat([chunk, Buffer.alloc(chunk.length === 0 ? 32 : (32 - (chunk.length % 32)) % 32)]);
    let sum = 0n;
    for (let at = 0; at < padded.length; at += 32) {
      for (let word = 0; word < 4; word += 1) {
        const left =
          (BigInt(padded.readUInt32LE(at + word * 4)) + BigInt(nhKey.readUInt32BE(at + word * 4))) % 2n ** 32n;
        const right =
          (BigInt(padded.readUInt32LE(at + word * 4 + 16)) + BigInt(nhKey.readUInt32BE(at + word * 4 + 16))) %
          2n ** 32n;
        sum += left * right;
      }
    }
    return (sum + BigInt(chunk.length * 8)) % 2n ** 64n;
  };
  const hash: Buffer[] = [];
  for (let iteration = 0; iteration < iterations; iteration += 1) {
    const nhKey = l1.subarray(iteration * 16, iteration * 16 + 1024);
    const chunks: bigint[] = [];
    for (let at = 0; at === 0 || at < message.length; at += 1024)
      chunks.push(nh(nhKey, message.subarray(at, at + 1024)));
    let layer2 = chunks[0]!;
    if (chunks.length > 1) {
      const prime = 2n ** 64n - 59n;
      const k64 = number(l2.subarray(iteration * 24, iteration * 24 + 8)) & 0x01ffffff01ffffffn;
      layer2 = 1n;
      for (const word of chunks) {
        if (word >= 2n ** 64n - 2n ** 32n) {
          layer2 = (k64 * layer2 + prime - 1n) % prime;
          layer2 = (k64 * layer2 + word - 59n) % prime;
        } else layer2 = (k64 * layer2 + word) % prime;
      }
    }
    const b = Buffer.from(layer2.toString(16).padStart(32, '0'), 'hex');
    const p36 = 2n ** 36n - 5n;
    let y = 0n;
    for (let word = 0; word < 8; word += 1) {
      const at = iteration * 64 + word * 8;
      y += BigInt(b.readUInt16BE(word * 2)) * (number(l3a.subarray(at, at + 8)) % p36);
    }
    const out = Buffer.alloc(4);
    out.writeUInt32BE(Number(((y % p36) % 2n ** 32n) ^ number(l3b.subarray(iteration * 4, iteration * 4 + 4))));
    hash.push(out);
  }
  const index = tagBytes === 8 ? nonce.readUInt8(7) & 1 : 0;
  const padNonce = Buffer.concat([nonce, Buffer.alloc(8)]);
  padNonce.writeUInt8(padNonce.readUInt8(7) - index, 7);
  const pad = aes(kdf(0, 16), padNonce).subarray(index * tagBytes, (index + 1) * tagBytes);
  return Buffer.from(Buffer.concat(hash).map((byte, at) => byte ^ pad[at]!)).toString('hex');
}

describe.each([8, 16] as const)('tags of %d bytes', (tagBytes) => {
  test("agree with the RFC's pseudocode at every kind of length, however the message is cut", () => {
    const key = randomBytes(16);
    const umac = new Umac(key, tagBytes);
    const nonce = Buffer.alloc(8);
    for (const length of [0, 1, 3, 4, 31, 32, 33, 1023, 1024, 1025, 1056, 2047, 2048, 2049, 5000, 32800]) {
      const message = randomBytes(length);
      nonce.writeUInt32BE(length * 3 + 1, 4);
      const expected = referenceUmac(key, nonce, message, tagBytes);
      expect(umac.compute(nonce, [message]).toString('hex')).toBe(expected);
      const cuts = [0, Math.floor(length / 3), Math.floor(length / 2), length];
      const parts = cuts.slice(1).map((end, at) => message.subarray(cuts[at], end));
      expect(umac.compute(nonce, parts).toString('hex')).toBe(expected);
    }
  });

  test('hold where every sum is at its largest', () => {
    // All bits set in the message make the largest columns of NH together with keys that are.
    const key = randomBytes(16);
    const message = Buffer.alloc(4096, 0xff);
    const nonce = randomBytes(8);
    expect(new Umac(key, tagBytes).compute(nonce, [message]).toString('hex')).toBe(
      referenceUmac(key, nonce, message, tagBytes),
    );
  });

  test('use a part of the pad of their own for even and odd nonces', () => {
    const key = randomBytes(16);
    const umac = new Umac(key, tagBytes);
    for (let counter = 0; counter < 4; counter += 1) {
      const nonce = Buffer.from([0, 0, 0, 0, 0, 0, 1, counter]);
      expect(umac.compute(nonce, [Buffer.from('m')]).toString('hex')).toBe(
        referenceUmac(key, nonce, Buffer.from('m'), tagBytes),
      );
    }
  });

  test('refuse a message that would need the wider polynomial', () => {
    const part = Buffer.alloc(UMAC_MAX_MESSAGE_BYTES / 2 + 1);
    expect(() => new Umac(randomBytes(16), tagBytes).compute(Buffer.alloc(8), [part, part])).toThrow(RangeError);
  });
});
