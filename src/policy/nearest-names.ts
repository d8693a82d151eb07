/** Longer strings are cut before they are compared: the work is quadratic in the length. */
const MAX_COMPARED = 128;

/**
 * Edits (insert, delete, replace, swap of two neighbours) that turn one string into the other, letter case ignored:
 * the optimal string alignment distance.
 */
export function editDistance(from: string, to: string): number {
  const a = from.slice(0, MAX_COMPARED).toLowerCase();
  const b = to.slice(0, MAX_COMPARED).toLowerCase();
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(
        (last[j] ?? Infinity) + 1,
        (row[j - 1] ?? Infinity) + 1,
        (last[j - 1] ?? Infinity) + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (beforeLast[j - 2] ?? Infinity) + 1);
      }
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? Infinity;
}

/** The `count` known names nearest to `name`, nearest first; ties in the order of `known`. */
export function nearestNames(name: string, known: readonly string[], count = 3): string[] {
  return known
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((one, other) => one.distance - other.distance)
    .slice(0, count)
    .map(({ candidate }) => candidate);
}
