import { printable } from '../../../telemetry/printable.ts';
import { styled, type Style, type Terminal } from '../../terminal.ts';
import type { NoCounterpart } from './server-counterpart.ts';

export type Outcome = 'made' | 'would be made' | 'there already' | 'differs' | 'failed' | 'left out';

/** What has become of one server or user. */
export interface Imported {
  readonly kind: 'server' | 'user';
  /** The user's name, or the id that the server has in Transfer Family. */
  readonly name: string;
  /** The server here; null where there is none, or not yet. */
  readonly serverId: string | null;
  readonly outcome: Outcome;
  readonly notes: readonly string[];
  readonly noCounterpart: readonly NoCounterpart[];
}

const STYLES: Readonly<Record<Outcome, Style>> = {
  made: 'green',
  'would be made': 'cyan',
  'there already': 'dim',
  differs: 'yellow',
  failed: 'red',
  'left out': 'yellow',
};

/** Writes one outcome: a line, and what has to be said of it below. */
export function writeImported(imported: Imported, terminal: Terminal): void {
  const { kind, name, serverId, outcome, notes, noCounterpart } = imported;
  const where =
    kind === 'user' ? (serverId === null ? '' : ` of ${serverId}`) : serverId === null ? '' : `, here ${serverId}`;
  terminal.line(printable(`${kind} ${name}${where}: `) + styled(terminal, STYLES[outcome], outcome));
  for (const note of notes) terminal.line(`  ${printable(note)}`);
  for (const { member, value, why } of noCounterpart) {
    const shown = typeof value === 'string' ? value : JSON.stringify(value);
    terminal.line(`  ${styled(terminal, 'yellow', 'no counterpart')}: ${printable(`${member} ${shown}: ${why}`)}`);
  }
}

/** Writes how many of each outcome there were. */
export function writeSummary(all: readonly Imported[], terminal: Terminal): void {
  const counts = new Map<Outcome, number>();
  for (const { outcome } of all) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const lost = all.reduce((sum, { noCounterpart }) => sum + noCounterpart.length, 0);
  const words = [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ');
  const members = lost === 0 ? '' : `; ${lost} ${lost === 1 ? 'member has' : 'members have'} no counterpart`;
  terminal.line(styled(terminal, 'bold', `${words}${members}`));
}
