// Loaded into a server (`--import`, with the name of a file in its query): on SIGUSR2 it writes to that file how late the
// event loop was since the last time, as JSON (EventLoopDelay), and begins anew.
import { renameSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Milliseconds by which timers were late. */
export interface EventLoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** The histogram's timer is due after so many milliseconds, and what it counts includes them. */
const RESOLUTION_MS = 1;

const out = new URL(import.meta.url).searchParams.get('out');
if (out !== null) {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  process.on('SIGUSR2', () => {
    const delay: EventLoopDelay = {
      p50: late(histogram.percentile(50)),
      p99: late(histogram.percentile(99)),
      p999: late(histogram.percentile(99.9)),
      max: late(histogram.max),
    };
    histogram.reset();
    // In one step: whoever waits for the file reads a whole one.
    writeFileSync(`${out}.new`, JSON.stringify(delay));
    renameSync(`${out}.new`, out);
  });
}
