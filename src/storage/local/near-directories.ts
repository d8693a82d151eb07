import { lstat, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FileCalls } from './file-calls.ts';

/** How long a directory that was seen on the device is taken to be there, in milliseconds. */
const SEEN_MS = 5_000;
/** Directories that are remembered. */
const MAX_DIRECTORIES = 1_000;

/**
 * The directories of a store that are on the device of its root, so that nothing is opened in place on a far file system
 * which is mounted below it. All of it is a hint, up to five seconds old: `pinInPlace` looks again.
 */
export class NearDirectories {
  readonly device: number;
  /** How calls are made on that device. */
  readonly calls: FileCalls;
  readonly #mountInfo: () => Promise<string>;
  /** When each was last seen there, by its path. */
  readonly #seen = new Map<string, number>();
  #mountPoints: ReadonlySet<string> = new Set();
  /** The directories that they are in. */
  #holders: ReadonlySet<string> = new Set();
  #mountPointsReadAt = -Infinity;

  /** `mountInfo` reads /proc/self/mountinfo (proc(5)). */
  constructor(device: number, calls: FileCalls, mountInfo = () => readFile('/proc/self/mountinfo', 'latin1')) {
    this.device = device;
    this.calls = calls;
    this.#mountInfo = mountInfo;
  }

  /** Whether the directory was seen on the device not long ago. */
  has(directory: string): boolean {
    const at = this.#seen.get(directory);
    return at !== undefined && performance.now() - at < SEEN_MS;
  }

  /** As `has`, after a look by a thread where that is too long ago. Rejects as lstat(2). */
  async look(directory: string): Promise<boolean> {
    if (this.has(directory)) return true;
    const now = performance.now();
    const stats = await lstat(directory);
    if (!stats.isDirectory() || stats.dev !== this.device) return false;
    if (this.calls.inPlace && now - this.#mountPointsReadAt >= SEEN_MS) {
      this.#mountPoints = mountPointsOf(await this.#mountInfo());
      this.#holders = new Set(Array.from(this.#mountPoints, (point) => dirname(point)));
      this.#mountPointsReadAt = now;
    }
    if (this.#seen.size >= MAX_DIRECTORIES) this.#seen.clear();
    this.#seen.set(directory, now);
    return true;
  }

  /** Whether something in a directory that was looked at is another file system's: even a look at that may have to wait. */
  isMountPoint(path: string): boolean {
    return this.#mountPoints.has(path);
  }

  /** Whether one of those is right in the directory. */
  holdsMountPoint(directory: string): boolean {
    return this.#holders.has(directory);
  }
}

/** The fifth field of each line, in which octal escapes stand for blanks and backslashes. */
function mountPointsOf(mountInfo: string): Set<string> {
  const points = new Set<string>();
  for (const line of mountInfo.split('\n')) {
    const escaped = line.split(' ', 5)[4];
    if (escaped === undefined) continue;
    const bytes = escaped.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
    points.add(Buffer.from(bytes, 'latin1').toString('utf8'));
  }
  return points;
}
