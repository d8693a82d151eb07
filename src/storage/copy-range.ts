import type { WriteHandle } from './object-store.ts';

/** Bytes read and written at once; one such buffer is held a copy. */
const COPY_BYTES = 1024 * 1024;
const ZEROS = Buffer.alloc(COPY_BYTES);

export interface RangeCopy {
  /** Fewer bytes than asked for only at the end, none past it. */
  readonly read: (offset: number, length: number) => Promise<Buffer>;
  readonly writer: WriteHandle;
  /** Offsets in the source and in the target. */
  readonly from: number;
  readonly to: number;
  /** Infinity: to the end of the source. */
  readonly length: number;
  /** Called before each step; what it throws ends the copy. */
  readonly check: () => void;
  readonly onCopied?: (bytes: number) => void;
}

/**
 * Copies bytes from one open file into another, through this process; resolves to their number, which is less than
 * `length` where the source ends. Zeros past the end of a target that keeps holes become one.
 */
export async function copyRange({ read, writer, from, to, length, check, onCopied }: RangeCopy): Promise<number> {
  // What is there already is written over, with zeros too.
  let end = writer.keepsHoles === true ? (await writer.stat()).attributes.size : Infinity;
  let copied = 0;
  while (copied < length) {
    check();
    const bytes = await read(from + copied, Math.min(COPY_BYTES, length - copied));
    if (bytes.length === 0) break;
    const at = to + copied;
    if (at < end || !bytes.equals(ZEROS.subarray(0, bytes.length))) {
      await writer.write(at, [bytes]);
      end = Math.max(end, at + bytes.length);
    }
    copied += bytes.length;
    onCopied?.(bytes.length);
  }
  // By a write and not by the size: whoever shares the file may have made it longer meanwhile.
  if (copied > 0 && to + copied > end) await writer.write(to + copied - 1, [ZEROS.subarray(0, 1)]);
  return copied;
}
