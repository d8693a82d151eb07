import { FAILURE_REASONS } from '../../auth/failure-reasons.ts';
import type { GroupCount } from '../../telemetry/group-counts.ts';
import type { FailureKind, FileRecord, LoginKind, PartnerHistory } from '../../telemetry/partner-history.ts';
import { bytesInWords, millisecondsInWords, transferVerb } from '../../telemetry/terminal-line.ts';
import { counted, printable } from './report-chart.ts';
import { styled, type Terminal, writeTable } from '../terminal.ts';

/** Of each list; the page is to be one. */
const MAX_ROWS = 10;

/** Writes one page on a user: logins, failures with what to do about them, algorithms, last files. */
export function writeHistory(history: PartnerHistory, terminal: Terminal): void {
  const { user, logins, failures, algorithms, endings, nameless, addresses, files } = history;
  const from = addresses.length === 0 ? '' : ` from ${addresses.slice(-5).map(printable).join(', ')}`;
  terminal.line(
    styled(terminal, 'bold', `${printable(user)}: ${sum(logins, 'login')}, ${sum(failures, 'failure')}${from}`),
  );
  section('Logins', logins, terminal, ({ kind }) => [credential(kind)]);
  section('Failures', failures, terminal, ({ kind }) => [kind.reason, withAlgorithm(kind)]);
  writeAdvice(failures, terminal);
  section('Algorithms', algorithms, terminal, ({ kind }) => [
    `${kind.kex}${kind.postQuantum ? ' (post-quantum)' : ''}`,
    kind.cipher ?? '',
    kind.hostKey ?? '',
    kind.clientVersion ?? '',
  ]);
  section('Sessions that did not end in good order', endings, terminal, ({ kind }) => [kind.message]);
  section('From the same addresses, before a user was named', nameless, terminal, ({ kind }) => [
    kind.address,
    kind.message,
  ]);
  writeFiles(files, terminal);
  if (history.unreadableLines > 0) {
    terminal.line();
    const one = 'line that is no JSON log line was left out';
    terminal.line(
      counted(history.unreadableLines, one, one.replace('line that is', 'lines that are').replace('was', 'were')),
    );
  }
}

function sum(groups: readonly GroupCount<object>[], noun: string): string {
  let total = 0;
  for (const { count } of groups) total += count;
  return counted(total, noun, `${noun}s`);
}

function section<T extends object>(
  title: string,
  groups: readonly GroupCount<T>[],
  terminal: Terminal,
  words: (group: GroupCount<T>) => readonly string[],
): void {
  if (groups.length === 0) return;
  terminal.line();
  terminal.line(styled(terminal, 'bold', title));
  const rows = groups
    .slice(0, MAX_ROWS)
    .map((group) => [group.count === 0 ? '-' : String(group.count), `last ${clock(group.last)}`, ...words(group)]);
  writeTable(
    terminal,
    rows.map((row) => row.map((text) => ({ text: printable(text) }))),
    '  ',
  );
  if (groups.length > MAX_ROWS) terminal.line(`  … and ${groups.length - MAX_ROWS} more`);
}

/** A word on each reason that occurs, the last one first. */
function writeAdvice(failures: readonly GroupCount<FailureKind>[], terminal: Terminal): void {
  const reasons = new Set(failures.map(({ kind }) => kind.reason));
  for (const reason of reasons) {
    const known = Object.entries(FAILURE_REASONS).find(([name]) => name === reason)?.[1];
    if (known === undefined) continue;
    terminal.line(`  ${styled(terminal, 'yellow', reason)}: ${known.words}. ${known.advice}`);
  }
  if (failures.some(({ kind }) => kind.keyIsUsers && kind.reason === 'algorithm-not-allowed')) {
    terminal.line("  The key itself is the user's: only the algorithm keeps it out.");
  }
}

function writeFiles(files: readonly FileRecord[], terminal: Terminal): void {
  if (files.length === 0) return;
  terminal.line();
  terminal.line(styled(terminal, 'bold', 'Last files'));
  writeTable(
    terminal,
    files.map((file) => [clock(file.time), ...fileWords(file)].map((text) => ({ text: printable(text) }))),
    '  ',
  );
}

function fileWords({ activity, path, target, bytesRead, bytesWritten, milliseconds, problem }: FileRecord): string[] {
  const bytes = bytesWritten > 0 ? bytesWritten : bytesRead;
  const verb = transferVerb(activity, bytesRead, bytesWritten);
  const name = target === null ? path : `${path} → ${target}`;
  if (problem !== null) return [verb, name, problem];
  const isTransfer = activity === 'CLOSE' || activity === 'PARTIAL_CLOSE';
  if (!isTransfer) return [verb, name];
  return [verb, name, [bytesInWords(bytes), milliseconds === null ? '' : millisecondsInWords(milliseconds)].join(' ')];
}

function credential({ method, keyType, fingerprint }: LoginKind): string {
  return [method, keyType, fingerprint].filter((word) => word !== null).join(' ');
}

function withAlgorithm(kind: FailureKind): string {
  const words = [credential(kind)];
  if (kind.algorithm !== null && kind.algorithm !== kind.keyType) words.push(`with ${kind.algorithm}`);
  if (kind.problem !== null) words.push(`(${kind.problem})`);
  return words.join(' ');
}

/** `2026-11-20 08:50:21Z`. */
function clock(time: string): string {
  return time === '' ? 'unknown' : time.replace('T', ' ').replace(/\.\d+Z$/, 'Z');
}
