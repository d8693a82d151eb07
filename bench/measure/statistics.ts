/** One measured quantity over the rounds. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: readonly number[];
}

/** Throws where there is nothing to summarise. */
export function summarise(runs: readonly number[]): Summary {
  const sorted = runs.toSorted((a, b) => a - b);
  const low = sorted[Math.floor((sorted.length - 1) / 2)];
  const high = sorted[Math.ceil((sorted.length - 1) / 2)];
  const min = sorted[0];
  const max = sorted.at(-1);
  if (low === undefined || high === undefined || min === undefined || max === undefined) throw new Error('no runs');
  return { median: (low + high) / 2, min, max, runs };
}
