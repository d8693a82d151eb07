// Races with a name: what is there, two requests that leave at the same instant, and what may be seen afterwards follows from
// the model, as for random sequences: whatever is answered, some order of the two allows it.
import { DIRECTORIES, type Sequence } from './sequence.ts';
import type { Call, Request, Step } from './request.ts';
import type { InitialFile } from './world.ts';

export interface Race {
  readonly name: string;
  readonly files?: readonly InitialFile[];
  readonly before?: readonly Step[];
  readonly calls: readonly [Request, Request];
  /** Only on a store that has hard links. */
  readonly hardlinks?: true;
}

const READ = 0x01;
const WRITE = 0x02;
const CREATE = 0x08 | WRITE;
const EXCLUSIVE = 0x20 | CREATE;
const TRUNCATE = 0x10 | CREATE;

const OLD = { path: 'd/x', length: 100, fill: 65 - 0x21 };
const OTHER = { path: 'd/y', length: 50, fill: 66 - 0x21 };
const NEW_FILL = 67 - 0x21;

const call = (session: number, request: Request): Step => ({ kind: 'call', session, request });
const open = (session: number, path: string, flags: number): Step =>
  call(session, { op: 'open', slot: 0, path, flags });
const write = (session: number, offset: number, length: number, fill = NEW_FILL): Step =>
  call(session, { op: 'write', slot: 0, offset, length, fill });
/** Session 1 is writing a file whose CLOSE is still to come. */
const upload = (path: string, flags = TRUNCATE): Step[] => [open(1, path, flags), write(1, 0, 70)];
const CLOSE: Request = { op: 'close', slot: 0 };

const CHANGES = [
  ['size', { size: 10 }],
  ['mode', { mode: 0o600 }],
  ['mtime', { mtime: 1_000_000_000 }],
] as const;

function racesOfSetstat(): Race[] {
  return CHANGES.flatMap(([what, change]): Race[] => {
    const setstat: Request = { op: 'setstat', path: 'd/x', change };
    const named = (other: string): string => `SETSTAT ${what} || ${other}`;
    return [
      {
        name: named('posix-rename of a new file onto it'),
        files: [OLD, OTHER],
        calls: [setstat, { op: 'posix-rename', path: 'd/y', target: 'd/x' }],
      },
      { name: named('CLOSE of an upload'), files: [OLD], before: upload('d/x'), calls: [setstat, CLOSE] },
      {
        name: named('CLOSE of a patched file'),
        files: [OLD],
        before: upload('d/x', WRITE),
        calls: [setstat, CLOSE],
      },
      { name: named('REMOVE'), files: [OLD], calls: [setstat, { op: 'remove', path: 'd/x' }] },
      { name: named('RENAME away'), files: [OLD], calls: [setstat, { op: 'rename', path: 'd/x', target: 'e/x' }] },
      ...CHANGES.map(([otherWhat, otherChange]): Race => {
        const other: Request = { op: 'setstat', path: 'd/x', change: otherChange };
        return { name: named(`SETSTAT ${otherWhat}`), files: [OLD], calls: [setstat, other] };
      }),
    ];
  });
}

function racesOfRename(): Race[] {
  return (['rename', 'posix-rename'] as const).flatMap((op): Race[] => [
    {
      name: `${op} src to A || ${op} src to B`,
      files: [OLD],
      calls: [
        { op, path: 'd/x', target: 'd/y' },
        { op, path: 'd/x', target: 'e/y' },
      ],
    },
    {
      name: `${op} a to t || ${op} b to t`,
      files: [OLD, OTHER],
      calls: [
        { op, path: 'd/x', target: 'e/z' },
        { op, path: 'd/y', target: 'e/z' },
      ],
    },
    {
      name: `${op} a to b || ${op} b to a`,
      files: [OLD, OTHER],
      calls: [
        { op, path: 'd/x', target: 'd/y' },
        { op, path: 'd/y', target: 'd/x' },
      ],
    },
    {
      name: `${op} || CLOSE of an upload onto the source`,
      files: [OLD],
      before: upload('d/x'),
      calls: [{ op, path: 'd/x', target: 'd/y' }, CLOSE],
    },
    {
      name: `${op} || CLOSE of a new file of the target's name`,
      files: [OTHER],
      before: upload('d/x'),
      calls: [{ op, path: 'd/y', target: 'd/x' }, CLOSE],
    },
    {
      name: `${op} || REMOVE of the source`,
      files: [OLD],
      calls: [
        { op, path: 'd/x', target: 'd/y' },
        { op: 'remove', path: 'd/x' },
      ],
    },
    {
      name: `${op} || REMOVE of the target`,
      files: [OLD, OTHER],
      calls: [
        { op, path: 'd/x', target: 'd/y' },
        { op: 'remove', path: 'd/y' },
      ],
    },
    {
      name: `${op} of a directory || CLOSE of a new file in it`,
      before: upload('d/x'),
      calls: [{ op, path: 'd', target: 'f' }, CLOSE],
    },
    {
      name: `${op} of a directory || ${op} of a file into it`,
      files: [{ ...OLD, path: 'e/x' }],
      calls: [
        { op, path: 'd', target: 'f' },
        { op, path: 'e/x', target: 'd/x' },
      ],
    },
  ]);
}

const REST: readonly Race[] = [
  {
    name: 'REMOVE || REMOVE',
    files: [OLD],
    calls: [
      { op: 'remove', path: 'd/x' },
      { op: 'remove', path: 'd/x' },
    ],
  },
  {
    name: 'REMOVE || CLOSE of an upload',
    files: [OLD],
    before: upload('d/x'),
    calls: [{ op: 'remove', path: 'd/x' }, CLOSE],
  },
  { name: 'REMOVE || CLOSE of a new file', before: upload('d/x'), calls: [{ op: 'remove', path: 'd/x' }, CLOSE] },
  {
    name: 'MKDIR || MKDIR',
    calls: [
      { op: 'mkdir', path: 'd/s' },
      { op: 'mkdir', path: 'd/s' },
    ],
  },
  { name: 'MKDIR || CLOSE of a new file', before: upload('d/x'), calls: [{ op: 'mkdir', path: 'd/x' }, CLOSE] },
  {
    name: 'MKDIR || OPEN of a new file',
    calls: [
      { op: 'mkdir', path: 'd/x' },
      { op: 'open', slot: 0, path: 'd/x', flags: TRUNCATE },
    ],
  },
  {
    name: 'MKDIR || posix-rename onto it',
    files: [OTHER],
    calls: [
      { op: 'mkdir', path: 'd/x' },
      { op: 'posix-rename', path: 'd/y', target: 'd/x' },
    ],
  },
  { name: 'RMDIR || CLOSE of a new file in it', before: upload('e/x'), calls: [{ op: 'rmdir', path: 'e' }, CLOSE] },
  {
    name: 'RMDIR || OPEN of a new file in it',
    calls: [
      { op: 'rmdir', path: 'e' },
      { op: 'open', slot: 0, path: 'e/x', flags: TRUNCATE },
    ],
  },
  {
    name: 'RMDIR || RENAME into it',
    files: [OLD],
    calls: [
      { op: 'rmdir', path: 'e' },
      { op: 'rename', path: 'd/x', target: 'e/x' },
    ],
  },
  {
    name: 'RMDIR || MKDIR in it',
    calls: [
      { op: 'rmdir', path: 'e' },
      { op: 'mkdir', path: 'e/s' },
    ],
  },
  {
    name: 'OPEN with EXCL || OPEN with EXCL',
    calls: [
      { op: 'open', slot: 0, path: 'd/x', flags: EXCLUSIVE },
      { op: 'open', slot: 0, path: 'd/x', flags: EXCLUSIVE },
    ],
  },
  {
    name: 'OPEN with EXCL || RENAME to it',
    files: [OTHER],
    calls: [
      { op: 'open', slot: 0, path: 'd/x', flags: EXCLUSIVE },
      { op: 'rename', path: 'd/y', target: 'd/x' },
    ],
  },
  {
    name: 'CLOSE || CLOSE of two blocks of one file',
    files: [{ path: 'd/x', length: 0, fill: 0 }],
    before: [open(0, 'd/x', WRITE), open(1, 'd/x', WRITE), write(0, 0, 50, 1), write(1, 50, 50, 2)],
    calls: [CLOSE, CLOSE],
  },
  {
    name: 'CLOSE || CLOSE of two whole uploads',
    files: [OLD],
    before: [open(0, 'd/x', TRUNCATE), open(1, 'd/x', TRUNCATE), write(0, 0, 50, 1), write(1, 0, 70, 2)],
    calls: [CLOSE, CLOSE],
  },
  {
    name: 'WRITE || WRITE of two blocks of one file',
    files: [{ path: 'd/x', length: 0, fill: 0 }],
    before: [open(0, 'd/x', WRITE), open(1, 'd/x', WRITE)],
    calls: [
      { op: 'write', slot: 0, offset: 0, length: 50, fill: 1 },
      { op: 'write', slot: 0, offset: 50, length: 50, fill: 2 },
    ],
  },
  {
    name: 'FSETSTAT through a handle for reading || posix-rename of a new file onto it',
    files: [OLD, OTHER],
    before: [open(0, 'd/x', READ)],
    calls: [
      { op: 'fsetstat', slot: 0, change: { mode: 0o600 } },
      { op: 'posix-rename', path: 'd/y', target: 'd/x' },
    ],
  },
  {
    name: 'READ || posix-rename of a new file onto it',
    files: [OLD, OTHER],
    before: [open(0, 'd/x', READ)],
    calls: [
      { op: 'read', slot: 0, offset: 0, length: 1000 },
      { op: 'posix-rename', path: 'd/y', target: 'd/x' },
    ],
  },
  {
    name: 'hard link || REMOVE',
    hardlinks: true,
    files: [OLD],
    calls: [
      { op: 'hardlink', path: 'd/x', target: 'd/y' },
      { op: 'remove', path: 'd/x' },
    ],
  },
  {
    name: 'hard link || hard link',
    hardlinks: true,
    files: [OLD, OTHER],
    calls: [
      { op: 'hardlink', path: 'd/x', target: 'd/z' },
      { op: 'hardlink', path: 'd/y', target: 'd/z' },
    ],
  },
];

export const RACES: readonly Race[] = [...racesOfSetstat(), ...racesOfRename(), ...REST];

/** Turns of the event loop between the two requests: of all that can come between two steps something should. */
const LAGS = [0, 0, 1, 1, 2, 2, 3, 3, 5, 5, 8, 8];

/** The race as a sequence; every other time the requests leave in the other order. */
export function sequenceOf({ files = [], before = [], calls: [one, other] }: Race, round: number): Sequence {
  const calls: [Call, Call] = [
    { session: 0, request: one },
    { session: 1, request: other },
  ];
  const lag = LAGS[round % LAGS.length] ?? 0;
  const pair: Step = { kind: 'pair', calls: round % 2 === 1 ? [calls[1], calls[0]] : calls, lag };
  return { seed: 0, partialUploads: 'store', tree: { directories: DIRECTORIES, files }, steps: [...before, pair] };
}
