import { printable } from '../../telemetry/printable.ts';
import { writeJson, writeTable, type Cell, type Terminal } from '../terminal.ts';

/** How it is wanted. */
interface Format {
  readonly json: boolean;
}

/** One column of a list: its title, and what stands in it for an item. */
export type Column<Item> = readonly [title: string, text: (item: Item) => string | number | undefined];

/** Prints a list: as JSON where it is asked for, else as a table, or the words for an empty one. */
export function writeList<Item>(
  terminal: Terminal,
  { json }: Format,
  items: readonly Item[],
  columns: readonly Column<Item>[],
  none: string,
): void {
  if (json) {
    writeJson(terminal, items);
  } else if (items.length === 0) {
    terminal.line(none);
  } else {
    const header = columns.map(([title]): Cell => ({ text: title, style: 'bold' }));
    const rows = items.map((item) => columns.map(([, text]): Cell => ({ text: printable(String(text(item) ?? '')) })));
    writeTable(terminal, [header, ...rows]);
  }
}

/** Prints what is described: as JSON, or a member a line; of a list of objects, an object a line. */
export function writeDescribed(terminal: Terminal, { json }: Format, described: object): void {
  if (json) {
    writeJson(terminal, described);
    return;
  }
  const rows: Cell[][] = [];
  for (const [name, value] of Object.entries(described)) {
    linesOf(value).forEach((text, index) => {
      rows.push([{ text: index === 0 ? name : '', style: 'bold' }, { text }]);
    });
  }
  writeTable(terminal, rows);
}

/** Prints what was done: the answer as JSON, or the words. */
export function writeDone(terminal: Terminal, { json }: Format, answer: object, words: string): void {
  if (json) writeJson(terminal, answer);
  else terminal.line(printable(words));
}

/** `2026-12-01 10:15:00Z` */
export function dateInWords(date: Date | undefined): string {
  return date === undefined ? '' : date.toISOString().replace('T', ' ').replace(/\.\d+/, '');
}

function linesOf(value: unknown): readonly string[] {
  if (value === undefined || value === null || value === '') return [];
  if (value instanceof Date) return [dateInWords(value)];
  if (Array.isArray(value)) {
    const items = value.map(inOneLine);
    return value.some((item) => typeof item === 'object') ? items : items.length === 0 ? [] : [items.join(', ')];
  }
  if (typeof value === 'object') return Object.entries(value).flatMap(([name, each]) => memberLines(name, each));
  // A banner or a policy has lines of its own.
  return (typeof value === 'string' ? value : inOneLine(value)).trimEnd().split(/\r?\n/).map(printable);
}

function memberLines(name: string, value: unknown): readonly string[] {
  return value === undefined || value === null ? [] : [`${printable(name)}: ${inOneLine(value)}`];
}

function inOneLine(value: unknown): string {
  if (value instanceof Date) return dateInWords(value);
  if (typeof value !== 'object' || value === null) return printable(String(value));
  if (Array.isArray(value)) {
    return value.every((item) => typeof item !== 'object') ? value.map(inOneLine).join(', ') : asJson(value);
  }
  return Object.entries(value)
    .flatMap(([name, each]: [string, unknown]) => memberLines(name, each))
    .join('  ');
}

function asJson(value: unknown): string {
  return printable(JSON.stringify(value));
}
