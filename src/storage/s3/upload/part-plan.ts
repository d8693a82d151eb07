import { StorageError } from '../../object-store.ts';

/** Limits of multipart uploads (Amazon S3 User Guide, "Amazon S3 multipart upload limits"), in bytes and parts. */
export const MIN_PART_BYTES = 5 * 1024 ** 2;
export const MAX_PART_BYTES = 5 * 1024 ** 3;
export const MAX_PARTS = 10_000;
export const MAX_OBJECT_BYTES = 5 * 1024 ** 4;

/** Parts of one size before it doubles. */
const STEP = 1_000;
const STEPS = MAX_PARTS / STEP;
const MIB = 1024 ** 2;

/**
 * How large the parts of an upload of unknown length are. The size doubles every 1,000 parts, so that small files keep
 * small parts, and the last step is made as large as 5 TiB in 10,000 parts needs. With 8 MiB: 16 MiB from
 * 7.8 GiB on, 32 MiB from 23 GiB, 64 MiB from 55 GiB, 128 MiB from 117 GiB.
 */
export class PartPlan {
  readonly #sizes: readonly number[];

  /** `firstBytes` from 5 MiB to 5 GiB; throws RangeError otherwise. */
  constructor(firstBytes: number) {
    if (!Number.isSafeInteger(firstBytes) || firstBytes < MIN_PART_BYTES || firstBytes > MAX_PART_BYTES) {
      throw new RangeError('a part has 5 MiB to 5 GiB');
    }
    const sizes: number[] = [];
    let covered = 0;
    for (let step = 0; step < STEPS - 1; step += 1) {
      const size = Math.min(firstBytes * 2 ** step, MAX_PART_BYTES);
      sizes.push(size);
      covered += size * STEP;
    }
    const missing = Math.ceil(Math.max(0, MAX_OBJECT_BYTES - covered) / STEP / MIB) * MIB;
    sizes.push(Math.min(MAX_PART_BYTES, Math.max(firstBytes, missing)));
    this.#sizes = sizes;
  }

  /** Bytes of part `number`, from 1 to 10,000. Throws RangeError for other numbers. */
  sizeOf(number: number): number {
    const size = this.#sizes[Math.floor((number - 1) / STEP)];
    if (size === undefined || number < 1) throw new RangeError('an upload has 1 to 10,000 parts');
    return size;
  }
}

/** A piece of the new file: copied inside the store from the base object, or sent from here. */
export interface PlannedPart {
  readonly number: number;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  readonly copy: boolean;
}

/** A run of bytes that the new file shares with the base object at the same offset. */
export interface CleanRun {
  readonly from: number;
  readonly to: number;
}

/**
 * No copy is larger, but of very large objects: a store may be silent until it has copied a part, and must not be for so
 * long that the request counts as broken. Several run at a time, and a failed one is not much to repeat.
 */
export const COPY_PART_BYTES = 256 * MIB;

/** Copies take no more part numbers, so that enough are left for what is sent between and behind them. */
const MAX_COPIES = MAX_PARTS / 2;

/** 256 MiB up to 1.2 TiB, then as much more as 5,000 copies need: 1,049 MiB of 5 TiB. */
function copyPartBytes(size: number): number {
  return Math.max(COPY_PART_BYTES, Math.ceil(size / MAX_COPIES / MIB) * MIB);
}

/**
 * Cuts a file of `size` bytes, of which the `clean` runs (in order, apart) are in the base object, into parts: clean
 * runs of at least 5 MiB are copied, the rest is sent, and every part but the last has at least 5 MiB, for which a
 * part that is sent takes in some clean bytes where it must. Throws 'too-large' beyond 10,000 parts.
 */
export function planParts(size: number, clean: readonly CleanRun[], plan: Pick<PartPlan, 'sizeOf'>): PlannedPart[] {
  const parts: PlannedPart[] = [];
  const longest = copyPartBytes(size);
  let position = 0;
  let run = 0;
  while (position < size) {
    const number = parts.length + 1;
    if (number > MAX_PARTS) {
      throw new StorageError('too-large', 'The file is changed in too many places for its size.');
    }
    // A run must be worth a part number: as the numbers go by, short runs are sent instead.
    const worth = Math.max(MIN_PART_BYTES, plan.sizeOf(number) / 4);
    while (run < clean.length && (clean[run]?.to ?? 0) <= position) run += 1;
    const here = clean[run];
    if (here !== undefined && here.from <= position) {
      const end = Math.min(here.to, size);
      if (end - position >= worth || end === size) {
        const to = Math.min(end, position + longest);
        // Not a remainder that would be too short to be copied.
        const cut = end - to > 0 && end - to < MIN_PART_BYTES ? end - MIN_PART_BYTES : to;
        parts.push({ number, from: position, to: cut, copy: true });
        position = cut;
        continue;
      }
    }
    let to = Math.min(size, position + plan.sizeOf(number));
    for (let next = run; next < clean.length; next += 1) {
      const candidate = clean[next];
      if (candidate === undefined || candidate.from >= to) break;
      const begin = Math.max(candidate.from, position + MIN_PART_BYTES);
      if (begin < to && Math.min(candidate.to, size) - begin >= worth) {
        to = begin;
        break;
      }
    }
    parts.push({ number, from: position, to, copy: false });
    position = to;
  }
  return parts;
}
