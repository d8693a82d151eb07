import { RevocationListError } from './revocation-list-error.ts';

/** Serial numbers of certificates are uint64. */
const MAX_SERIAL = (1n << 64n) - 1n;

interface Range {
  readonly from: bigint;
  /** The last one. */
  readonly to: bigint;
}

/** Serials from `offset` on: bit i, counted from the end, is that of `offset + i`. */
interface Bitmap {
  readonly offset: bigint;
  /** Big-endian. */
  readonly bits: Buffer;
}

/**
 * Serial numbers of certificates, in the three ways in which a KRL names them. They are kept as they were named: what they
 * take of memory is bounded by the length of the file, however many serials it means.
 */
export class RevokedSerials {
  readonly #lists: Buffer[] = [];
  readonly #ranges: Range[] = [];
  readonly #bitmaps: Bitmap[] = [];
  #sorted: { readonly singles: BigUint64Array; readonly ranges: readonly Range[] } | null = null;

  /** `serials`: uint64 after uint64. Throws RevocationListError for a part of one. */
  addList(serials: Buffer): void {
    if (serials.length % 8 !== 0) throw new RevocationListError('a list of serials ends within one');
    this.#lists.push(serials);
    this.#sorted = null;
  }

  /** Both ends belong to it. Throws RevocationListError where the last comes before the first. */
  addRange(from: bigint, to: bigint): void {
    if (to < from) throw new RevocationListError(`a range of serials ends at ${to}, before its start at ${from}`);
    this.#ranges.push({ from, to });
    this.#sorted = null;
  }

  /** `bits`: an mpint's bytes. Throws RevocationListError where it goes beyond the last serial that there can be. */
  addBitmap(offset: bigint, bits: Buffer): void {
    const [first] = bits;
    if (first === undefined) return;
    const highest = BigInt(8 * (bits.length - 1) + 31 - Math.clz32(first));
    if (offset + highest > MAX_SERIAL) throw new RevocationListError('a bitmap of serials goes beyond 2^64 - 1');
    this.#bitmaps.push({ offset, bits });
  }

  has(serial: bigint): boolean {
    const { singles, ranges } = (this.#sorted ??= this.#sort());
    const next = firstAbove(singles.length, (index) => (singles[index] ?? 0n) > serial);
    if (next > 0 && singles[next - 1] === serial) return true;
    const range = ranges[firstAbove(ranges.length, (index) => (ranges[index]?.from ?? 0n) > serial) - 1];
    if (range !== undefined && serial <= range.to) return true;
    return this.#bitmaps.some((bitmap) => bitOf(bitmap, serial));
  }

  #sort(): { readonly singles: BigUint64Array; readonly ranges: readonly Range[] } {
    const singles = new BigUint64Array(this.#lists.reduce((sum, list) => sum + list.length / 8, 0));
    let count = 0;
    for (const list of this.#lists) {
      for (let at = 0; at < list.length; at += 8) {
        singles[count] = list.readBigUInt64BE(at);
        count += 1;
      }
    }
    singles.sort();
    return { singles, ranges: merged(this.#ranges) };
  }
}

/** The ranges in order, none of which touches another. */
function merged(ranges: readonly Range[]): Range[] {
  const result: Range[] = [];
  for (const range of [...ranges].sort((one, other) => (one.from < other.from ? -1 : one.from > other.from ? 1 : 0))) {
    const last = result.at(-1);
    if (last === undefined || range.from > last.to) result.push(range);
    else if (range.to > last.to) result[result.length - 1] = { from: last.from, to: range.to };
  }
  return result;
}

function bitOf({ offset, bits }: Bitmap, serial: bigint): boolean {
  if (serial < offset || serial - offset >= BigInt(8 * bits.length)) return false;
  const index = Number(serial - offset);
  return (((bits[bits.length - 1 - (index >> 3)] ?? 0) >> (index & 7)) & 1) === 1;
}

/** The least index, up to `length`, from which on all are above. */
function firstAbove(length: number, isAbove: (index: number) => boolean): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isAbove(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
