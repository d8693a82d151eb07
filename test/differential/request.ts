// The requests of the differential test, and their answers in a form that can be compared.
import { SSH_FXP } from '../../src/sftp/protocol.ts';
import { SshReader } from '../../src/wire/reader.ts';
import type { SshWriter } from '../../src/wire/writer.ts';
import {
  attributesBytes,
  attributesOf,
  handleOf,
  namesOf,
  statusOf,
  type Answer as RawAnswer,
  type Attributes,
} from '../sftp/sftp-test-client.ts';

/** What SETSTAT and FSETSTAT set: one of them, or mode and mtime together. Times are seconds. */
export interface Change {
  readonly size?: number;
  readonly mode?: number;
  readonly mtime?: number;
}

/** `slot` is where a session keeps a handle: each has a few. Paths are relative: both servers start in their directory. */
export type Request =
  | {
      readonly op: 'open';
      readonly slot: number;
      readonly path: string;
      readonly flags: number;
      readonly mode?: number;
    }
  | { readonly op: 'close' | 'fstat' | 'fsync'; readonly slot: number }
  | { readonly op: 'read'; readonly slot: number; readonly offset: number; readonly length: number }
  | {
      readonly op: 'write';
      readonly slot: number;
      readonly offset: number;
      readonly length: number;
      readonly fill: number;
    }
  | { readonly op: 'fsetstat'; readonly slot: number; readonly change: Change }
  | {
      readonly op: 'copy-data';
      readonly slot: number;
      readonly from: number;
      readonly length: number;
      readonly target: number;
      readonly to: number;
    }
  | { readonly op: 'stat' | 'lstat'; readonly path: string }
  | { readonly op: 'list'; readonly path: string }
  | { readonly op: 'remove' | 'rmdir'; readonly path: string }
  | { readonly op: 'mkdir'; readonly path: string; readonly mode?: number }
  | { readonly op: 'setstat'; readonly path: string; readonly change: Change }
  | { readonly op: 'rename' | 'posix-rename' | 'hardlink'; readonly path: string; readonly target: string };

export interface Call {
  readonly session: number;
  readonly request: Request;
}

/**
 * One step of a sequence: a request that is answered before the next step; two requests of different sessions that leave at
 * the same instant; or a session that is gone, with a request that was sent right before.
 */
export type Step =
  | ({ readonly kind: 'call' } & Call)
  /** `lag`: so many turns of the event loop later the second one leaves, whether the first is answered or not. */
  | { readonly kind: 'pair'; readonly calls: readonly [Call, Call]; readonly lag: number }
  | { readonly kind: 'disconnect'; readonly session: number; readonly behind?: Request };

export type Answer =
  | { readonly kind: 'status'; readonly code: number; readonly message: string }
  | { readonly kind: 'handle'; readonly handle: Buffer }
  | { readonly kind: 'data'; readonly bytes: Buffer }
  | { readonly kind: 'attributes'; readonly attributes: Attributes }
  | { readonly kind: 'names'; readonly names: ReadonlyMap<string, Attributes> };

/** The bytes that a WRITE of `length` with this `fill` brings: a letter of its own, so that a mixture can be read. */
export function fillBytes(fill: number, length: number): Buffer {
  return Buffer.alloc(length, 0x21 + (fill % 93));
}

interface Packet {
  readonly type: number;
  readonly write: (writer: SshWriter) => void;
}

/** The packet of a request; `handleIn` answers the handle of a slot. 'list' is several requests: see `Link`. */
export function packetOf(request: Exclude<Request, { op: 'list' }>, handleIn: (slot: number) => Buffer): Packet {
  const extended = (name: string, write: (writer: SshWriter) => void): Packet => ({
    type: SSH_FXP.EXTENDED,
    write: (writer) => {
      write(writer.string(name));
    },
  });
  switch (request.op) {
    case 'open': {
      const attributes = attributesBytes(request.mode === undefined ? {} : { mode: request.mode });
      return { type: SSH_FXP.OPEN, write: (w) => w.string(request.path).uint32(request.flags).bytes(attributes) };
    }
    case 'close':
      return { type: SSH_FXP.CLOSE, write: (w) => w.string(handleIn(request.slot)) };
    case 'fstat':
      return { type: SSH_FXP.FSTAT, write: (w) => w.string(handleIn(request.slot)) };
    case 'fsync':
      return extended('fsync@openssh.com', (w) => w.string(handleIn(request.slot)));
    case 'read':
      return {
        type: SSH_FXP.READ,
        write: (w) => w.string(handleIn(request.slot)).uint64(request.offset).uint32(request.length),
      };
    case 'write': {
      const data = fillBytes(request.fill, request.length);
      return {
        type: SSH_FXP.WRITE,
        write: (w) => w.string(handleIn(request.slot)).uint64(request.offset).string(data),
      };
    }
    case 'fsetstat':
      return {
        type: SSH_FXP.FSETSTAT,
        write: (w) => w.string(handleIn(request.slot)).bytes(attributesBytes(request.change)),
      };
    case 'copy-data':
      return extended('copy-data', (w) =>
        w
          .string(handleIn(request.slot))
          .uint64(request.from)
          .uint64(request.length)
          .string(handleIn(request.target))
          .uint64(request.to),
      );
    case 'stat':
      return { type: SSH_FXP.STAT, write: (w) => w.string(request.path) };
    case 'lstat':
      return { type: SSH_FXP.LSTAT, write: (w) => w.string(request.path) };
    case 'remove':
      return { type: SSH_FXP.REMOVE, write: (w) => w.string(request.path) };
    case 'rmdir':
      return { type: SSH_FXP.RMDIR, write: (w) => w.string(request.path) };
    case 'mkdir': {
      const attributes = attributesBytes(request.mode === undefined ? {} : { mode: request.mode });
      return { type: SSH_FXP.MKDIR, write: (w) => w.string(request.path).bytes(attributes) };
    }
    case 'setstat':
      return { type: SSH_FXP.SETSTAT, write: (w) => w.string(request.path).bytes(attributesBytes(request.change)) };
    case 'rename':
      return { type: SSH_FXP.RENAME, write: (w) => w.string(request.path).string(request.target) };
    case 'posix-rename':
      return extended('posix-rename@openssh.com', (w) => w.string(request.path).string(request.target));
    case 'hardlink':
      return extended('hardlink@openssh.com', (w) => w.string(request.path).string(request.target));
  }
}

export function answerOf(raw: RawAnswer): Answer {
  switch (raw.type) {
    case SSH_FXP.STATUS:
      return { kind: 'status', ...statusOf(raw) };
    case SSH_FXP.HANDLE:
      return { kind: 'handle', handle: Buffer.from(handleOf(raw)) };
    case SSH_FXP.DATA:
      return { kind: 'data', bytes: Buffer.from(new SshReader(raw.body).string()) };
    case SSH_FXP.ATTRS:
      return { kind: 'attributes', attributes: attributesOf(raw) };
    case SSH_FXP.NAME:
      return { kind: 'names', names: new Map(namesOf(raw).map(({ name, attributes }) => [name, attributes])) };
    default:
      throw new Error(`an answer of type ${raw.type}`);
  }
}

export const FLAG_NAMES = [
  [0x01, 'READ'],
  [0x02, 'WRITE'],
  [0x04, 'APPEND'],
  [0x08, 'CREAT'],
  [0x10, 'TRUNC'],
  [0x20, 'EXCL'],
] as const;

export function describeRequest(request: Request): string {
  const { op, ...rest } = request;
  const words = Object.entries(rest).map(([name, value]) => {
    if (name === 'flags')
      return FLAG_NAMES.filter(([bit]) => (Number(value) & bit) !== 0)
        .map(([, flag]) => flag)
        .join('|');
    if (name === 'mode') return `mode=0${Number(value).toString(8)}`;
    if (name === 'path' || name === 'target') return String(value);
    if (name === 'fill') return `of '${String.fromCharCode(0x21 + (Number(value) % 93))}'`;
    return `${name}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`;
  });
  return `${op} ${words.join(' ')}`;
}

export function describeStep(step: Step): string {
  switch (step.kind) {
    case 'call':
      return `${step.session}: ${describeRequest(step.request)}`;
    case 'pair':
      return step.calls
        .map(({ session, request }) => `${session}: ${describeRequest(request)}`)
        .join(step.lag === 0 ? '  ||  ' : `  || (${step.lag} turns later) `);
    case 'disconnect':
      return `${step.session}: ${step.behind === undefined ? '' : `${describeRequest(step.behind)}, and at once `}disconnect`;
  }
}

export function describeAnswer(answer: Answer): string {
  switch (answer.kind) {
    case 'status':
      return `status ${answer.code} (${answer.message})`;
    case 'handle':
      return 'a handle';
    case 'data':
      return `data ${describeBytes(answer.bytes)}`;
    case 'attributes':
      return describeAttributes(answer.attributes);
    case 'names':
      return `names ${[...answer.names].map(([name, each]) => `${name} ${describeAttributes(each)}`).join(', ')}`;
  }
}

function describeAttributes({ size, mode = 0, mtime }: Attributes): string {
  return `{size ${size ?? '?'} mode ${mode.toString(8)} mtime ${mtime ?? '?'}}`;
}

/** Runs of one letter as `10×'a'`. */
export function describeBytes(bytes: Buffer): string {
  const runs: string[] = [];
  for (let start = 0; start < bytes.length && runs.length < 12;) {
    let end = start + 1;
    while (end < bytes.length && bytes[end] === bytes[start]) end += 1;
    const byte = bytes[start] ?? 0;
    runs.push(`${end - start}×${byte === 0 ? '0' : `'${String.fromCharCode(byte)}'`}`);
    start = end;
  }
  return `[${runs.join(' ')}]`;
}
