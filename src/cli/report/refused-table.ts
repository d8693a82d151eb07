import { styled, writeTable, type Cell, type Terminal } from '../terminal.ts';
import { counted, printable, shorten } from './report-chart.ts';
import type { RefusedOn, RefusedPartner } from './would-be-refused.ts';

/** What the list is of, in one sentence; names of files are not made printable. */
export function refusedTitle({ date, config }: RefusedOn): string {
  return config === null
    ? `Who would be refused on ${date}, were all users required to be post-quantum`
    : `Who would be refused on ${date} by the settings of ${config}`;
}

/** Whose setting it is: "requirePostQuantum of the user". */
export function settingInWords({ setting, setBy }: RefusedPartner): string {
  return setBy === null ? setting : `${setting} of the ${setBy}`;
}

/** Writes who would be refused, the last seen first, and what their clients would be told. */
export function writeRefused(refused: RefusedOn, top: number, terminal: Terminal): void {
  const { partners, notSeen } = refused;
  terminal.line();
  terminal.line(styled(terminal, 'bold', refusedTitle(refused)));
  if (partners.length === 0) terminal.line('  nobody of whom these logs tell');
  const header: Cell[] = ['USER', 'CLIENT', 'BY', 'CAME WITH', 'LOGINS', 'LAST SEEN', 'LAST POST-QUANTUM'].map(
    (text) => ({ text, style: 'dim' }),
  );
  const shown = partners.slice(0, top);
  const rows = shown.map((partner): Cell[] => [
    { text: shorten(printable(partner.user), 40) },
    { text: shorten(printable(partner.clientVersion), 60) },
    { text: settingInWords(partner) },
    { text: shorten(printable(partner.because), 80) },
    { text: String(partner.logins) },
    { text: printable(partner.lastSeen ?? 'unknown') },
    { text: printable(partner.lastPostQuantum ?? '-') },
  ]);
  if (partners.length > 0) writeTable(terminal, [header, ...rows], '  ');
  if (partners.length > top) terminal.line(`  … and ${partners.length - top} more`);
  for (const [version, advice] of advices(shown)) {
    terminal.line(`  ${shorten(printable(version), 60)}: ${advice}`);
  }
  if (notSeen.length > 0) {
    const users = counted(notSeen.length, 'user', 'users');
    terminal.line(`  The logs say nothing of ${users} of whom something is required then: ${listed(notSeen)}`);
  }
}

/** Each client once for each setting. */
function advices(partners: readonly RefusedPartner[]): [version: string, advice: string][] {
  const once = new Map(
    partners.map(({ clientVersion, setting, advice }) => [`${setting} ${clientVersion}`, { clientVersion, advice }]),
  );
  return [...once.values()].map(({ clientVersion, advice }) => [clientVersion, advice]);
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 10).map(printable).join(', ');
  return names.length > 10 ? `${shown}, …` : shown;
}
