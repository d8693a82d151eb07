import type { DirectoryEntry, EntryKind } from '../storage/object-store.ts';
import type { IdentityNames } from './identity-names.ts';

const TYPE_LETTER: Readonly<Record<EntryKind, string>> = { file: '-', directory: 'd', symlink: 'l', other: '?' };
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;
const HALF_A_YEAR_SECONDS = 182 * 24 * 60 * 60;

/**
 * The entry as a line of `ls -l` (draft §7: clients show it and some take it apart; never empty, since FileZilla
 * refuses that). `now` is in seconds.
 */
export function longName(entry: DirectoryEntry, names: IdentityNames, now: number): string {
  const { mode, uid, gid, size, mtime } = entry.attributes;
  const user = (names.user(uid) ?? String(uid)).padEnd(8);
  const group = (names.group(gid) ?? String(gid)).padEnd(8);
  const links = '   1';
  return `${TYPE_LETTER[entry.kind]}${permissionLetters(mode)} ${links} ${user} ${group} ${String(size).padStart(8)} ${timeText(mtime, now)} ${entry.name}`;
}

const TRIPLETS = ['---', '--x', '-w-', '-wx', 'r--', 'r-x', 'rw-', 'rwx'] as const;

function permissionLetters(mode: number): string {
  return (
    triplet(mode >> 6, (mode & 0o4000) !== 0, 's') +
    triplet(mode >> 3, (mode & 0o2000) !== 0, 's') +
    triplet(mode, (mode & 0o1000) !== 0, 't')
  );
}

function triplet(bits: number, special: boolean, letter: 's' | 't'): string {
  const text = TRIPLETS[bits & 7] ?? '---';
  if (!special) return text;
  return text.slice(0, 2) + (text.endsWith('x') ? letter : letter.toUpperCase());
}

/** The time of day for the last half year, the year for everything else, as `ls` does. */
function timeText(mtime: number, now: number): string {
  const date = new Date(mtime * 1000);
  if (Number.isNaN(date.getTime())) return 'Jan  1  1970';
  const day = `${MONTHS[date.getMonth()] ?? 'Jan'} ${String(date.getDate()).padStart(2)}`;
  if (mtime > now || now - mtime > HALF_A_YEAR_SECONDS) return `${day} ${String(date.getFullYear()).padStart(5)}`;
  return `${day} ${twoDigits(date.getHours())}:${twoDigits(date.getMinutes())}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
