import { styleText } from 'node:util';
import { printableJson } from '../telemetry/printable.ts';

export type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'green' | 'cyan';

/** Where a command writes, and how: with colours on a terminal only. Tests pass their own. */
export interface Terminal {
  readonly color: boolean;
  /** Width in columns; 100 where the output is no terminal. */
  readonly columns: number;
  /** Writes one line to standard output. */
  line(text?: string): void;
  /** Sets the exit code of the process. */
  exit(code: number): void;
}

export function processTerminal(): Terminal {
  const { stdout } = process;
  return {
    color: stdout.isTTY && process.env['NO_COLOR'] === undefined && process.env['TERM'] !== 'dumb',
    columns: stdout.isTTY ? stdout.columns : 100,
    line: (text = '') => {
      stdout.write(`${text}\n`);
    },
    exit: (code) => {
      process.exitCode = code;
    },
  };
}

/** `text` in a style where the terminal has colours. */
export function styled(terminal: Terminal, style: Style, text: string): string {
  return terminal.color ? styleText(style, text, { validateStream: false }) : text;
}

export interface Cell {
  readonly text: string;
  readonly style?: Style;
}

/** Writes rows with their columns aligned, two spaces between; the last column is not padded. */
export function writeTable(terminal: Terminal, rows: readonly (readonly Cell[])[], indent = ''): void {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.text.length);
    });
  }
  for (const row of rows) {
    const cells = row.map((cell, column) => {
      const text = column === row.length - 1 ? cell.text : cell.text.padEnd(widths[column] ?? 0);
      return cell.style === undefined ? text : styled(terminal, cell.style, text);
    });
    terminal.line(`${indent}${cells.join('  ')}`.trimEnd());
  }
}

/** Writes a value as JSON, without what a terminal would obey. Dates are in ISO 8601. */
export function writeJson(terminal: Terminal, value: unknown): void {
  terminal.line(printableJson(JSON.stringify(value, null, 2)));
}
