// What an answer may be, and whether one is that.
import { describeBytes, type Answer } from './request.ts';
import type { Time } from './world.ts';

export type AttributesView =
  | { readonly kind: 'directory'; readonly mode: number }
  | { readonly kind: 'file'; readonly size: number; readonly mode: number; readonly mtime: Time };

export interface ListedName {
  readonly name: string;
  /** A new file that is being written need not be listed. */
  readonly optional: boolean;
  readonly views: readonly AttributesView[];
}

export type Expectation =
  | { readonly kind: 'status'; readonly codes: readonly number[] }
  | { readonly kind: 'handle' }
  /** The handle of a directory that was opened as a file; the player closes it at once. */
  | { readonly kind: 'directory-handle' }
  | { readonly kind: 'data'; readonly bytes: Buffer }
  | { readonly kind: 'attributes'; readonly view: AttributesView }
  | { readonly kind: 'names'; readonly names: readonly ListedName[] };

/** What a store shows of attributes, as far as it is compared. */
export interface Compared {
  readonly directoryModes: boolean;
  /** READDIR shows the time and mode that STAT shows. */
  readonly listedAttributes: boolean;
}

const TYPE_BITS = 0o170000;
const DIRECTORY = 0o040000;
const REGULAR = 0o100000;
/** Times that the test sets are before this. */
const RECENT = 1_600_000_000;

export function matches(expected: Expectation, answer: Answer, compared: Compared): boolean {
  switch (expected.kind) {
    case 'status':
      return answer.kind === 'status' && expected.codes.includes(answer.code);
    case 'handle':
    case 'directory-handle':
      return answer.kind === 'handle';
    case 'data':
      return answer.kind === 'data' && answer.bytes.equals(expected.bytes);
    case 'attributes':
      return answer.kind === 'attributes' && sameAttributes(expected.view, answer.attributes, compared, true);
    case 'names': {
      if (answer.kind !== 'names') return false;
      const listed = new Map(answer.names);
      listed.delete('.');
      listed.delete('..');
      for (const { name, optional, views } of expected.names) {
        const attributes = listed.get(name);
        if (attributes === undefined) {
          if (optional) continue;
          return false;
        }
        if (!views.some((view) => sameAttributes(view, attributes, compared, compared.listedAttributes))) return false;
        listed.delete(name);
      }
      return listed.size === 0;
    }
  }
}

function sameAttributes(
  view: AttributesView,
  { size, mode = 0, mtime = 0 }: { readonly size?: number; readonly mode?: number; readonly mtime?: number },
  { directoryModes }: Compared,
  all: boolean,
): boolean {
  if (view.kind === 'directory') {
    return (mode & TYPE_BITS) === DIRECTORY && (!directoryModes || !all || (mode & 0o7777) === view.mode);
  }
  if ((mode & TYPE_BITS) !== REGULAR || size !== view.size) return false;
  return !all || ((mode & 0o7777) === view.mode && sameTime(view.mtime, mtime));
}

function sameTime(expected: Time, seconds: number): boolean {
  if (expected === 'any') return true;
  return expected === 'recent' ? seconds > RECENT : seconds === expected;
}

export function describeExpectation(expected: Expectation): string {
  switch (expected.kind) {
    case 'status':
      return `status ${expected.codes.join(' or ')}`;
    case 'handle':
    case 'directory-handle':
      return 'a handle';
    case 'data':
      return `data ${describeBytes(expected.bytes)}`;
    case 'attributes':
      return describeView(expected.view);
    case 'names':
      return `names ${expected.names
        .map(({ name, optional, views }) => `${name}${optional ? '?' : ''} ${views.map(describeView).join('/')}`)
        .join(', ')}`;
  }
}

function describeView(view: AttributesView): string {
  if (view.kind === 'directory') return `{directory mode ${view.mode.toString(8)}}`;
  return `{size ${view.size} mode ${view.mode.toString(8)} mtime ${view.mtime}}`;
}
