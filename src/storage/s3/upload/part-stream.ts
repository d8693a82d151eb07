import { StorageError } from '../../object-store.ts';
import { ExtentSet } from '../../extents.ts';
import { STARTER_BYTES, type PartBuffer, type PartBuffers } from './part-buffers.ts';
import { MAX_OBJECT_BYTES, MAX_PARTS, type PartPlan } from './part-plan.ts';
import type { SpoolFile, SpoolSpace } from './spool.ts';

/** Where full parts go. */
export interface PartSink {
  /** Resolves when the part is on its way; calls `done` when its bytes are no longer needed. */
  send(number: number, body: Buffer, done: () => void): Promise<void>;
}

export interface PartStreamTools {
  readonly buffers: PartBuffers;
  readonly plan: Pick<PartPlan, 'sizeOf'>;
  /** Undefined where no spool is configured. */
  readonly spool: SpoolSpace | undefined;
}

/** A part that is being filled. */
interface OpenPart {
  readonly number: number;
  readonly start: number;
  readonly size: number;
  memory: PartBuffer;
  /** Offsets in the file, not in the part. */
  readonly filled: ExtentSet;
}

/**
 * Turns writes in almost any order into parts in order. Every byte of the file is in exactly one place:
 *
 *     0 ........ sent | first open part | second open part | ......
 *     with the store    memory            memory             ahead: spool
 *
 * The two open parts are the reorder window. What lies beyond it waits in the spool and is read back when its part is
 * opened. What goes back before `sent` is kept in the spool as a patch, for whoever finishes the file.
 */
export class PartStream {
  readonly #tools: PartStreamTools;
  readonly #sink: PartSink;
  readonly #signal: () => AbortSignal;
  #open: OpenPart[] = [];
  #nextNumber: number;
  #sent: number;
  #size: number;
  #spool: SpoolFile | undefined;
  /** Bytes of the sent parts that a truncation has cut off lie at and after this offset. */
  #cut = Number.POSITIVE_INFINITY;
  /** Where the bytes end that `sendTail` has sent as the next part; 0 if it has sent none. */
  #tailEnd = 0;

  /** `start` bytes are with the store already, in parts before `firstNumber`. `signal` is asked for what ends a wait for memory. */
  constructor(
    tools: PartStreamTools,
    sink: PartSink,
    signal: () => AbortSignal,
    origin: { readonly firstNumber: number; readonly start: number },
  ) {
    this.#tools = tools;
    this.#sink = sink;
    this.#signal = signal;
    this.#nextNumber = origin.firstNumber;
    this.#sent = origin.start;
    this.#size = origin.start;
  }

  /** The file's size with everything written so far. */
  get size(): number {
    return this.#size;
  }

  /** Bytes that were handed to the sink. */
  get sent(): number {
    return this.#sent;
  }

  /** Parts before this number were handed to the sink. */
  get nextNumber(): number {
    return this.#nextNumber;
  }

  /** What was written over sent parts, if anything, and where they were cut off. */
  get patches(): { readonly spool: SpoolFile | undefined; readonly cut: number } | undefined {
    const patched = this.#spool !== undefined && this.#spool.within(0, this.#sent).length > 0;
    return patched || this.#cut < this.#sent ? { spool: this.#spool, cut: this.#cut } : undefined;
  }

  /** Takes the bytes. Waits for memory and for the sink. Throws StorageError, or the signal's reason. */
  async write(offset: number, chunks: readonly Buffer[]): Promise<void> {
    let position = offset;
    for (const chunk of chunks) {
      let rest = chunk;
      while (rest.length > 0) {
        const taken = await this.#place(position, rest);
        position += taken;
        rest = rest.subarray(taken);
      }
    }
  }

  /** Cuts the file off or lets it grow; what it grows by is zero until it is written. */
  async truncate(size: number): Promise<void> {
    if (size > MAX_OBJECT_BYTES) throw tooLarge();
    for (const part of this.#open) part.filled.remove(size, Number.MAX_SAFE_INTEGER);
    await this.#spool?.discard(size, Number.MAX_SAFE_INTEGER);
    if (size <= this.#sent && this.#tailEnd > this.#sent) {
      // It will not be sent again as a whole, and some stores want every part that they have in the object.
      this.#sent = this.#tailEnd;
      this.#nextNumber += 1;
    }
    if (size < this.#sent) {
      this.#cut = Math.min(this.#cut, size);
      // Nothing is left in them, and nothing comes into them any more.
      for (const part of this.#open) part.memory.release();
      this.#open = [];
    }
    this.#size = size;
  }

  /** The first offset that no write has reached. */
  contiguousEnd(): number {
    let end = this.#sent;
    if (this.#cut < this.#sent) {
      end = this.#spool === undefined ? this.#cut : this.#spool.endOfRun(this.#cut);
      if (end < this.#sent) return end;
    }
    for (const part of this.#open) {
      end = part.filled.endOfRun(end);
      if (end < part.start + part.size) return end;
    }
    return this.#spool === undefined ? end : this.#spool.endOfRun(end);
  }

  /**
   * The whole file, if nothing was sent and it fits into one part: its memory is the caller's to release. Bytes that were
   * never written are zero.
   */
  async takeWhole(): Promise<{ readonly body: Buffer; readonly done: () => void } | undefined> {
    if (this.#sent > 0 || this.#nextNumber > 1 || this.#size > this.#tools.plan.sizeOf(1)) return undefined;
    if (this.#size === 0) return { body: Buffer.alloc(0), done: () => undefined };
    const part = await this.#firstPart();
    await this.#grow(part, this.#size);
    for (const other of this.#open) if (other !== part) other.memory.release();
    this.#open = [];
    zeroGaps(part, this.#size);
    return { body: part.memory.buffer.subarray(0, this.#size), done: part.memory.release };
  }

  /** Sends everything that is left, with zeros where nothing was written. */
  async finish(): Promise<void> {
    while (this.#sent < this.#size && this.#cut >= this.#sent) {
      const part = await this.#firstPart();
      await this.#grow(part, Math.min(part.size, this.#size - part.start));
      await this.#send(part, Math.min(part.start + part.size, this.#size));
    }
  }

  /** Sends what is contiguous in the first open part, although it may be sent again when it is full. */
  async sendTail(): Promise<void> {
    const part = this.#open[0];
    if (part !== undefined) {
      const end = part.filled.endOfRun(part.start);
      if (end > part.start) {
        await this.#sink.send(part.number, part.memory.buffer.subarray(0, end - part.start), () => undefined);
        this.#tailEnd = end;
      }
    }
    await this.#spool?.sync();
  }

  /** Memory held. */
  get memoryBytes(): number {
    return this.#open.reduce((sum, part) => sum + part.memory.buffer.length, 0);
  }

  /** Moves what is in memory to the spool, from where the next write brings it back. Throws 'no-space' and stays right. */
  async park(): Promise<void> {
    if (this.#open.length === 0) return;
    this.#spool ??= await this.#tools.spool?.create();
    if (this.#spool === undefined) return;
    for (let part = this.#open.at(-1); part !== undefined; part = this.#open.at(-1)) {
      const end = part.start + part.size;
      try {
        for (const { from, to } of part.filled.within(part.start, end)) {
          await this.#spool.write(from, part.memory.buffer.subarray(from - part.start, to - part.start));
        }
      } catch (error) {
        // No byte may be in two places: the older one could be taken for the newer one later.
        await this.#spool.discard(part.start, end);
        throw error;
      }
      this.#open.pop();
      part.memory.release();
    }
  }

  /** Gives all memory and disk space back. */
  async release(): Promise<void> {
    for (const part of this.#open) part.memory.release();
    this.#open = [];
    await this.#spool?.close();
    this.#spool = undefined;
  }

  /** Puts a first piece of `chunk` where it belongs; returns its length. */
  async #place(position: number, chunk: Buffer): Promise<number> {
    if (position >= MAX_OBJECT_BYTES) throw tooLarge();
    // Behind a cut too: parts that were sent now would lie in the object where it counts as cut off.
    if (this.#cut < this.#sent) return this.#toSpool(position, chunk);
    if (position < this.#sent) return this.#toSpool(position, chunk.subarray(0, this.#sent - position));
    const first = await this.#firstPart();
    const firstEnd = first.start + first.size;
    if (position < firstEnd) {
      const piece = chunk.subarray(0, firstEnd - position);
      await this.#grow(first, position - first.start + piece.length);
      this.#copyIn(first, position, piece);
      await this.#sendFull();
      return piece.length;
    }
    if (isFull(first)) {
      await this.#send(first, firstEnd);
      return this.#place(position, chunk);
    }
    const second = await this.#secondPart(position);
    if (second === undefined) return this.#toSpool(position, chunk);
    const piece = chunk.subarray(0, second.start + second.size - position);
    this.#copyIn(second, position, piece);
    return piece.length;
  }

  #copyIn(part: OpenPart, position: number, piece: Buffer): void {
    part.filled.add(position, position + piece.length);
    piece.copy(part.memory.buffer, position - part.start);
    this.#size = Math.max(this.#size, position + piece.length);
  }

  async #toSpool(position: number, piece: Buffer): Promise<number> {
    this.#spool ??= await this.#tools.spool?.create();
    if (this.#spool === undefined) {
      throw new StorageError('unsupported', 'This server takes files on this path only in order.');
    }
    await this.#spool.write(position, piece);
    this.#size = Math.max(this.#size, position + piece.length);
    return piece.length;
  }

  async #firstPart(): Promise<OpenPart> {
    const first = this.#open[0];
    if (first !== undefined) return first;
    // Only the first part of a file may turn out to be small; the others are needed whole.
    const size = this.#plannedSize(this.#nextNumber);
    const memory = await this.#tools.buffers.acquire(this.#nextNumber === 1 ? STARTER_BYTES : size, this.#signal());
    return this.#openPart(this.#nextNumber, this.#sent, size, memory);
  }

  /** The part after the first, if `position` is in it and memory for it is there without a wait. */
  async #secondPart(position: number): Promise<OpenPart | undefined> {
    const [first, second] = this.#open;
    if (first === undefined) return undefined;
    const start = first.start + first.size;
    if (second !== undefined) return position < start + second.size ? second : undefined;
    // Who waits for a whole part holds no other one: otherwise two transfers could wait for each other.
    if (first.memory.buffer.length < first.size || this.#nextNumber >= MAX_PARTS) return undefined;
    const size = this.#plannedSize(this.#nextNumber + 1);
    if (position >= start + size) return undefined;
    const memory = this.#tools.buffers.tryAcquire(size);
    return memory === undefined ? undefined : this.#openPart(this.#nextNumber + 1, start, size, memory);
  }

  async #openPart(number: number, start: number, size: number, memory: PartBuffer): Promise<OpenPart> {
    const part: OpenPart = { number, start, size, memory, filled: new ExtentSet() };
    this.#open.push(part);
    for (const { from, to } of this.#spool?.within(start, start + size) ?? []) {
      await this.#grow(part, to - start);
      await this.#spool?.read(from, part.memory.buffer.subarray(from - start, to - start));
      part.filled.add(from, to);
    }
    await this.#spool?.discard(start, start + size);
    return part;
  }

  /** Makes room for the part's first `length` bytes: a starter is exchanged for a whole part. */
  async #grow(part: OpenPart, length: number): Promise<void> {
    if (length <= part.memory.buffer.length) return;
    const larger = await this.#tools.buffers.acquire(part.size, this.#signal());
    part.memory.buffer.copy(larger.buffer);
    part.memory.release();
    part.memory = larger;
  }

  async #sendFull(): Promise<void> {
    for (let first = this.#open[0]; first !== undefined; first = this.#open[0]) {
      const end = first.start + first.size;
      // A file of exactly one part needs no multipart upload: the first part waits for a byte behind it.
      if (!isFull(first) || (first.number === 1 && this.#size <= end)) return;
      await this.#send(first, end);
    }
  }

  /** Hands the first open part over, up to the offset `end`. */
  async #send(part: OpenPart, end: number): Promise<void> {
    zeroGaps(part, end);
    this.#open.shift();
    this.#sent = end;
    this.#nextNumber = part.number + 1;
    await this.#sink.send(part.number, part.memory.buffer.subarray(0, end - part.start), part.memory.release);
  }

  #plannedSize(number: number): number {
    if (number > MAX_PARTS) throw tooLarge();
    const size = this.#tools.plan.sizeOf(number);
    if (size > this.#tools.buffers.largest) throw tooLarge();
    return size;
  }
}

function isFull(part: OpenPart): boolean {
  return part.filled.endOfRun(part.start) >= part.start + part.size;
}

/** A buffer holds what its last user left: no byte of that may be stored. */
function zeroGaps(part: OpenPart, end: number): void {
  for (const gap of part.filled.gaps(part.start, end)) {
    part.memory.buffer.fill(0, gap.from - part.start, gap.to - part.start);
  }
}

function tooLarge(): StorageError {
  return new StorageError('too-large', 'The file is larger than the storage accepts.');
}
