import type { SessionCount, SessionReport } from '../../policy/session-report.ts';
import { styled, writeTable, type Cell, type Terminal } from '../terminal.ts';

const SECTIONS = [
  ['By client version', 'byClientVersion'],
  ['By user', 'byUser'],
  ['By key exchange method', 'byMethod'],
] as const satisfies readonly (readonly [string, keyof SessionReport])[];

const MIN_BAR = 10;
const MAX_BAR = 40;

/** The report as bar charts for a terminal: `█` for post-quantum sessions, `░` for the others; `top` rows a chart. */
export function writeChart(report: SessionReport, top: number, terminal: Terminal): void {
  const { total } = report;
  terminal.line(
    styled(terminal, 'bold', `${counted(total.sessions, 'session', 'sessions')}, ${percent(total)} post-quantum`),
  );
  if (report.withoutLogin > 0) terminal.line(`${report.withoutLogin} of them never logged in`);
  if (report.betterPqAvailable > 0) {
    terminal.line(
      `${counted(report.betterPqAvailable, 'was', 'were')} classical although both sides had a hybrid: the client prefers the classical one`,
    );
  }
  if (report.insisted > 0) {
    const were = counted(report.insisted, 'is', 'are');
    terminal.line(`${were} post-quantum since the server insisted: the client prefers a classical method`);
  }
  for (const [title, key] of SECTIONS) writeSection(title, report[key], top, terminal);
  writeCutOff(report, top, terminal);
  if (report.unreadableLines > 0) {
    terminal.line();
    const lines = counted(
      report.unreadableLines,
      'line that is no JSON log line was',
      'lines that are no JSON log lines were',
    );
    terminal.line(`${lines} left out`);
  }
}

/** A number with the words for one or for any other. */
export function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** "62.5%"; never "100%" where a session is missing, never "0%" where there is one. */
export function percent({ sessions, pq }: SessionCount): string {
  if (sessions === 0) return '0%';
  const exact = (100 * pq) / sessions;
  const rounded = Math.round(exact * 10) / 10;
  if (pq > 0 && rounded === 0) return '<0.1%';
  if (pq < sessions && rounded === 100) return '>99.9%';
  return `${rounded}%`;
}

/** Names come from clients: control characters must not reach the terminal. */
export function printable(name: string): string {
  return name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}

function writeSection(title: string, counts: readonly SessionCount[], top: number, terminal: Terminal): void {
  if (counts.length === 0) return;
  terminal.line();
  terminal.line(styled(terminal, 'bold', title));
  const shown = counts.slice(0, top);
  const most = Math.max(...counts.map(({ sessions }) => sessions));
  const names = shown.map(({ name }) => shorten(printable(name), 60));
  const numbers = shown.map((count) => `${count.sessions} (${percent(count)} PQ)`);
  const [nameWidth, numberWidth] = [names, numbers].map((texts) => Math.max(...texts.map((text) => text.length)));
  const room = terminal.columns - (nameWidth ?? 0) - (numberWidth ?? 0) - 6;
  const barWidth = Math.min(MAX_BAR, Math.max(MIN_BAR, room));
  shown.forEach((count, index) => {
    const name = (names[index] ?? '').padEnd(nameWidth ?? 0);
    terminal.line(`  ${name}  ${bar(count, most, barWidth, terminal)}  ${numbers[index] ?? ''}`);
  });
  if (counts.length > top) terminal.line(`  … and ${counts.length - top} more`);
}

function bar({ sessions, pq }: SessionCount, most: number, width: number, terminal: Terminal): string {
  const length = Math.max(1, Math.round((width * sessions) / most));
  const pqLength = Math.round((length * pq) / sessions);
  const drawn =
    styled(terminal, 'green', '█'.repeat(pqLength)) + styled(terminal, 'yellow', '░'.repeat(length - pqLength));
  return drawn + ' '.repeat(width - length);
}

export function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

function writeCutOff({ cutOff }: SessionReport, top: number, terminal: Terminal): void {
  terminal.line();
  if (cutOff.length === 0) {
    terminal.line('TransferPQSecurityPolicy-Required-2026-11 would cut nobody off.');
    return;
  }
  terminal.line(styled(terminal, 'bold', 'TransferPQSecurityPolicy-Required-2026-11 would cut off'));
  const header: Cell[] = ['USER', 'CLIENT', 'SESSIONS', 'LAST SEEN', 'OFFERS'].map((text) => ({ text, style: 'dim' }));
  const rows = cutOff
    .slice(0, top)
    .map((partner): Cell[] => [
      { text: shorten(printable(partner.user), 40) },
      { text: shorten(printable(partner.clientVersion), 60) },
      { text: String(partner.sessions) },
      { text: partner.lastSeen ?? 'unknown' },
      { text: partner.offersOtherPq ? 'PQ methods unknown here' : 'no PQ' },
    ]);
  writeTable(terminal, [header, ...rows], '  ');
  if (cutOff.length > top) terminal.line(`  … and ${cutOff.length - top} more`);
}
