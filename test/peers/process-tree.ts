// What a server's processes have used, from /proc (Linux).
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Clock ticks a second in /proc: USER_HZ, 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Columns of /proc/PID/stat after the command's name, which may hold spaces (proc(5)). */
const PARENT = 1;
const USER_TIME = 11;
const CHILDREN_SYSTEM_TIME = 14;

interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  /** User and system time of the process and of its children that have ended and been waited for, in seconds. */
  readonly cpuSeconds: number;
}

/**
 * CPU time, user and system, of a process and all below it, in seconds since their start. A child that has ended counts
 * through its parent, so the difference of two calls is what was used between them, whatever came and went.
 */
export function treeCpuSeconds(root: number): number {
  return tree(root).reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}

/** Resident memory (VmRSS) of a process and all below it, in bytes; pages that several share count for each. */
export function treeResidentBytes(root: number): number {
  return tree(root).reduce((sum, { pid }) => sum + residentBytes(pid), 0);
}

/** Waits until the process has no children any more, up to `timeoutMs`. */
export async function childrenGone(root: number, timeoutMs = 2000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (tree(root).length > 1 && performance.now() < deadline) await delay(10);
}

function tree(root: number): ProcessStat[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(stat)
    .filter((one) => one !== null);
  const members = all.filter(({ pid }) => pid === root);
  // The list grows while it is walked: children, then theirs.
  for (const { pid } of members) members.push(...all.filter(({ parent }) => parent === pid));
  return members;
}

function stat(pid: string): ProcessStat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const ticks = fields.slice(USER_TIME, CHILDREN_SYSTEM_TIME + 1).reduce((sum, value) => sum + value, 0);
    return { pid: Number(pid), parent: fields[PARENT] ?? 0, cpuSeconds: ticks / TICKS_PER_SECOND };
  } catch {
    return null; // it ended in between
  }
}

function residentBytes(pid: number): number {
  try {
    const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return Number(kib ?? 0) * 1024;
  } catch {
    return 0; // it ended in between
  }
}
