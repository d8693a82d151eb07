import { writeFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { InvalidArgumentError, type Command } from 'commander';
import { SessionReportBuilder } from '../../policy/session-report.ts';
import { printableJson } from '../../telemetry/printable.ts';
import { CliError } from '../cli-error.ts';
import { readLogLines } from './log-lines.ts';
import { writeChart } from './report-chart.ts';
import { reportHtml } from './report-html.ts';
import { processTerminal, type Terminal } from '../terminal.ts';

interface ReportOptions {
  readonly html?: string;
  readonly json: boolean;
  readonly strict: boolean;
  readonly top: number;
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
    .option('--strict', 'exit with 3 where a partner would be cut off', false)
    .addHelpText(
      'after',
      '\nExit code: 0; 3 with --strict where a partner would be cut off; 1 for an error, or a log without sessions.',
    )
    .action(async (logfiles: string[], options: ReportOptions) => {
      const builder = new SessionReportBuilder();
      await readLogLines(logfiles, stdin, (line) => {
        builder.addLine(line);
      });
      const { report } = builder;
      if (report.total.sessions === 0) {
        throw new CliError(
          'there is no session.negotiated line in it: is it a JSON log of the server (log.format "json")?',
        );
      }
      if (options.html !== undefined) writeHtml(options.html, reportHtml(report, new Date().toISOString()));
      if (options.json) terminal.line(printableJson(JSON.stringify(report, null, 2)));
      else writeChart(report, options.top, terminal);
      if (options.strict && report.cutOff.length > 0) terminal.exit(3);
    });
}

function writeHtml(file: string, html: string): void {
  try {
    writeFileSync(file, html);
  } catch (error) {
    throw new CliError(`${file} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parseRows(text: string): number {
  const rows = Number(text);
  if (!Number.isInteger(rows) || rows < 1) throw new InvalidArgumentError('expected a number of rows');
  return rows;
}
