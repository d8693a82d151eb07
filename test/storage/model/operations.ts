// What the clients of a random sequence may do. Paths, open files and places in a file are chosen by number, so that a
// sequence says the same whatever state it meets, and a failing one can be made smaller.
import fc from 'fast-check';

const MIB = 1024 ** 2;

/** Paths of one client; nobody else uses them. `/shared` is everybody's, and its entries bear their client's letter. */
export function pathsOf(letter: string): readonly string[] {
  const own = `/${letter}`;
  return [
    own,
    `${own}/file`,
    `${own}/file/under a file`,
    `${own}/dir`,
    `${own}/dir/one`,
    `${own}/dir/two.filepart`,
    `${own}/dir/two`,
    `${own}/dir/deep`,
    `${own}/dir/deep/file`,
    `${own}/dir-2`,
    `${own}/dir-2/file`,
    `/shared/${letter} 1`,
    `/shared/${letter} 2`,
    `/shared/${letter} 2/file`,
  ];
}

export const PATH_COUNT = pathsOf('x').length;

/** A place in a file, from its size at that moment. */
export type Place =
  { readonly from: 'end'; readonly back: number } | { readonly from: 'start'; readonly offset: number };

export type OpenKind = 'read' | 'put' | 'continue' | 'create' | 'exclusive' | 'edit' | 'create-edit' | 'append';

/** How many writes of how many bytes at the end of a file are on their way when the connection breaks. */
export interface InFlight {
  readonly writes: number;
  readonly bytes: number;
}

export type Action =
  | { readonly do: 'open'; readonly path: number; readonly kind: OpenKind }
  | { readonly do: 'write'; readonly handle: number; readonly at: Place; readonly bytes: number }
  | { readonly do: 'read'; readonly handle: number; readonly at: Place; readonly bytes: number }
  | { readonly do: 'read-all' | 'close' | 'fstat' | 'fsync'; readonly handle: number }
  | { readonly do: 'truncate-handle'; readonly handle: number; readonly size: number }
  | { readonly do: 'touch-handle'; readonly handle: number; readonly mtime: number }
  | { readonly do: 'stat' | 'list' | 'mkdir' | 'rmdir' | 'remove' | 'read-file'; readonly path: number }
  | { readonly do: 'rename'; readonly path: number; readonly target: number; readonly overwrite: boolean }
  | { readonly do: 'truncate'; readonly path: number; readonly size: number }
  | { readonly do: 'touch'; readonly path: number; readonly mtime: number }
  /** The connection breaks and the client comes back; `closing` says whether a CLOSE was on its way. */
  | { readonly do: 'disconnect'; readonly closing: boolean; readonly inFlight: InFlight };

export interface Step {
  readonly client: 0 | 1 | 2;
  readonly action: Action;
  /** Whether the client waits for the answer before it goes on. */
  readonly wait: boolean;
}

export interface Sequence {
  readonly partialUploads: 'store' | 'discard';
  readonly steps: readonly Step[];
}

const path = fc.nat(PATH_COUNT - 1);
const handle = fc.nat(3);
const mtime = fc.integer({ min: 1_000_000_000, max: 1_900_000_000 });

/** Mostly small, for speed; now and then over the least size of a part in S3, where uploads take another way. */
const large = fc.integer({ min: 5 * MIB - 3, max: 12 * MIB });
const length = fc.oneof(
  { weight: 60, arbitrary: fc.integer({ min: 1, max: 6_000 }) },
  { weight: 30, arbitrary: fc.integer({ min: 1, max: 80_000 }) },
  { weight: 1, arbitrary: large },
);
const size = fc.oneof(
  { weight: 60, arbitrary: fc.nat(6_000) },
  { weight: 25, arbitrary: fc.nat(80_000) },
  { weight: 10, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: large },
);
const place: fc.Arbitrary<Place> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ from: fc.constant('end' as const), back: fc.constant(0) }) },
  { weight: 3, arbitrary: fc.record({ from: fc.constant('end' as const), back: fc.nat(8_000) }) },
  { weight: 6, arbitrary: fc.record({ from: fc.constant('start' as const), offset: fc.nat(90_000) }) },
  { weight: 4, arbitrary: fc.record({ from: fc.constant('start' as const), offset: fc.constant(0) }) },
);
/** A hole of some MiB: sparse. */
const far: fc.Arbitrary<Place> = fc.record({ from: fc.constant('start' as const), offset: large });
const writePlace = fc.oneof({ weight: 80, arbitrary: place }, { weight: 1, arbitrary: far });

const kind = fc.constantFrom<OpenKind>(
  ...(['read', 'read', 'put', 'put', 'put', 'continue', 'continue', 'create', 'exclusive'] as const),
  ...(['edit', 'create-edit', 'append'] as const),
);

const one = <K extends string>(name: K) => fc.constant(name);

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 16, arbitrary: fc.record({ do: one('open'), path, kind }) },
  { weight: 26, arbitrary: fc.record({ do: one('write'), handle, at: writePlace, bytes: length }) },
  { weight: 8, arbitrary: fc.record({ do: one('read'), handle, at: place, bytes: length }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('read-all', 'fstat', 'fsync'), handle }) },
  { weight: 10, arbitrary: fc.record({ do: one('close'), handle }) },
  { weight: 3, arbitrary: fc.record({ do: one('truncate-handle'), handle, size }) },
  { weight: 2, arbitrary: fc.record({ do: one('touch-handle'), handle, mtime }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('stat', 'list', 'read-file'), path }) },
  { weight: 5, arbitrary: fc.record({ do: one('mkdir'), path }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('rmdir', 'remove'), path }) },
  { weight: 7, arbitrary: fc.record({ do: one('rename'), path, target: path, overwrite: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: one('truncate'), path, size }) },
  { weight: 2, arbitrary: fc.record({ do: one('touch'), path, mtime }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: one('disconnect'),
      closing: fc.boolean(),
      inFlight: fc.record({ writes: fc.nat(4), bytes: fc.integer({ min: 1, max: 30_000 }) }),
    }),
  },
);

const step: fc.Arbitrary<Step> = fc.record({
  client: fc.constantFrom(0 as const, 1 as const, 2 as const),
  action,
  wait: fc.boolean(),
});

export const sequence: fc.Arbitrary<Sequence> = fc.record({
  partialUploads: fc.constantFrom('store' as const, 'discard' as const),
  steps: fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }),
});
