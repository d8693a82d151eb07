import { isatty } from 'node:tty';
import type { DestinationStream, Logger, LoggerOptions as LoggerOptionsOfPino } from 'pino';
import { pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { standardOutput } from './log-output.ts';

export type { Logger } from 'pino';

export interface LoggerOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** `auto`: pretty on a terminal, JSON lines otherwise. */
  readonly format: 'auto' | 'json' | 'pretty';
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

/**
 * Structured logs, on standard output where nothing else is given, one JSON object a line: `time` (ISO 8601), `level` (a word), `event` (a stable
 * dotted name), `sessionId` where there is a session, `msg` for people.
 */
export function createLogger(options: LoggerOptions, destination?: DestinationStream): Logger {
  const isPretty = options.format === 'pretty' || (options.format === 'auto' && isatty(1));
  const output = destination ?? standardOutput();
  const settings = {
    level: options.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: pino.stdSerializers.err },
    ...(isPretty ? { hooks: { logMethod: printableOnly } } : {}),
  };
  return pino(settings, isPretty ? prettyTo(output, isatty(1)) : output);
}

function prettyTo(output: DestinationStream, colorize: boolean): DestinationStream {
  const prettify = prettyFactory({ colorize, ignore: 'pid,hostname' });
  return {
    write: (line) => {
      output.write(prettify(line));
    },
  };
}
