import { styleText } from 'node:util';

type Fields = Readonly<Record<string, unknown>>;

export interface TerminalLineOptions {
  readonly color: boolean;
  /** Makes what strangers chose harmless: control characters become visible. */
  readonly escape: (text: string) => string;
}

/** The close of the file tells what was done with it: who has opened it is no event of its own. */
const LEFT_OUT: readonly unknown[] = ['sftp.open'];

/** What every line has, and what is said in other words. */
const NOT_SHOWN = new Set(['time', 'level', 'event', 'msg', 'err', 'worker']);

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/**
 * One line of the JSON log for a person at a terminal: `08:50:21 acme 127.0.0.1 PUT /a.txt 230 B 12 ms`. `null` for what
 * another line says as well. Times are those of this machine's zone; levels are named from `warn` on.
 */
export function terminalLine(json: string, { color, escape }: TerminalLineOptions): string | null {
  const fields = parsed(json);
  if (fields === null) return escape(json.trimEnd());
  const { time, level, event, user, remoteAddress } = fields;
  const isProblem = level === 'warn' || level === 'error' || level === 'fatal';
  if (LEFT_OUT.includes(event) && !isProblem) return null;
  const style = (name: 'dim' | 'yellow' | 'red', text: string): string =>
    color ? styleText(name, text, { validateStream: false }) : text;
  const who = [user, remoteAddress].filter((text) => typeof text === 'string');
  const text = escape([...(isProblem ? [level.toUpperCase()] : []), ...who, textOf(fields)].join(' '));
  const shown = isProblem ? style(level === 'warn' ? 'yellow' : 'red', text) : text;
  return `${style('dim', clock(time))} ${shown}`;
}

function textOf(fields: Fields): string {
  const { event, msg, activity, path, status, kex, err } = fields;
  if (typeof activity === 'string' && typeof path === 'string' && status === undefined) {
    return fileAction(activity, path, fields);
  }
  const words = [String(msg)];
  if (event === 'session.negotiated' && isFields(kex)) words.push(String(kex['clientVersion']));
  if (event === 'auth.success' || event === 'auth.failure') words.push(...credential(fields));
  if (typeof event === 'string' && event.startsWith('storage.')) words.push(...scalars(fields));
  if (isFields(err)) words.push(`(${String(err['message'])})`);
  return words.join(' ');
}

function fileAction(activity: string, path: string, fields: Fields): string {
  const written = numberOf(fields['bytesWritten']);
  const read = numberOf(fields['bytesRead']);
  const bytes = written > 0 ? written : read;
  const isTransfer = activity === 'CLOSE' || activity === 'PARTIAL_CLOSE';
  const verb = transferVerb(activity, read, written);
  const { target, milliseconds, outcome } = fields;
  return [
    verb,
    path,
    ...(typeof target === 'string' ? ['→', target] : []),
    ...(isTransfer ? [bytesInWords(bytes)] : []),
    ...(typeof milliseconds === 'number' ? [millisecondsInWords(milliseconds)] : []),
    ...(typeof outcome === 'string' ? [outcome] : []),
  ].join(' ');
}

/** What a closed file was used for, in the client's words; other activities are words already. */
export function transferVerb(activity: string, bytesRead: number, bytesWritten: number): string {
  if (activity !== 'CLOSE') return activity;
  if (bytesWritten > 0) return 'PUT';
  return bytesRead > 0 ? 'GET' : activity;
}

/** What a client tried or got in with, in brackets. */
function credential(fields: Fields): string[] {
  const { method, keyType, fingerprint, algorithm, signatureAlgorithm, certificate } = fields;
  if (method === 'none') return [];
  const used = algorithm ?? signatureAlgorithm;
  const words = [method, used === keyType ? undefined : used, keyType, fingerprint];
  return [`(${words.filter((word) => typeof word === 'string').join(' ')})`, ...certificateWords(certificate)];
}

function certificateWords(certificate: unknown): string[] {
  if (!isFields(certificate)) return [];
  const { keyId, serial, caFingerprint, problem } = certificate;
  const words = `certificate ${JSON.stringify(keyId)} ${String(serial)} of ${String(caFingerprint)}`;
  return [typeof problem === 'string' ? `${words}: ${problem}` : words];
}

function scalars(fields: Fields): string[] {
  return Object.entries(fields).flatMap(([name, value]) => {
    const isScalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    return isScalar && !NOT_SHOWN.has(name) ? [`${name}=${String(value)}`] : [];
  });
}

/** Bytes as 1023 B, 1.5 KiB, 20 MiB. */
export function bytesInWords(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits).replace(/\.0$/, '')} ${UNITS[unit] ?? ''}`;
}

/** 12 ms, 1.5 s, 3 min 20 s. */
export function millisecondsInWords(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

function clock(time: unknown): string {
  const date = new Date(typeof time === 'string' ? time : Number.NaN);
  if (Number.isNaN(date.getTime())) return '--:--:--';
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

function parsed(json: string): Fields | null {
  try {
    const value: unknown = JSON.parse(json);
    return isFields(value) ? value : null;
  } catch {
    return null;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
