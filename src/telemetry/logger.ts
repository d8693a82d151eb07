import type { DestinationStream, Logger, LoggerOptions as LoggerOptionsOfPino } from 'pino';
import { pino } from 'pino';
import pretty from 'pino-pretty';
import { terminalLine } from './terminal-line.ts';

export type { Logger } from 'pino';

export interface LoggerOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** `auto`: pretty on a terminal, JSON lines otherwise. */
  readonly format: 'auto' | 'json' | 'pretty';
  /** With `pretty`: every field, over several lines. */
  readonly verbose?: boolean;
}

/** Control characters and line separators: what moves a terminal's cursor or forges a line. */
const CONTROL = /[\p{Cc}\u2028\u2029]/gu;

/** Names and paths are the client's words: on a terminal they must not be more than words. (JSON escapes them anyway.) */
function printable(value: unknown): unknown {
  if (typeof value === 'string') {
    return value.replace(CONTROL, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
  }
  if (typeof value !== 'object' || value === null || value instanceof Error) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => [key, typeof field === 'string' ? printable(field) : field]),
  );
}

type LogMethodHook = NonNullable<NonNullable<LoggerOptionsOfPino['hooks']>['logMethod']>;

const printableOnly: LogMethodHook = function (args, method) {
  method.apply(this, args.map(printable) as Parameters<typeof method>);
};

/** Turns lines of JSON into lines for a person. */
function forTerminal(to: DestinationStream, color: boolean): DestinationStream {
  return {
    write: (json: string) => {
      const line = terminalLine(json, { color, escape: (text) => String(printable(text)) });
      if (line !== null) to.write(`${line}\n`);
    },
  };
}

/**
 * Structured logs on standard output, one JSON object a line: `time` (ISO 8601), `level` (a word), `event` (a stable
 * dotted name), `sessionId` where there is a session, `msg` for people. `pretty` is one line an event instead.
 */
export function createLogger(options: LoggerOptions, destination?: DestinationStream): Logger {
  const isPretty = options.format === 'pretty' || (options.format === 'auto' && process.stdout.isTTY);
  const color = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
  const stream =
    isPretty && options.verbose !== true
      ? forTerminal(destination ?? process.stdout, color)
      : (destination ?? (isPretty ? pretty({ colorize: color, ignore: 'pid,hostname', sync: true }) : undefined));
  const settings = {
    level: options.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: pino.stdSerializers.err },
    ...(isPretty ? { hooks: { logMethod: printableOnly } } : {}),
  };
  return stream === undefined ? pino(settings) : pino(settings, stream);
}
