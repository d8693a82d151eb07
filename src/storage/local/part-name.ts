import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { errnoOf } from './errno.ts';

/**
 * Names of the temporary files that uploads are written to, in the directory of their target: it is the only place
 * that is certain to be on the target's file system and to give new files what the directory gives them (group,
 * access lists). The name says whose file it is, so that what a crash leaves can be told from what is in use:
 *
 *     .<machine>.<pid>.<start of the process>.<random>.latticeport-part
 *
 * Names of this form are hidden from listings and refused as client paths.
 *
 * A machine is its host name. Containers that share a directory must therefore have different ones (by default they
 * do), or one would take a running upload of the other, whose process it cannot see, for a leftover; that upload fails.
 */
const SUFFIX = '.latticeport-part';
const PATTERN = /^\.([0-9a-f]{8})\.([0-9]{1,10})\.([0-9]{1,20})\.[0-9a-f]{16}\.latticeport-part$/;

/** Another machine's file cannot be asked for its process; after this time (in seconds) without a write it is waste. */
const FOREIGN_MAX_AGE = 24 * 3600;

const MACHINE = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
const OWNER = `${MACHINE}.${process.pid}.${startOf(readStat('self'))}`;

/** Of random bytes so many names are made at a time: asking for few costs as much as for many. */
const NAMES_AT_ONCE = 256;
const NAME_BYTES = 8;
let random = Buffer.alloc(0);

export function newPartName(): string {
  if (random.length === 0) random = randomBytes(NAMES_AT_ONCE * NAME_BYTES);
  const own = random.toString('hex', 0, NAME_BYTES);
  random = random.subarray(NAME_BYTES);
  return `.${OWNER}.${own}${SUFFIX}`;
}

/** Wider than the pattern on purpose, and without regard to case for file systems that have none. */
export function isReservedName(name: string): boolean {
  return name.startsWith('.') && name.toLowerCase().endsWith(SUFFIX);
}

/**
 * Whether the part file `name`, last written at `mtime` (seconds), belongs to no running process. The start of the
 * process is compared too, since process numbers come again.
 */
export async function isAbandonedPart(name: string, mtime: number): Promise<boolean> {
  const match = PATTERN.exec(name);
  if (match === null) return false;
  const [, machine, pid = '', start] = match;
  if (machine !== MACHINE) return Date.now() / 1000 - mtime > FOREIGN_MAX_AGE;
  if (process.platform !== 'linux') return !isRunning(Number(pid));
  let stat: string;
  try {
    stat = await readFile(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return true;
  }
  return startOf(stat) !== start;
}

/** Field 22 of /proc/pid/stat (proc(5)), counted from the end of the command, which may hold anything. 0 elsewhere. */
function startOf(stat: string | undefined): string {
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
}

function readStat(pid: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}
