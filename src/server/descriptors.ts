import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Config } from '../config/schema.ts';
import type { Logger } from '../telemetry/logger.ts';
import { DESCRIPTOR_CHECK_MS, DESCRIPTOR_TELL_MS, RESERVED_DESCRIPTORS } from './limits.ts';

/** How the process's descriptors are shared out, so that neither connections nor files can take them all. */
export interface DescriptorShares {
  /** `ulimit -n`; Infinity where it is not known. */
  readonly limit: number;
  /** Connections, those that have not logged in included. */
  readonly connections: number;
  /** Of them, those that have not logged in; and as many may wait to be admitted. */
  readonly unauthenticated: number;
  /** Descriptors for open files and directories. */
  readonly files: number;
  /** And of one user, so that others always find some. */
  readonly filesPerUser: number;
}

/** `ulimit -n`, which Node has raised as far as it may; Infinity where the system does not tell. */
export function descriptorLimit(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return soft === undefined ? Infinity : Number(soft);
  } catch {
    return Infinity;
  }
}

/** What the process does not need itself: three fifths for connections, the others for files. */
export function shareDescriptors(limit: number, limits: Config['limits']): DescriptorShares {
  const rest = limit - Math.min(RESERVED_DESCRIPTORS, Math.floor(limit / 4));
  const files = Math.floor((rest * 2) / 5);
  // As many wait for admission as have not logged in: each at most a fifth.
  const unauthenticated = Math.min(limits.unauthenticatedConnections, Math.max(1, Math.floor(rest / 5)));
  const connections = Math.min(limits.connections, Math.max(1, Math.floor((rest * 3) / 5) - unauthenticated));
  return {
    limit,
    connections,
    unauthenticated: Math.min(unauthenticated, connections),
    files,
    filesPerUser: Math.floor(files / 2),
  };
}

/** The descriptors of open files, by user. */
export class FileDescriptors {
  readonly #byUser = new Map<string, number>();
  #taken = 0;

  /** Whether there were so many for `user`. */
  take(user: string, count: number, shares: DescriptorShares): boolean {
    const own = (this.#byUser.get(user) ?? 0) + count;
    if (own > shares.filesPerUser || this.#taken + count > shares.files) return false;
    this.#byUser.set(user, own);
    this.#taken += count;
    return true;
  }

  give(user: string, count: number): void {
    const own = (this.#byUser.get(user) ?? 0) - count;
    if (own > 0) this.#byUser.set(user, own);
    else this.#byUser.delete(user);
    this.#taken -= count;
  }
}

/**
 * Says when the process, or the machine, has no descriptors left: then connections are closed as soon as they come, and
 * nobody else tells. Does not keep the process alive, and lasts as long as it does.
 */
export function watchDescriptors(log: Logger): void {
  let toldAt = -Infinity;
  let exhausted = false;
  setInterval(() => {
    try {
      closeSync(openSync('/dev/null', 'r'));
      if (exhausted) log.warn({ event: 'server.descriptors-free' }, 'there are descriptors again');
      exhausted = false;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code !== 'EMFILE' && code !== 'ENFILE') return;
      if (exhausted && performance.now() - toldAt < DESCRIPTOR_TELL_MS) return;
      exhausted = true;
      toldAt = performance.now();
      log.error(
        { event: 'server.descriptors-exhausted', code },
        'no descriptors are left: new connections are closed as they come; raise "ulimit -n"',
      );
    }
  }, DESCRIPTOR_CHECK_MS).unref();
}
