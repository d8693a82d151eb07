// Versions of programs as the programs say them ("10.0p2", "2026.94", "2.24.0"), compared by their numbers.

/** From `from` on (that one included), and before `below`; no `below`: whatever is newer. */
export interface VersionRange {
  readonly from: string;
  readonly below?: string;
}

/** The numbers that a version begins with: 10.0p2 is 10, 0. Empty where it begins with none. */
function numbersOf(version: string): number[] {
  return (/^\d+(?:\.\d+)*/.exec(version)?.[0] ?? '')
    .split('.')
    .filter((part) => part !== '')
    .map(Number);
}

/** Negative where `a` is older than `b`; a number that is not said is 0. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Why a version is not in the range, to be read after the program's name; `null` where it is. */
export function whyNotIn(version: string, { from, below }: VersionRange): string | null {
  if (numbersOf(version).length === 0) return `${version} is no version, ${from} or newer is needed`;
  if (compareVersions(version, from) < 0) return `${version} is too old, ${from} or newer is needed`;
  if (below !== undefined && compareVersions(version, below) >= 0) {
    return `${version} is too new, the tests know it below ${below}`;
  }
  return null;
}
