import { isatty } from 'node:tty';
import type { DestinationStream, Logger } from 'pino';
import { pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { standardOutput } from './log-output.ts';
import { printable, printableJson, printableValue } from './printable.ts';
import { terminalLine } from './terminal-line.ts';

export type { Logger } from 'pino';

export interface LoggerOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** `auto`: pretty on a terminal, JSON lines otherwise. */
  readonly format: 'auto' | 'json' | 'pretty';
  /** With `pretty`: every field, over several lines. */
  readonly verbose?: boolean;
}

/** Names, paths and versions are strangers' words: on a terminal they must not be more than words. */
function printableLine(line: string): string {
  return `${JSON.stringify(printableValue(JSON.parse(line)))}\n`;
}

/** Turns lines of JSON into lines for a person. */
function forTerminal(to: DestinationStream, color: boolean): DestinationStream {
  return {
    write: (json: string) => {
      const line = terminalLine(json, { color, escape: printable });
      if (line !== null) to.write(`${line}\n`);
    },
  };
}

/**
 * Structured logs, on standard output where nothing else is given, one JSON object a line: `time` (ISO 8601), `level` (a word), `event` (a stable
 * dotted name), `sessionId` where there is a session, `msg` for people. `pretty` is one line an event instead.
 */
export function createLogger(options: LoggerOptions, destination?: DestinationStream): Logger {
  const isTerminal = isatty(1);
  const isPretty = options.format === 'pretty' || (options.format === 'auto' && isTerminal);
  const color = isTerminal && process.env['NO_COLOR'] === undefined;
  const output = destination ?? standardOutput();
  const people = options.verbose === true ? prettyTo(output, color) : forTerminal(output, color);
  const settings = {
    level: options.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: pino.stdSerializers.err },
    hooks: { streamWrite: isPretty ? printableLine : printableJson },
  };
  return pino(settings, isPretty ? people : output);
}

function prettyTo(output: DestinationStream, colorize: boolean): DestinationStream {
  const prettify = prettyFactory({ colorize, ignore: 'pid,hostname' });
  return {
    write: (line) => {
      output.write(prettify(line));
    },
  };
}
