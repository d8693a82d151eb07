import { StorageError } from '../../object-store.ts';
import { OpenPart } from './open-part.ts';
import { STARTER_BYTES } from './part-buffers.ts';
import { MAX_OBJECT_BYTES, MAX_PARTS, MIN_PART_BYTES } from './part-plan.ts';
import type { SpoolFile } from './spool.ts';
import type { PartBody } from '../api/send-body.ts';
import type { S3Context } from '../s3-context.ts';

/** Where full parts go. */
export interface PartSink {
  /** Resolves when the part is on its way; calls `done` when its bytes are no longer needed. */
  send(number: number, body: PartBody, done: () => void): Promise<void>;
}

type PartStreamContext = Pick<S3Context, 'buffers' | 'plan' | 'spool'>;

/**
 * Turns writes in almost any order into parts in order. Every byte of the file is in exactly one place:
 *
 *     0 ........ sent | first open part | second open part | ......
 *     with the store    memory            memory             ahead: spool
 *
 * The two open parts are the reorder window. What lies beyond it waits in the spool and is read back when its part is
 * opened. What goes back before `sent` is kept in the spool as a patch, for whoever finishes the file. Parts of very large
 * files, which memory does not hold, are filled one by one in files of their own.
 */
export class PartStream {
  readonly #context: PartStreamContext;
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
    context: PartStreamContext,
    sink: PartSink,
    signal: () => AbortSignal,
    origin: { readonly firstNumber: number; readonly start: number },
  ) {
    this.#context = context;
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

  /** Whether nothing was written, and no size set. */
  get untouched(): boolean {
    return this.#size === 0 && this.#sent === 0 && this.#open.length === 0 && this.#spool === undefined;
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
    for (const part of this.#open) part.cut(size);
    await this.#spool?.discard(size, Number.MAX_SAFE_INTEGER);
    if (size <= this.#sent && this.#tailEnd > this.#sent) {
      // It will not be sent again as a whole, and some stores want every part that they have in the object.
      this.#sent = this.#tailEnd;
      this.#nextNumber += 1;
    }
    if (size < this.#sent) {
      this.#cut = Math.min(this.#cut, size);
      // Nothing is left in them, and nothing comes into them any more.
      await this.#releaseOpen();
    }
    this.#size = size;
  }

  /**
   * Fills `into` from `offset`; the range must be inside the file. `readSent` is asked for bytes that were handed to the
   * sink and are not here any more.
   */
  async read(offset: number, into: Buffer, readSent: (from: number, into: Buffer) => Promise<void>): Promise<void> {
    const end = offset + into.length;
    into.fill(0);
    const spooled = this.#spool?.within(offset, end) ?? [];
    const sent = Math.min(end, this.#sent, this.#cut);
    let position = offset;
    for (const { from, to } of [...spooled, { from: end, to: end }]) {
      const until = Math.min(from, sent);
      if (position < until) await readSent(position, into.subarray(position - offset, until - offset));
      position = to;
    }
    for (const part of this.#open) await part.read(offset, into);
    for (const { from, to } of spooled) await this.#spool?.read(from, into.subarray(from - offset, to - offset));
  }

  /** The first offset that no write has reached. */
  contiguousEnd(): number {
    let end = this.#sent;
    if (this.#cut < this.#sent) {
      end = this.#spool === undefined ? this.#cut : this.#spool.endOfRun(this.#cut);
      if (end < this.#sent) return end;
    }
    for (const part of this.#open) {
      end = part.endOfRun(end);
      if (end < part.end) return end;
    }
    return this.#spool === undefined ? end : this.#spool.endOfRun(end);
  }

  /** How many bytes of the file no write has reached. */
  get holes(): number {
    const kept = Math.min(this.#sent, this.#cut, this.#size);
    const spooled = this.#spool?.within(kept, this.#size) ?? [];
    const written = spooled.reduce((sum, { from, to }) => sum + to - from, 0);
    return this.#open.reduce((holes, part) => holes - part.filledBytes, this.#size - kept - written);
  }

  /**
   * The whole file, if nothing was sent and it fits into one part: its memory is the caller's to release. Bytes that were
   * never written are zero.
   */
  async takeWhole(): Promise<{ readonly body: Buffer; readonly done: () => void } | undefined> {
    if (this.#sent > 0 || this.#nextNumber > 1 || this.#size > this.#context.plan.sizeOf(1)) return undefined;
    if (this.#size === 0) return { body: Buffer.alloc(0), done: () => undefined };
    const part = await this.#firstPart();
    await this.#makeRoom(part, this.#size);
    const body = await part.body(this.#size);
    if (!Buffer.isBuffer(body)) return undefined;
    for (const other of this.#open) if (other !== part) await other.release();
    this.#open = [];
    return {
      body,
      done: () => {
        void part.release();
      },
    };
  }

  /** Sends everything that is left, with zeros where nothing was written. */
  async finish(): Promise<void> {
    while (this.#sent < this.#size && this.#cut >= this.#sent) {
      const part = await this.#firstPart();
      const end = Math.min(part.end, this.#size);
      await this.#makeRoom(part, end);
      await this.#send(part, end);
    }
  }

  /** Sends what is contiguous in the first open part, although it may be sent again when it is full. */
  async sendTail(): Promise<void> {
    const part = this.#open[0];
    if (part !== undefined) {
      await part.sync();
      const end = part.endOfRun(part.start);
      if (end > part.start && part.isInMemory) {
        await this.#sink.send(part.number, await part.body(end), () => undefined);
        this.#tailEnd = end;
      }
    }
    await this.#spool?.sync();
  }

  /** Memory held. */
  get memoryBytes(): number {
    return this.#open.reduce((sum, part) => sum + part.memoryBytes, 0);
  }

  /** What of `kind` is held: memory of a starter, or of a whole part. */
  holds(kind: 'starter' | 'part'): boolean {
    return this.#open.some(
      ({ memoryBytes }) => memoryBytes > 0 && memoryBytes <= STARTER_BYTES === (kind === 'starter'),
    );
  }

  /**
   * Gives memory back: moves what it has to the spool, from where the next write brings it back, or where there is no
   * room sends the first part short. Answers how many bytes came free. After an error the stream is of no more use.
   */
  async park(): Promise<number> {
    const before = this.memoryBytes;
    if (before === 0) return 0;
    try {
      this.#spool ??= await this.#context.spool?.create();
      if (this.#spool !== undefined) {
        for (let part = this.#open.at(-1); part?.isInMemory === true; part = this.#open.at(-1)) {
          await part.unload(this.#spool);
          this.#open.pop();
          await part.release();
        }
      }
    } catch {
      // No room, or a disk that fails: what was not moved is still in memory.
    }
    await this.#sendShort();
    return before - this.memoryBytes;
  }

  /** Gives all memory and disk space back. */
  async release(): Promise<void> {
    await this.#releaseOpen();
    await this.#spool?.close();
    this.#spool = undefined;
  }

  async #releaseOpen(): Promise<void> {
    const parts = this.#open;
    this.#open = [];
    for (const part of parts) await part.release();
  }

  /** Puts a first piece of `chunk` where it belongs; returns its length. */
  async #place(position: number, chunk: Buffer): Promise<number> {
    if (position >= MAX_OBJECT_BYTES) throw tooLarge();
    // Behind a cut too: parts that were sent now would lie in the object where it counts as cut off.
    if (this.#cut < this.#sent) return this.#toSpool(position, chunk);
    if (position < this.#sent) return this.#toSpool(position, chunk.subarray(0, this.#sent - position));
    const first = await this.#firstPart();
    if (position < first.end) {
      const piece = chunk.subarray(0, first.end - position);
      await this.#makeRoom(first, position + piece.length);
      await this.#putInto(first, position, piece);
      await this.#sendFull();
      return piece.length;
    }
    if (first.isFull) {
      await this.#send(first, first.end);
      return this.#place(position, chunk);
    }
    const second = await this.#secondPart(position);
    if (second === undefined) return this.#toSpool(position, chunk);
    const piece = chunk.subarray(0, second.end - position);
    await this.#putInto(second, position, piece);
    return piece.length;
  }

  async #putInto(part: OpenPart, position: number, piece: Buffer): Promise<void> {
    await part.put(position, piece);
    this.#size = Math.max(this.#size, position + piece.length);
  }

  async #toSpool(position: number, piece: Buffer): Promise<number> {
    this.#spool ??= await this.#context.spool?.create();
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
    const number = this.#nextNumber;
    const size = this.#plannedSize(number);
    const place = { number, start: this.#sent, size };
    if (number > 1 && size > this.#largestInMemory) {
      const file = await this.#context.spool?.create();
      if (file === undefined) throw tooLarge();
      return this.#openPart(new OpenPart(place, { kind: 'file', file }));
    }
    // Only the first part of a file may turn out to be small; the others are needed whole.
    const memory = await this.#context.buffers.acquire(number === 1 ? STARTER_BYTES : size, this.#signal());
    return this.#openPart(new OpenPart(place, { kind: 'memory', memory }));
  }

  /** The part after the first, if `position` is in it and memory for it is there without a wait. */
  async #secondPart(position: number): Promise<OpenPart | undefined> {
    const [first, second] = this.#open;
    if (first === undefined) return undefined;
    if (second !== undefined) return position < second.end ? second : undefined;
    // Who waits for a whole part holds no other one: otherwise two transfers could wait for each other.
    if (!first.isWhole || this.#nextNumber >= MAX_PARTS) return undefined;
    const place = { number: this.#nextNumber + 1, start: first.end, size: this.#plannedSize(this.#nextNumber + 1) };
    if (position >= place.start + place.size || place.size > this.#largestInMemory) return undefined;
    const memory = this.#context.buffers.tryAcquire(place.size);
    return memory === undefined ? undefined : this.#openPart(new OpenPart(place, { kind: 'memory', memory }));
  }

  async #openPart(part: OpenPart): Promise<OpenPart> {
    this.#open.push(part);
    const spool = this.#spool;
    if (spool === undefined) return part;
    for (const { from, to } of spool.within(part.start, part.end)) {
      await this.#makeRoom(part, to);
      await part.load(spool, from, to);
    }
    await spool.discard(part.start, part.end);
    return part;
  }

  /** Room for the part's bytes up to `position`: a starter is exchanged for a whole part. */
  async #makeRoom(part: OpenPart, position: number): Promise<void> {
    if (part.hasRoom(position)) return;
    part.move(await this.#context.buffers.acquire(part.end - part.start, this.#signal()));
  }

  async #sendFull(): Promise<void> {
    for (let first = this.#open[0]; first?.isFull === true; first = this.#open[0]) {
      // A file of exactly one part needs no multipart upload: the first part waits for a byte behind it.
      if (first.number === 1 && this.#size <= first.end) return;
      await this.#send(first, first.end);
    }
  }

  /** The only open part goes although it is not full, where it is long enough for one and nothing in it is missing. */
  async #sendShort(): Promise<void> {
    const [part, other] = this.#open;
    if (part?.isInMemory !== true || other !== undefined) return;
    const end = part.endOfRun(part.start);
    if (end - part.start < MIN_PART_BYTES || part.reach > end || part.number >= MAX_PARTS) return;
    await this.#send(part, end);
  }

  /** Hands the first open part over, up to the offset `end`. */
  async #send(part: OpenPart, end: number): Promise<void> {
    const body = await part.body(end);
    this.#open.shift();
    this.#sent = end;
    this.#nextNumber = part.number + 1;
    await this.#sink.send(part.number, body, () => {
      void part.release();
    });
  }

  /** A part in memory leaves room for another one, or uploads would wait for their own last part. */
  get #largestInMemory(): number {
    const { buffers, spool } = this.#context;
    return spool === undefined ? buffers.largest : buffers.largest / 2;
  }

  #plannedSize(number: number): number {
    if (number > MAX_PARTS) throw tooLarge();
    return this.#context.plan.sizeOf(number);
  }
}

function tooLarge(): StorageError {
  return new StorageError('too-large', 'The file is larger than the storage accepts.');
}
