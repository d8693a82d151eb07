import type { Readable } from 'node:stream';
import { InvalidArgumentError, type Command } from 'commander';
import { nearestNames } from '../../policy/nearest-names.ts';
import { PartnerHistoryBuilder } from '../../telemetry/partner-history.ts';
import { CliError } from '../cli-error.ts';
import { readLogLines } from './log-lines.ts';
import { printable } from './report-chart.ts';
import { processTerminal, type Terminal } from '../terminal.ts';
import { writeHistory } from './why-page.ts';

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `latticeport why USER [LOGFILE...]`: why a partner cannot log in, or what it did last. */
export function registerWhyCommand(
  program: Command,
  terminal: Terminal = processTerminal(),
  stdin: Readable = process.stdin,
): void {
  program
    .command('why')
    .description('one page on a user from the JSON logs: logins, failures with their reasons, algorithms, last files')
    .argument('<user>', 'the name, as the client gives it')
    .argument('[logfiles...]', 'JSON logs, .gz or plain; - is standard input, which is the default')
    .option('--since <time>', 'leave out what is older: 30m, 1h, 7d, or a time such as 2026-11-20T08:00', parseSince)
    .option('--json', 'print JSON', false)
    .addHelpText('after', '\nExit code: 0; 1 where the logs do not name the user.')
    .action(async (user: string, logfiles: string[], { since, json }: { since?: number; json: boolean }) => {
      const builder = new PartnerHistoryBuilder(user, since);
      await readLogLines(logfiles, stdin, (line) => {
        builder.addLine(line);
      });
      const { otherUsers, ...history } = builder.finish();
      if (history.logins.length + history.failures.length + history.files.length + history.endings.length === 0) {
        throw new CliError(notThere(user, otherUsers));
      }
      if (json) terminal.line(JSON.stringify(history, null, 2));
      else writeHistory({ ...history, otherUsers }, terminal);
    });
}

function notThere(user: string, others: readonly string[]): string {
  const nearest = nearestNames(user, others).map((name) => JSON.stringify(printable(name)));
  const hint =
    nearest.length === 0 ? 'are they JSON logs of the server (log.format "json")?' : `nearest: ${nearest.join(', ')}`;
  return `the logs say nothing of a user ${JSON.stringify(user)} in that time; ${hint}`;
}

/** Milliseconds since the epoch. */
function parseSince(text: string): number {
  const [, number, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (number !== undefined && (unit === 's' || unit === 'm' || unit === 'h' || unit === 'd')) {
    return Date.now() - Number(number) * UNIT_MS[unit];
  }
  const time = /^\d{4}-/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw new InvalidArgumentError('expected 30m, 1h, 7d or a time such as 2026-11-20T08:00');
  return time;
}
