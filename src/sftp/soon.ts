import { TURN_MS } from './limits.ts';

/**
 * A function that has `work` done once for all who ask before it is: when what is ready at the moment has run, and after
 * TURN_MS of one turn of the event loop in the next turn. Where a store answers in place, one session's requests would keep the
 * event loop from the sockets of all others.
 */
export function soon(work: () => void): () => void {
  let isScheduled = false;
  /** When the present turn was first asked for more. */
  let turnSince: number | undefined;
  const run = (): void => {
    isScheduled = false;
    work();
  };
  const nextTurn = (): void => {
    turnSince = undefined;
  };
  return () => {
    if (isScheduled) return;
    isScheduled = true;
    if (turnSince === undefined) {
      turnSince = performance.now();
      setImmediate(nextTurn);
    }
    if (performance.now() - turnSince < TURN_MS) process.nextTick(run);
    else setImmediate(run);
  };
}
