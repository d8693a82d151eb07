// Sequences from the text in which failures are told (`describeSequence`): what was found by hand becomes a test by pasting it.
import { FLAG_NAMES, type Call, type Change, type Request, type Step } from './request.ts';
import { DIRECTORIES, type Sequence } from './sequence.ts';
import type { InitialFile } from './world.ts';

const HEADER = /^seed (\d+), partialUploads (store|discard), at first: ?(.*)$/;
const FILE = /(\S+) (\d+)×'(.)'/gu;
const BETWEEN_PAIR = / {2}\|\| (?: |\((\d+) turns later\) )/;
const DISCONNECT = /^(\d): (?:(.*), and at once )?disconnect$/;

/** @throws Error where the text is no such sequence */
export function parseSequence(text: string): Sequence {
  const [header = '', ...lines] = text
    .split('\n')
    .map((line) => line.replace(/^=>/, '').trim())
    .filter((line) => line !== '');
  const [, seed, partialUploads, files] = HEADER.exec(header) ?? [];
  if (files === undefined) throw new Error(`no sequence begins with "${header}"`);
  return {
    seed: Number(seed),
    partialUploads: partialUploads === 'discard' ? 'discard' : 'store',
    tree: { directories: DIRECTORIES, files: [...files.matchAll(FILE)].map(fileOf) },
    steps: lines.map(stepOf),
  };
}

function fileOf([, path = '', length, letter = '']: RegExpExecArray): InitialFile {
  return { path, length: Number(length), fill: fillOf(letter) };
}

const fillOf = (letter: string): number => letter.charCodeAt(0) - 0x21;

function stepOf(line: string): Step {
  const [, session, behind] = DISCONNECT.exec(line) ?? [];
  if (session !== undefined) {
    return {
      kind: 'disconnect',
      session: Number(session),
      ...(behind === undefined ? {} : { behind: requestOf(behind) }),
    };
  }
  const [first = '', lag, second] = line.split(BETWEEN_PAIR);
  if (second === undefined) return { kind: 'call', ...callOf(first) };
  return { kind: 'pair', calls: [callOf(first), callOf(second)], lag: Number(lag ?? 0) };
}

function callOf(text: string): Call {
  const [, session, request] = /^(\d): (.*)$/.exec(text) ?? [];
  if (request === undefined) throw new Error(`no call: "${text}"`);
  return { session: Number(session), request: requestOf(request) };
}

function requestOf(text: string): Request {
  const [op = '', ...words] = text.split(' ').filter((word) => word !== '');
  const bare = words.filter((word) => !word.includes('='));
  const named = new Map(words.filter((word) => word.includes('=')).map((word) => [word.split('=')[0], word]));
  const value = (name: string): string => {
    const word = named.get(name);
    if (word === undefined) throw new Error(`no ${name} in "${text}"`);
    return word.slice(name.length + 1);
  };
  const number = (name: string): number => Number(value(name));
  const mode = named.has('mode') ? { mode: parseInt(value('mode'), 8) } : {};
  const change = (): Change => JSON.parse(value('change')) as Change;
  const [path = '', second = ''] = bare;
  switch (op) {
    case 'open': {
      const names = second.split('|');
      const flags = FLAG_NAMES.reduce((all, [bit, name]) => (names.includes(name) ? all | bit : all), 0);
      return { op, slot: number('slot'), path, flags, ...mode };
    }
    case 'close':
    case 'fstat':
    case 'fsync':
      return { op, slot: number('slot') };
    case 'read':
      return { op, slot: number('slot'), offset: number('offset'), length: number('length') };
    case 'write': {
      const [, letter = ''] = /of '(.)'/u.exec(text) ?? [];
      return { op, slot: number('slot'), offset: number('offset'), length: number('length'), fill: fillOf(letter) };
    }
    case 'fsetstat':
      return { op, slot: number('slot'), change: change() };
    case 'copy-data': {
      const [from, length, to] = [number('from'), number('length'), number('to')];
      return { op, slot: number('slot'), from, length, target: Number(path), to };
    }
    case 'stat':
    case 'lstat':
    case 'list':
    case 'remove':
    case 'rmdir':
      return { op, path };
    case 'mkdir':
      return { op, path, ...mode };
    case 'setstat':
      return { op, path, change: change() };
    case 'rename':
    case 'posix-rename':
    case 'hardlink':
      return { op, path, target: second };
    default:
      throw new Error(`no request: "${text}"`);
  }
}
