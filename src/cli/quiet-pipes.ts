import type { Writable } from 'node:stream';

/**
 * A reader that has seen enough, such as `head`, closes its end: the command ends then, without a word and with the status
 * that it has so far. `mayEnd` says no for what serves others and does not live for its output.
 */
export function endWithReader(
  { stdout, stderr }: { readonly stdout: Writable; readonly stderr: Writable },
  mayEnd: () => boolean,
  exit: () => void = () => process.exit(),
): void {
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    if (mayEnd()) exit();
  });
  // Nobody is left to hear of it.
  stderr.on('error', () => undefined);
}
