import { watch, type FSWatcher } from 'node:fs';
import type { AcceptPolicy, PolicyCatalogue } from './catalogue.ts';
import type { ConfigError } from './config-error.ts';
import type { SecurityPolicy } from './security-policy.ts';

export interface PolicyWatcherOptions {
  readonly catalogue: PolicyCatalogue;
  /** A policy that is new or different, already in force for new connections. */
  readonly onChange: (policy: SecurityPolicy) => void;
  /** A file that cannot be used; what it held before stays in force. */
  readonly onProblem: (error: ConfigError) => void;
  /** See PolicyCatalogue.refresh. */
  readonly accept?: AcceptPolicy;
  /**
   * How often the directories are looked at even if the system reports no change, in milliseconds. Network file systems
   * and bind mounts often report none.
   */
  readonly pollMilliseconds?: number;
}

export interface PolicyWatcher {
  /** Looks at the directories now. */
  check(): void;
  close(): void;
}

const DEFAULT_POLL_MS = 5000;
/** An editor's save is several events: it is read once they have settled, so that a half-written file is rarely seen. */
const SETTLE_MS = 100;

/**
 * Keeps a catalogue in step with its directories. Does not keep the process alive. A half-written file that is seen all
 * the same is reported and read again when it is complete.
 */
export function watchPolicies(options: PolicyWatcherOptions): PolicyWatcher {
  const { catalogue, onChange, onProblem, accept } = options;
  const check = (): void => {
    const { changed, problems } = catalogue.refresh(accept);
    for (const policy of changed) onChange(policy);
    for (const problem of problems) onProblem(problem);
  };

  let settling: NodeJS.Timeout | undefined;
  const settle = (): void => {
    clearTimeout(settling);
    settling = setTimeout(check, SETTLE_MS).unref();
  };
  const watchers = catalogue.directories.map((directory) => watchDirectory(directory, settle));
  const poll = setInterval(check, options.pollMilliseconds ?? DEFAULT_POLL_MS).unref();

  return {
    check,
    close: () => {
      clearTimeout(settling);
      clearInterval(poll);
      for (const watcher of watchers) watcher?.close();
    },
  };
}

function watchDirectory(directory: string, onEvent: () => void): FSWatcher | null {
  try {
    const watcher = watch(directory, { persistent: false }, onEvent);
    // The directory went away or the system ran out of watches: polling goes on.
    watcher.on('error', () => {
      watcher.close();
    });
    return watcher;
  } catch {
    return null;
  }
}
