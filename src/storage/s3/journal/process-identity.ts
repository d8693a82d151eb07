import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Which process of which machine: enough to tell later, on the same machine, whether it still runs. */
export interface ProcessIdentity {
  /** The machine, its present run, and the name space in which `pid` counts. */
  readonly host: string;
  readonly pid: number;
  /** The start time as the system counts it: a process id is used again. Empty where it cannot be had. */
  readonly start: string;
}

export function ownIdentity(): ProcessIdentity {
  return { host: ownHost(), pid: process.pid, start: startOf(process.pid) ?? '' };
}

/** Of what another process has written; undefined if that is no identity. */
export function parseIdentity(value: unknown): ProcessIdentity | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { host, pid, start } = value as Readonly<Record<string, unknown>>;
  if (typeof host !== 'string' || typeof pid !== 'number' || typeof start !== 'string') return undefined;
  return Number.isSafeInteger(pid) && pid > 0 ? { host, pid, start } : undefined;
}

/** False only if it is certain; undefined if the process is of another machine, container or run of the system. */
export function isRunning(identity: ProcessIdentity): boolean | undefined {
  if (identity.host !== ownHost()) return undefined;
  const start = startOf(identity.pid);
  if (identity.start !== '') return start === identity.start;
  try {
    process.kill(identity.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function ownHost(): string {
  return [hostname(), read('/proc/sys/kernel/random/boot_id'), link('/proc/self/ns/pid')].join(' ');
}

/** Field 22 of /proc/PID/stat (proc(5)), after the program's name, which may hold anything. */
function startOf(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch {
    return '';
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path, 'latin1');
  } catch {
    return '';
  }
}
