// What the kernel says about a process: its memory over time, and what it holds open.
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';

const MIB = 1024 * 1024;

/** Resident memory now, in bytes. */
export function residentBytes(pid: number): number {
  return statusField(pid, 'VmRSS');
}

function statusField(pid: number, name: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  if (kib === undefined) throw new Error(`no ${name} in /proc/${pid}/status`);
  return Number(kib) * 1024;
}

/** Samples resident memory once a second, from the beginning to `stop`. */
export class MemoryWatch {
  readonly samples: number[] = [];
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;

  constructor(pid: number) {
    this.#pid = pid;
    // 5 in clear_refs: the kernel's own peak begins anew (proc(5)). Where that is not allowed the peak is the lifetime's.
    try {
      writeFileSync(`/proc/${pid}/clear_refs`, '5');
    } catch {
      // The samples are what counts.
    }
    this.#timer = setInterval(() => {
      this.samples.push(residentBytes(pid));
    }, 1000);
  }

  /** Both in bytes: the highest sample, and the kernel's peak, which misses nothing between two samples. */
  stop(): { readonly sampled: number; readonly peak: number } {
    clearInterval(this.#timer);
    this.samples.push(residentBytes(this.#pid));
    return { sampled: Math.max(...this.samples), peak: statusField(this.#pid, 'VmHWM') };
  }
}

/** Where each open descriptor leads: a path, or `tcp 127.0.0.1:PORT` with the far end, or the kernel's name for it. */
export function openDescriptors(pid: number): string[] {
  const remotes = remotePorts(pid);
  const targets: string[] = [];
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    let target: string;
    try {
      target = readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      continue; // closed since
    }
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    const remote = inode === undefined ? undefined : remotes.get(inode);
    targets.push(remote === undefined ? target.replace(/\[\d+\]/, '') : `tcp to ${remote}`);
  }
  return targets.sort();
}

/** Of what `openDescriptors` tells: the connections, and not the listening sockets. */
export function connectionsAmong(targets: readonly string[]): string[] {
  return targets.filter((target) => target.startsWith('tcp to ') && target !== 'tcp to 0.0.0.0:0');
}

/** IPv4 sockets by inode; a listening one has the far end 0.0.0.0:0. */
function remotePorts(pid: number): Map<string, string> {
  const remotes = new Map<string, string>();
  for (const line of readFileSync(`/proc/${pid}/net/tcp`, 'latin1').split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    const [address, port] = (fields[2] ?? '').split(':');
    const inode = fields[9];
    if (address === undefined || port === undefined || inode === undefined) continue;
    const bytes = (address.match(/../g) ?? []).map((hex) => Number.parseInt(hex, 16)).reverse();
    remotes.set(inode, `${bytes.join('.')}:${Number.parseInt(port, 16)}`);
  }
  return remotes;
}

export function inMib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
