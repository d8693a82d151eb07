// Runs programs to their end, and servers until they are told to stop. Each gets a process group of its own, so that
// whatever it starts ends with it, and no terminal, so that nothing can ask a question and wait.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface RunOptions {
  readonly input?: string;
  readonly cwd?: string;
  /** Replaces variables of this process's environment; `undefined` removes one. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** After so many milliseconds the program and its children are killed. Default: 60 s. */
  readonly timeoutMs?: number;
}

export interface Finished {
  /** The exit status; `null` where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
  readonly milliseconds: number;
}

/** A program that talks without end must not fill the memory of the test. */
const MAX_OUTPUT_CHARACTERS = 4 * 1024 * 1024;

/** Runs a program to its end. Rejects only where it cannot be started. */
export async function runProgram(command: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const begun = performance.now();
  const child = spawnGroup(command, options, options.input === undefined ? 'ignore' : 'pipe');
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    if (stdout.length < MAX_OUTPUT_CHARACTERS) stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    if (stderr.length < MAX_OUTPUT_CHARACTERS) stderr += text;
  });
  // A program that ends before it has read everything: its exit status tells, not the broken pipe.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(options.input);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup(child.pid, 'SIGKILL');
  }, options.timeoutMs ?? 60_000);
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    return { code, signal, timedOut, stdout, stderr, milliseconds: performance.now() - begun };
  } finally {
    clearTimeout(timer);
  }
}

/** As `runProgram`, and throws with the program's output unless it ends with status 0. */
export async function mustRun(command: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const finished = await runProgram(command, options);
  if (finished.code !== 0) {
    throw new Error(`${command.join(' ')}: ${describeEnd(finished)}\n${finished.stdout}\n${finished.stderr}`);
  }
  return finished;
}

export function describeEnd({ code, signal, timedOut }: Pick<Finished, 'code' | 'signal' | 'timedOut'>): string {
  if (timedOut) return 'timed out';
  return signal === null ? `exit status ${String(code)}` : `ended by ${signal}`;
}

/** A program that serves until it is stopped. */
export class ServerProcess {
  readonly pid: number;
  /** Complete lines of its standard output. */
  readonly lines: string[] = [];
  /** The last of its standard error. */
  stderr = '';
  readonly #ended: Promise<void>;
  readonly #waiting = new Set<() => void>();
  #end: string | null = null;

  constructor(command: readonly string[], options: RunOptions = {}) {
    const child = spawnGroup(command, options, 'ignore');
    if (child.pid === undefined) throw new Error(`${command.join(' ')} cannot be started`);
    this.pid = child.pid;
    let rest = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      this.lines.push(...lines);
      this.#wake();
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-64 * 1024);
      this.#wake();
    });
    this.#ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#end = describeEnd({ code, signal, timedOut: false });
        this.#wake();
        resolve();
      });
    });
  }

  get running(): boolean {
    return this.#end === null;
  }

  /** How it ended, or `null` while it runs. */
  get end(): string | null {
    return this.#end;
  }

  /**
   * The first line of standard output, from line `from` on, that `matches`, waiting for it.
   * Throws where the process ends or the deadline passes before.
   */
  async line(matches: (line: string) => boolean, { from = 0, timeoutMs = 20_000 } = {}): Promise<string> {
    const deadline = performance.now() + timeoutMs;
    let next = from;
    for (;;) {
      for (; next < this.lines.length; next += 1) {
        const line = this.lines[next];
        if (line !== undefined && matches(line)) return line;
      }
      if (this.#end !== null) throw new Error(`the server ended (${this.#end})\n${this.#tail()}`);
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`the awaited line did not come in ${timeoutMs} ms\n${this.#tail()}`);
      await this.#change(left);
    }
  }

  /** Waits until standard error holds the text. Throws as `line` does. */
  async said(text: string, timeoutMs = 20_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!this.stderr.includes(text)) {
      if (this.#end !== null) throw new Error(`the program ended (${this.#end})\n${this.#tail()}`);
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`"${text}" was not said in ${timeoutMs} ms\n${this.#tail()}`);
      await this.#change(left);
    }
  }

  /** Waits until a TCP connection to the port is accepted. */
  async listening(port: number, timeoutMs = 20_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!(await accepts(port))) {
      if (this.#end !== null) throw new Error(`the server ended (${this.#end})\n${this.#tail()}`);
      if (performance.now() > deadline) throw new Error(`nothing listens on port ${port}\n${this.#tail()}`);
      await delay(20);
    }
  }

  /** Sends the signal to the process and, after `killAfterMs`, SIGKILL to its whole group. Answers how it ended. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', killAfterMs = 10_000): Promise<string> {
    if (this.#end === null) {
      process.kill(this.pid, signal);
      const timer = setTimeout(() => {
        killGroup(this.pid, 'SIGKILL');
      }, killAfterMs);
      await this.#ended;
      clearTimeout(timer);
    }
    killGroup(this.pid, 'SIGKILL'); // children that outlived it
    return this.#end ?? '';
  }

  async #change(timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.#waiting.add(done);
    });
  }

  #wake(): void {
    for (const done of [...this.#waiting]) done();
  }

  #tail(): string {
    return `${this.lines.slice(-15).join('\n')}\n${this.stderr.slice(-2000)}`;
  }
}

/** A TCP port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('not a TCP address');
  return address.port;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Process groups that were started here and have not ended. */
const groups = new Set<number>();
process.once('exit', () => {
  for (const pid of groups) killGroup(pid, 'SIGKILL');
});

/** For programs of their own (not under jest): a signal ends this process and all that it started. */
export function endGroupsOnSignals(cleanUp: () => void = () => undefined): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      for (const pid of groups) killGroup(pid, 'SIGKILL');
      cleanUp();
      process.exit(1);
    });
  }
}

function spawnGroup(command: readonly string[], options: RunOptions, stdin: 'ignore' | 'pipe') {
  const [program, ...programArguments] = command;
  if (program === undefined) throw new Error('an empty command');
  const child = spawn(program, programArguments, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: [stdin, 'pipe', 'pipe'],
    detached: true,
  });
  const { pid } = child;
  if (pid !== undefined) {
    groups.add(pid);
    child.once('exit', () => {
      groups.delete(pid);
    });
  }
  return child;
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // already gone
  }
}
