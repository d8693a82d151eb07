import { createCipheriv } from 'node:crypto';
import type { Cipheriv } from 'node:crypto';

/**
 * UMAC (RFC 4418) with AES-128, for tags of 8 and 16 bytes. Old security policies name it, and no library has it.
 *
 * Three layers, run once per 4 bytes of tag with keys of their own (§5): L1 compresses each KiB of the message by NH to 8
 * bytes, L2 hashes those by a polynomial over 2^64 − 59, L3 reduces the result to 4 bytes. The pad that covers the hash comes
 * from AES over the nonce (§3.3).
 */
const L1_BLOCK_BYTES = 1024;
const L1_BLOCK_WORDS = L1_BLOCK_BYTES / 4;
/** NH takes 8 words at a time (§5.2.2). */
const NH_STRIDE_BYTES = 32;

/** Longer messages need the 128-bit polynomial (§5.4); an SSH packet is far below. */
export const UMAC_MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

const PRIME_36 = 2 ** 36 - 5;
const PRIME_64 = 2n ** 64n - 59n;
const MAX_WORD_RANGE_64 = 2n ** 64n - 2n ** 32n;
const OFFSET_64 = 59n;
const MARKER_64 = PRIME_64 - 1n;
const K64_MASK = 0x01ffffff_01ffffffn;

/** The keys of one of the 2 or 4 iterations. */
interface IterationKeys {
  /** Words of the L1 key from this iteration's first one on (the Toeplitz shift of §5.2). */
  readonly l1: Uint32Array;
  readonly l2: bigint;
  readonly l3Factors: Float64Array;
  readonly l3Mask: number;
}

export class Umac {
  readonly #tagBytes: 8 | 16;
  readonly #iterations: readonly IterationKeys[];
  readonly #padCipher: Cipheriv;
  readonly #padInput = Buffer.alloc(16);
  readonly #block = Buffer.from(new ArrayBuffer(L1_BLOCK_BYTES));
  readonly #words = new Uint32Array(this.#block.buffer, 0, L1_BLOCK_WORDS);
  /** One L1 result an iteration, as [high 32 bits, low 32 bits]. */
  readonly #high: Uint32Array;
  readonly #low: Uint32Array;

  /** @param key 16 bytes; may be overwritten as soon as this returns */
  constructor(key: Buffer, tagBytes: 8 | 16) {
    const count = tagBytes / 4;
    const l1 = deriveUmacKey(key, 1, L1_BLOCK_BYTES + (count - 1) * 16);
    const l2 = deriveUmacKey(key, 2, count * 24);
    const l3Factors = deriveUmacKey(key, 3, count * 64);
    const l3Masks = deriveUmacKey(key, 4, count * 4);
    this.#tagBytes = tagBytes;
    this.#iterations = Array.from({ length: count }, (_, iteration) => ({
      l1: Uint32Array.from({ length: L1_BLOCK_WORDS }, (_, word) => l1.readUInt32BE(iteration * 16 + word * 4)),
      l2: l2.readBigUInt64BE(iteration * 24) & K64_MASK,
      l3Factors: Float64Array.from({ length: 8 }, (_, word) =>
        Number(l3Factors.readBigUInt64BE(iteration * 64 + word * 8) % BigInt(PRIME_36)),
      ),
      l3Mask: l3Masks.readUInt32BE(iteration * 4),
    }));
    const padKey = deriveUmacKey(key, 0, 16);
    this.#padCipher = createAes(padKey);
    this.#high = new Uint32Array(count);
    this.#low = new Uint32Array(count);
    for (const material of [l1, l2, l3Factors, l3Masks, padKey]) material.fill(0);
  }

  /**
   * @param nonce 8 bytes, never used twice with a key
   * @param parts the message, at most UMAC_MAX_MESSAGE_BYTES
   */
  compute(nonce: Buffer, parts: readonly Buffer[]): Buffer {
    const tag = this.#pad(nonce);
    const count = this.#iterations.length;
    const polynomials: bigint[] = [];
    let blockFill = 0;
    let messageBytes = 0;
    for (const part of parts) {
      let offset = 0;
      messageBytes += part.length;
      if (messageBytes > UMAC_MAX_MESSAGE_BYTES) throw new RangeError('message is too long for UMAC');
      while (offset < part.length) {
        if (blockFill === L1_BLOCK_BYTES) {
          this.#compressBlock(L1_BLOCK_BYTES);
          this.#addToPolynomials(polynomials);
          blockFill = 0;
        }
        const copied = part.copy(this.#block, blockFill, offset);
        offset += copied;
        blockFill += copied;
      }
    }
    this.#compressBlock(blockFill);
    if (messageBytes > L1_BLOCK_BYTES) this.#addToPolynomials(polynomials);

    for (let iteration = 0; iteration < count; iteration += 1) {
      const keys = this.#iterations[iteration];
      if (keys === undefined) break;
      // A message of one block skips the second layer (§5.1).
      const hashed =
        polynomials[iteration] ?? (BigInt(this.#high[iteration] ?? 0) << 32n) | BigInt(this.#low[iteration] ?? 0);
      const position = iteration * 4;
      tag.writeUInt32BE((tag.readUInt32BE(position) ^ thirdLayer(keys, hashed)) >>> 0, position);
    }
    return tag;
  }

  dispose(): void {
    for (const keys of this.#iterations) {
      keys.l1.fill(0);
      keys.l3Factors.fill(0);
    }
    this.#block.fill(0);
  }

  /** §3.3.1: for short tags several nonces share one AES block. */
  #pad(nonce: Buffer): Buffer {
    this.#padInput.fill(0, 8);
    nonce.copy(this.#padInput, 0, 0, 8);
    const perBlock = 16 / this.#tagBytes;
    const last = this.#padInput[7] ?? 0;
    const index = last % perBlock;
    this.#padInput[7] = last - index;
    const block = this.#padCipher.update(this.#padInput);
    return Buffer.from(block.subarray(index * this.#tagBytes, (index + 1) * this.#tagBytes));
  }

  /** §5.2: NH over the block's bytes, zero-padded to whole strides, plus their length in bits; for every iteration. */
  #compressBlock(bytes: number): void {
    const padded = Math.max(NH_STRIDE_BYTES, Math.ceil(bytes / NH_STRIDE_BYTES) * NH_STRIDE_BYTES);
    this.#block.fill(0, bytes, padded);
    if (BIG_ENDIAN_HOST) this.#block.subarray(0, padded).swap32();
    for (let iteration = 0; iteration < this.#iterations.length; iteration += 1) {
      const keys = this.#iterations[iteration];
      if (keys !== undefined) nh(keys.l1, this.#words, padded / 4, bytes * 8, this.#high, this.#low, iteration);
    }
  }

  /** §5.3: one more word into each iteration's polynomial. */
  #addToPolynomials(polynomials: bigint[]): void {
    for (let iteration = 0; iteration < this.#iterations.length; iteration += 1) {
      const key = this.#iterations[iteration]?.l2 ?? 0n;
      const word = (BigInt(this.#high[iteration] ?? 0) << 32n) | BigInt(this.#low[iteration] ?? 0);
      let value = polynomials[iteration] ?? 1n;
      if (word >= MAX_WORD_RANGE_64) {
        value = (key * value + MARKER_64) % PRIME_64;
        value = (key * value + (word - OFFSET_64)) % PRIME_64;
      } else {
        value = (key * value + word) % PRIME_64;
      }
      polynomials[iteration] = value;
    }
  }
}

const BIG_ENDIAN_HOST = new Uint8Array(Uint32Array.of(1).buffer)[0] === 0;

/**
 * NH (§5.2.2): the sum of 64-bit products of 32-bit sums, modulo 2^64. JavaScript has no 64-bit product, so each is put
 * together from four of 16 bits; the three columns are summed apart, exactly, and carried once at the end. A block has 128
 * products, so no column reaches 2^53.
 */
function nh(
  key: Uint32Array,
  message: Uint32Array,
  words: number,
  bits: number,
  highOut: Uint32Array,
  lowOut: Uint32Array,
  slot: number,
): void {
  let lowColumn = 0;
  let middleColumn = 0;
  let highColumn = 0;
  for (let base = 0; base < words; base += 8) {
    for (let index = base; index < base + 4; index += 1) {
      const a = ((message[index] ?? 0) + (key[index] ?? 0)) | 0;
      const b = ((message[index + 4] ?? 0) + (key[index + 4] ?? 0)) | 0;
      const aLow = a & 0xffff;
      const aHigh = a >>> 16;
      const bLow = b & 0xffff;
      const bHigh = b >>> 16;
      lowColumn += aLow * bLow;
      middleColumn += aLow * bHigh + aHigh * bLow;
      highColumn += aHigh * bHigh;
    }
  }
  // value = high * 2^32 + middle * 2^16 + low + bits
  const middleLow = middleColumn % 0x1_0000;
  const middleHigh = (middleColumn - middleLow) / 0x1_0000;
  const lowSum = lowColumn + middleLow * 0x1_0000 + bits;
  const low = lowSum % 0x1_0000_0000;
  lowOut[slot] = low;
  highOut[slot] = (highColumn + middleHigh + (lowSum - low) / 0x1_0000_0000) % 0x1_0000_0000;
}

/** §5.5: 16 bytes, of which the first 8 are zero here, to 4. */
function thirdLayer(keys: IterationKeys, hashed: bigint): number {
  const high = Number(hashed >> 32n);
  const low = Number(hashed & 0xffffffffn);
  const factors = keys.l3Factors;
  // Each product is below 2^52; reduced one by one, so that the sum stays exact.
  let sum = ((high >>> 16) * (factors[4] ?? 0)) % PRIME_36;
  sum += ((high & 0xffff) * (factors[5] ?? 0)) % PRIME_36;
  sum += ((low >>> 16) * (factors[6] ?? 0)) % PRIME_36;
  sum += ((low & 0xffff) * (factors[7] ?? 0)) % PRIME_36;
  return (((sum % PRIME_36) % 0x1_0000_0000) ^ keys.l3Mask) >>> 0;
}

function createAes(key: Buffer): Cipheriv {
  return createCipheriv('aes-128-ecb', key, null).setAutoPadding(false);
}

/** §3.2.1 (KDF): AES in counter mode over `index`. */
function deriveUmacKey(key: Buffer, index: number, bytes: number): Buffer {
  const blocks = Math.ceil(bytes / 16);
  const input = Buffer.alloc(blocks * 16);
  for (let block = 0; block < blocks; block += 1) {
    input.writeUInt32BE(index, block * 16 + 4);
    input.writeUInt32BE(block + 1, block * 16 + 12);
  }
  return createAes(key).update(input).subarray(0, bytes);
}
