// Random sequences of requests. Everything follows from one number.
import type { InitialTree } from './oracle.ts';
import type { Call, Change, Request, Step } from './request.ts';
import type { InitialFile } from './world.ts';

export interface Sequence {
  readonly seed: number;
  readonly partialUploads: 'store' | 'discard';
  readonly tree: InitialTree;
  readonly steps: readonly Step[];
}

export interface SequenceOptions {
  readonly hardlinks: boolean;
  /** How many steps of a hundred are two requests at one instant. */
  readonly pairs: number;
}

export const SESSIONS = 3;
export const DIRECTORIES = ['d', 'e'] as const;
export const FILES = ['d/x', 'd/y', 'd/z', 'e/x', 'e/y', 'e/z'] as const;
const SLOTS = 3;
const MODES = [0o600, 0o640, 0o644, 0o755];
const TIMES = [1_000_000_000, 1_200_000_000, 1_400_000_000];
const FLAG = { READ: 0x01, WRITE: 0x02, APPEND: 0x04, CREAT: 0x08, TRUNC: 0x10, EXCL: 0x20 };

/** mulberry32: small, and the same everywhere. */
export class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  chance(percent: number): boolean {
    return this.next() * 100 < percent;
  }

  of<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('nothing to choose from');
    return item;
  }
}

/** What the generator believes of a session: which slots are open, and whether for writing. It may be wrong. */
type Slots = Map<number, 'read' | 'write'>;

export function makeSequence(seed: number, options: SequenceOptions): Sequence {
  const random = new Random(seed);
  // A few names of the six: requests that never meet show nothing.
  const names = FILES.filter(() => random.chance(60));
  const paths = names.length < 2 ? FILES.slice(0, 2) : names;
  const sessions = random.of([1, 2, 2, 2, 3, 3, 3]);
  const files: InitialFile[] = [];
  for (const path of FILES) {
    if (random.chance(55)) files.push({ path, length: random.of([0, 5, 20, 100]), fill: random.below(93) });
  }
  const slots = Array.from({ length: SESSIONS }, (): Slots => new Map());
  const maker = new CallMaker(random, paths, slots, options);
  const steps: Step[] = [];
  const length = 4 + random.below(36);
  while (steps.length < length) {
    const session = random.below(sessions);
    if (sessions > 1 && random.chance(options.pairs)) {
      const other = (session + 1 + random.below(sessions - 1)) % sessions;
      steps.push({ kind: 'pair', calls: maker.pair(session, other), lag: random.of([0, 0, 0, 1, 2, 4]) });
    } else if (random.chance(3)) {
      const behind = random.chance(40) ? maker.call(session).request : undefined;
      steps.push({ kind: 'disconnect', session, ...(behind === undefined || behind.op === 'list' ? {} : { behind }) });
      slots[session]?.clear();
    } else {
      steps.push({ kind: 'call', ...maker.call(session) });
    }
  }
  return {
    seed,
    partialUploads: random.chance(80) ? 'store' : 'discard',
    tree: { directories: DIRECTORIES, files },
    steps,
  };
}

class CallMaker {
  readonly #random: Random;
  readonly #paths: readonly string[];
  readonly #slots: readonly Slots[];
  readonly #options: SequenceOptions;
  #fill = 7;

  constructor(random: Random, paths: readonly string[], slots: readonly Slots[], options: SequenceOptions) {
    this.#random = random;
    this.#paths = paths;
    this.#slots = slots;
    this.#options = options;
  }

  call(session: number): Call {
    const mine = this.#slots[session] ?? new Map<number, 'read' | 'write'>();
    const request = mine.size > 0 && this.#random.chance(60) ? this.#onHandle(mine) : this.#onName(mine);
    return { session, request };
  }

  /** Two that are likely to meet: on one name, or through a handle and a name. */
  pair(session: number, other: number): [Call, Call] {
    let calls: [Call, Call];
    do calls = [this.call(session), this.call(other)];
    while (calls.some(({ request }) => request.op === 'list'));
    return calls;
  }

  #path(): string {
    return this.#random.chance(93) ? this.#random.of(this.#paths) : this.#random.of(['d', 'e', 'f', 'd/s', 'e/s']);
  }

  #directory(): string {
    return this.#random.of(['d', 'e', 'e', 'f', 'd/s', 'd/s', 'e/s', this.#random.of(this.#paths)]);
  }

  #freeSlot(mine: Slots): number | undefined {
    return Array.from({ length: SLOTS }, (_, slot) => slot).find((slot) => !mine.has(slot));
  }

  #onName(mine: Slots): Request {
    const random = this.#random;
    const roll = random.below(100);
    const slot = this.#freeSlot(mine);
    if (roll < 45 && slot !== undefined) return this.#open(mine, slot);
    const path = this.#path();
    if (roll < 53) return { op: random.chance(80) ? 'stat' : 'lstat', path };
    if (roll < 60) return { op: 'setstat', path, change: this.#change(30) };
    if (roll < 68) return { op: 'rename', path, target: this.#path() };
    if (roll < 78) return { op: 'posix-rename', path, target: this.#path() };
    if (roll < 87) return { op: 'remove', path };
    if (roll < 90) return { op: 'list', path: random.of(['.', 'd', 'e', 'd', 'e', this.#directory()]) };
    if (roll < 93) {
      return { op: 'mkdir', path: this.#directory(), ...(random.chance(30) ? { mode: random.of(MODES) | 0o700 } : {}) };
    }
    if (roll < 95) return { op: 'rmdir', path: this.#directory() };
    if (roll < 97) {
      return { op: random.chance(50) ? 'rename' : 'posix-rename', path: this.#directory(), target: this.#directory() };
    }
    if (this.#options.hardlinks) return { op: 'hardlink', path, target: this.#path() };
    return { op: 'stat', path };
  }

  #open(mine: Slots, slot: number): Request {
    const random = this.#random;
    const roll = random.below(100);
    let flags: number;
    if (roll < 20) flags = FLAG.READ;
    else if (roll < 38) flags = FLAG.WRITE | FLAG.CREAT | FLAG.TRUNC;
    else if (roll < 52) flags = FLAG.WRITE;
    else if (roll < 64) flags = FLAG.READ | FLAG.WRITE;
    else if (roll < 72) flags = FLAG.WRITE | FLAG.CREAT;
    else if (roll < 76) flags = FLAG.WRITE | FLAG.CREAT | FLAG.EXCL;
    else if (roll < 82) flags = FLAG.WRITE | FLAG.APPEND | (random.chance(50) ? FLAG.CREAT : 0);
    else {
      flags = random.of([FLAG.READ, FLAG.WRITE, FLAG.READ | FLAG.WRITE, 0]);
      for (const flag of [FLAG.APPEND, FLAG.CREAT, FLAG.TRUNC, FLAG.EXCL]) if (random.chance(40)) flags |= flag;
    }
    // Without CREAT nobody has said what EXCL means.
    if ((flags & FLAG.CREAT) === 0) flags &= ~FLAG.EXCL;
    mine.set(slot, (flags & (FLAG.WRITE | FLAG.APPEND)) === 0 ? 'read' : 'write');
    return {
      op: 'open',
      slot,
      path: this.#path(),
      flags,
      ...(random.chance(30) ? { mode: random.of(MODES) } : {}),
    };
  }

  #onHandle(mine: Slots): Request {
    const random = this.#random;
    const [slot, kind] = random.of([...mine]);
    const roll = random.below(100);
    const writes = kind === 'write' ? 45 : 4;
    if (roll < writes) return this.#write(slot);
    if (roll < writes + (kind === 'write' ? 8 : 45)) {
      return {
        op: 'read',
        slot,
        offset: random.of([0, 0, 0, 3, 10, 50, 200]),
        length: random.of([4, 30, 1000, 32_768]),
      };
    }
    if (roll < 62) return { op: 'fstat', slot };
    if (roll < 72) return { op: 'fsetstat', slot, change: this.#change(45) };
    if (roll < 75) return { op: 'fsync', slot };
    const other = [...mine.keys()].find((each) => each !== slot);
    if (roll < 80 && other !== undefined) {
      const [from, target] = kind === 'write' ? [other, slot] : [slot, other];
      return {
        op: 'copy-data',
        slot: from,
        from: random.of([0, 0, 5]),
        length: random.of([0, 0, 3, 50]),
        target,
        to: random.of([0, 0, 10]),
      };
    }
    mine.delete(slot);
    return { op: 'close', slot };
  }

  #write(slot: number): Request {
    const random = this.#random;
    this.#fill += 1;
    const length = random.chance(4) ? random.of([40_000, 70_000, 300_000]) : random.of([1, 4, 10, 10, 30, 100]);
    // One packet holds no more.
    const offset = random.of([0, 0, 0, 5, 10, 10, 20, 30, 60, 100, 150]);
    return { op: 'write', slot, offset, length: Math.min(length, 250_000), fill: this.#fill };
  }

  #change(sizes: number): Change {
    const random = this.#random;
    const roll = random.below(100);
    if (roll < sizes) return { size: random.of([0, 3, 10, 10, 40, 150]) };
    if (roll < sizes + 25) return { mode: random.of(MODES) };
    if (roll < sizes + 45) return { mtime: random.of(TIMES) };
    return { mode: random.of(MODES), mtime: random.of(TIMES) };
  }
}
