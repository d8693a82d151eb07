import { writeFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { InvalidArgumentError, type Command } from 'commander';
import { loadConfig } from '../../config/load.ts';
import { SessionReportBuilder } from '../../policy/session-report.ts';
import { LoginSightings } from '../../telemetry/login-sightings.ts';
import { printableJson } from '../../telemetry/printable.ts';
import { CliError } from '../cli-error.ts';
import { readLogLines } from './log-lines.ts';
import { writeRefused } from './refused-table.ts';
import { writeChart } from './report-chart.ts';
import { reportHtml } from './report-html.ts';
import { processTerminal, type Terminal } from '../terminal.ts';
import { refusedOn, type RefusedOn } from './would-be-refused.ts';

interface ReportOptions {
  readonly html?: string;
  readonly json: boolean;
  readonly strict: boolean;
  readonly top: number;
  readonly requireFrom?: string;
  readonly config?: string;
}

/** `latticeport report [LOGFILE...]`: how far the sessions of a log are post-quantum, and who is not ready. */
export function registerReportCommand(
  program: Command,
  terminal: Terminal = processTerminal(),
  stdin: Readable = process.stdin,
): void {
  program
    .command('report')
    .description(
      'sum the JSON logs up: post-quantum share by client version, user and method, and who would be cut off',
    )
    .argument('[logfiles...]', 'JSON logs, .gz or plain (default: standard input)')
    .option('--html <file>', 'write one self-contained page')
    .option('--json', 'print JSON', false)
    .option('--top <rows>', 'rows of each chart', parseRows, 20)
    .option('--require-from <date>', 'list who would be refused on that day, such as 2027-01-31', parseDate)
    .option('-c, --config <file>', 'with --require-from: by the settings of this configuration, instead of all of them')
    .option('--strict', 'exit with 3 where a partner would be cut off, or refused on that day', false)
    .addHelpText(
      'after',
      '\nExit code: 0; 3 with --strict where a partner would be cut off or refused; 1 for an error, or a log without sessions.',
    )
    .action(async (logfiles: string[], options: ReportOptions) => {
      const builder = new SessionReportBuilder();
      const refusals = refusalsOf(options);
      await readLogLines(logfiles, stdin, (line) => {
        builder.addLine(line);
        refusals?.sightings.addLine(line);
      });
      const { report } = builder;
      if (report.total.sessions === 0) {
        throw new CliError(
          'there is no session.negotiated line in it: is it a JSON log of the server (log.format "json")?',
        );
      }
      const refused = refusals?.judge() ?? null;
      if (options.html !== undefined) writeHtml(options.html, reportHtml(report, new Date().toISOString(), refused));
      if (options.json) {
        terminal.line(printableJson(JSON.stringify({ ...report, ...(refused !== null && { refused }) }, null, 2)));
      } else {
        writeChart(report, options.top, terminal);
        if (refused !== null) writeRefused(refused, options.top, terminal);
      }
      if (options.strict && report.cutOff.length + (refused?.partners.length ?? 0) > 0) terminal.exit(3);
    });
}

/** Reads the configuration before the logs, which may be long. Throws CliError, ConfigError. */
function refusalsOf({ requireFrom, config }: ReportOptions): {
  readonly sightings: LoginSightings;
  readonly judge: () => RefusedOn;
} | null {
  if (requireFrom === undefined) {
    if (config !== undefined)
      throw new CliError('--config says who would be refused on a day: name it with --require-from');
    return null;
  }
  const asked = config === undefined ? null : loadConfig(config);
  const sightings = new LoginSightings();
  return { sightings, judge: () => refusedOn(requireFrom, sightings.lastFirst, asked) };
}

function writeHtml(file: string, html: string): void {
  try {
    writeFileSync(file, html);
  } catch (error) {
    throw new CliError(`${file} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parseDate(text: string): string {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  // Of a day that its month does not have another is made.
  const isDate = !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
  if (!isDate) throw new InvalidArgumentError('expected a date such as 2027-01-31');
  return text;
}

function parseRows(text: string): number {
  const rows = Number(text);
  if (!Number.isInteger(rows) || rows < 1) throw new InvalidArgumentError('expected a number of rows');
  return rows;
}
