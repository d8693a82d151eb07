import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { LOG_BACKLOG_BYTES, LOG_GATHER_BYTES, LOG_GATHER_MS, LOG_RETRY_MS, LOG_TELL_MS } from './limits.ts';

const LF = 0x0a;
const NEWLINE = Buffer.from([LF]);

/** Some of the reasons in words; the system's code stands beside them. */
const WORDS: Readonly<Record<string, string>> = {
  EAGAIN: 'whoever reads them has stopped reading',
  EDQUOT: 'the quota is used up',
  EFBIG: 'the file has reached its largest size',
  EIO: 'the device failed',
  ENOSPC: 'no space is left',
  EPIPE: 'whoever read them has gone',
};

/**
 * Log lines to a descriptor of the process. It never waits and never throws: a server whose log cannot be written goes on
 * serving. What cannot be written is dropped and counted, and told of in one line.
 *
 * A reader of a pipe, socket or terminal that is slow has LOG_BACKLOG_BYTES of patience; what a file or a device does not
 * take at once is lost.
 *
 * A line is written at once, those that follow within LOG_GATHER_MS together.
 */
export class LogOutput {
  readonly #fd: number;
  readonly #tell: (text: string) => void;
  readonly #now: () => number;
  #gathered = '';
  #gatheredBytes = 0;
  /** Runs after a write. */
  #gathering: NodeJS.Timeout | undefined;
  /** Lines that wait for the reader; of the first a part may be written. */
  #backlog: Buffer[] = [];
  #backlogBytes = 0;
  #retry: NodeJS.Timeout | undefined;
  /** The last line written is not whole, and its rest will not come. */
  #torn = false;
  #lost = 0;
  /** What `lost` was when the present trouble began, and whether it was told of. */
  #trouble: { readonly lostBefore: number; readonly told: boolean } | undefined;
  #toldAt = -Infinity;

  /** `tell` is given what an operator should know (one line, without its end). `now` in milliseconds. */
  constructor(fd: number, tell: (text: string) => void, now: () => number = () => performance.now()) {
    this.#fd = withoutWaiting(fd);
    this.#tell = tell;
    this.#now = now;
    process.on('exit', () => {
      this.#writeGathered();
      this.#flush();
    });
  }

  /** Lines that were dropped since the start. */
  get linesLost(): number {
    return this.#lost;
  }

  /** Takes one line, its end included. */
  write(line: string): void {
    const bytes = Buffer.byteLength(line);
    if (this.#gathered !== '' && this.#gatheredBytes + bytes > LOG_GATHER_BYTES) this.#writeGathered();
    this.#gathered += line;
    this.#gatheredBytes += bytes;
    if (this.#gathering !== undefined && this.#gatheredBytes <= LOG_GATHER_BYTES) return;
    this.#writeGathered();
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined;
      if (this.#gathered !== '') this.write('');
    }, LOG_GATHER_MS).unref();
  }

  #writeGathered(): void {
    const bytes = Buffer.from(this.#gathered);
    this.#gathered = '';
    this.#gatheredBytes = 0;
    if (this.#backlog.length > 0) {
      if (this.#backlogBytes + bytes.length > LOG_BACKLOG_BYTES) this.#lose(linesIn(bytes), 'EAGAIN');
      else this.#wait(bytes);
      return;
    }
    this.#put(this.#torn && bytes.length > 0 ? Buffer.concat([NEWLINE, bytes]) : bytes);
  }

  /** Writes as much as goes at once. */
  #put(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      try {
        at += writeSync(this.#fd, bytes, at);
        this.#torn = at < bytes.length;
      } catch (error) {
        const code = errorCode(error);
        if (code === 'EINTR') continue;
        if (code === 'EAGAIN') this.#wait(bytes.subarray(at));
        else this.#lose(linesIn(bytes.subarray(at)), code);
        return;
      }
    }
    this.#written();
  }

  #wait(bytes: Buffer): void {
    this.#backlog.push(bytes);
    this.#backlogBytes += bytes.length;
    if (this.#retry !== undefined) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#flush();
    }, LOG_RETRY_MS).unref();
  }

  #flush(): void {
    const waiting = this.#backlog;
    this.#backlog = [];
    this.#backlogBytes = 0;
    for (const bytes of waiting) {
      if (this.#backlog.length > 0) this.#wait(bytes);
      else this.#put(bytes);
    }
  }

  #lose(lines: number, code: string): void {
    if (this.#trouble === undefined) {
      const told = this.#now() - this.#toldAt >= LOG_TELL_MS;
      this.#trouble = { lostBefore: this.#lost, told };
      if (told) {
        this.#toldAt = this.#now();
        const words = WORDS[code];
        this.#tell(
          `latticeport: log lines are lost${words === undefined ? '' : `: ${words}`} (${code}); the service goes on`,
        );
      }
    }
    this.#lost += lines;
  }

  #written(): void {
    const trouble = this.#trouble;
    // While lines wait, the next may be lost again.
    if (trouble === undefined || this.#backlog.length > 0) return;
    this.#trouble = undefined;
    if (trouble.told) {
      this.#tell(`latticeport: log lines are written again; ${this.#lost - trouble.lostBefore} were lost`);
    }
  }
}

/** The process's standard output, for its log; trouble is told on standard error, as far as that goes. */
export function standardOutput(): LogOutput {
  // Otherwise a file that reaches the size that its process may write (`ulimit -f`) ends the process.
  process.on('SIGXFSZ', () => undefined);
  const stderr = new LogOutput(2, () => undefined);
  return new LogOutput(1, (text) => {
    stderr.write(`${text}\n`);
  });
}

/**
 * A descriptor for the same thing on which a write that would have to wait fails with EAGAIN instead. Files and devices
 * keep theirs: they do not wait for anybody.
 */
function withoutWaiting(fd: number): number {
  const stats = fstatSync(fd);
  const isSocket = stats.isSocket();
  if (!isSocket && !stats.isFIFO() && !isatty(fd)) return fd;
  if (!isSocket) {
    try {
      // Opened anew, so that it is ours alone: the flag belongs to what all that inherited the descriptor share.
      return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    } catch {
      // No /proc, another user's pipe, or nobody who reads it.
    }
  }
  const stream = fd === 1 ? process.stdout : fd === 2 ? process.stderr : undefined;
  // Node sets the flag when it makes its stream (on a terminal it does not). What fails there is told here.
  stream?.on('error', () => undefined);
  return fd;
}

/** Lines that end in it. */
function linesIn(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) lines += 1;
  return lines;
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}
