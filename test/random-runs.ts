// How often the long random tests (models, fuzzing) try: by a number in the environment.

/**
 * LATTICEPORT_RUNS: how many times as many runs as in the continuous integration. `npm test` sets 0.1 where nothing is set,
 * `npm run soak` 20; any number by hand.
 */
const FACTOR = Number(process.env['LATTICEPORT_RUNS'] ?? 1);
if (!(FACTOR > 0 && FACTOR < Infinity)) {
  throw new Error(`LATTICEPORT_RUNS is ${process.env['LATTICEPORT_RUNS'] ?? ''}: a number above 0 is needed`);
}

/** The number of runs of a test that makes `number` of them in the continuous integration. */
export function randomRuns(number: number): number {
  return Math.max(1, Math.round(number * FACTOR));
}

/** Milliseconds that a test with so many runs may take at the most: more than any needs, so that a machine may be slow. */
export function timeoutFor(runs: number): number {
  return 120_000 + runs * 2_000;
}
