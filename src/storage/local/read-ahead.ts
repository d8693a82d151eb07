import fs from 'node:fs';
import type { Stats } from 'node:fs';
import { readFully, statDescriptor } from './descriptor.ts';

/** Reads up to this length are worth a look into the block: for longer ones the way to a thread costs little. */
const SMALL_READ_BYTES = 2048;
const BLOCK_BYTES = 32 * 1024;

/**
 * A file that changed so shortly before the block was read may change once more without its times telling: the
 * kernel's clock for them is coarse (10 ms at the slowest).
 */
const SETTLED_MS = 50;

/** Changes through a mapping may reach the times late: a block does not get older. */
const MAX_AGE_MS = 250;

interface Block {
  readonly offset: number;
  readonly bytes: Buffer;
  /** The file as it was before the bytes were read. */
  readonly stats: Stats;
  readonly readAt: number;
}

/**
 * Answers small reads that follow one another from one larger read. Before each answer the file's times and size are
 * looked at: what another program changes in place is served as it is at the moment.
 *
 * That look, fstat(2), is made on the event loop: only for file systems that answer it from memory.
 */
export class ReadAhead {
  readonly #fd: number;
  /** Where the next read starts if it follows on the last one. */
  #next = -1;
  #block: Block | undefined;
  #filling: { readonly offset: number; readonly done: Promise<void> } | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** The bytes, a promise to look again after, or undefined where they have to be read from the file. */
  read(offset: number, length: number): Buffer | Promise<void> | undefined {
    const follows = offset === this.#next;
    this.#next = offset + length;
    if (length > SMALL_READ_BYTES) {
      this.#block = undefined;
      return undefined;
    }
    const found = this.#fromBlock(offset, length);
    if (found !== undefined || !follows) return found;
    const filling = this.#filling;
    if (filling === undefined) return this.#fill(offset);
    return filling.offset <= offset && offset + length <= filling.offset + BLOCK_BYTES ? filling.done : undefined;
  }

  /** As `read`, for who has waited. */
  readAgain(offset: number, length: number): Buffer | undefined {
    return this.#fromBlock(offset, length);
  }

  /** Whether the file has nothing from `offset` on, now. */
  endsAt(offset: number): boolean {
    return (this.#look()?.size ?? Infinity) <= offset;
  }

  #fromBlock(offset: number, length: number): Buffer | undefined {
    const block = this.#block;
    if (block === undefined) return undefined;
    const start = offset - block.offset;
    if (start < 0 || start + length > block.bytes.length) return undefined;
    if (!this.#isCurrent(block)) {
      this.#block = undefined;
      return undefined;
    }
    // A copy: a view would keep the block for as long as the answer waits for the client.
    return Buffer.from(block.bytes.subarray(start, start + length));
  }

  #isCurrent({ stats, readAt }: Block): boolean {
    if (performance.now() - readAt > MAX_AGE_MS) return false;
    const now = this.#look();
    return now?.size === stats.size && now.mtimeMs === stats.mtimeMs && now.ctimeMs === stats.ctimeMs;
  }

  #look(): Stats | undefined {
    try {
      return fs.fstatSync(this.#fd);
    } catch {
      return undefined; // what is wrong comes out with the read from the file
    }
  }

  #fill(offset: number): Promise<void> {
    const done = this.#readBlock(offset)
      // Whoever waits reads from the file, and is told what is wrong.
      .catch(() => undefined)
      .then((block) => {
        this.#block = block;
        this.#filling = undefined;
      });
    this.#filling = { offset, done };
    return done;
  }

  async #readBlock(offset: number): Promise<Block | undefined> {
    const readAt = performance.now();
    const now = Date.now();
    const stats = await statDescriptor(this.#fd);
    if (now - Math.max(stats.mtimeMs, stats.ctimeMs) < SETTLED_MS) return undefined;
    const bytes = Buffer.allocUnsafeSlow(Math.max(0, Math.min(BLOCK_BYTES, stats.size - offset)));
    const filled = await readFully(this.#fd, bytes, offset);
    return { offset, bytes: bytes.subarray(0, filled), stats, readAt };
  }
}
