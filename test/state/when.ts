// Waiting for what a store tells, with a deadline and without sleeping.
import type { StateSnapshot, StateStore } from '../../src/state/state-store.ts';

/** More than anything here takes, on a slow machine too. */
const DEADLINE_MS = 30_000;

/** The first snapshot that fits, from the present one on. */
export function whenSnapshot(store: StateStore, fits: (snapshot: StateSnapshot) => boolean): Promise<StateSnapshot> {
  if (fits(store.snapshot)) return Promise.resolve(store.snapshot);
  return told('the awaited snapshot did not come', (resolve) =>
    store.onSnapshot((snapshot) => {
      if (fits(snapshot)) resolve(snapshot);
    }),
  );
}

/** Resolves once `reachable` is as wanted, to the problem. */
export function whenReachable(store: StateStore, wanted: boolean): Promise<string | null> {
  if (store.reachable === wanted) return Promise.resolve(null);
  return told(`the state did not become ${wanted ? '' : 'un'}reachable`, (resolve) =>
    store.onReachable((reachable, problem) => {
      if (reachable === wanted) resolve(problem);
    }),
  );
}

function told<Result>(failure: string, listen: (resolve: (result: Result) => void) => () => void): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      stop();
      reject(new Error(failure));
    }, DEADLINE_MS);
    const stop = listen((result) => {
      clearTimeout(timer);
      stop();
      resolve(result);
    });
  });
}
