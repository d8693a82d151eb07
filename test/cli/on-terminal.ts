// Runs a program with a terminal of its own, by util-linux's `script`, and types into it.
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { until } from '../transport/transport-pair.ts';

/** Whether programs can be given a terminal here. */
export const hasTerminals = /util-linux/.test(spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout);

const DEADLINE_MS = 30_000;

export class OnTerminal {
  /** What is on the screen, of both outputs. */
  screen = '';
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<unknown>;

  constructor(command: readonly string[], cwd: string) {
    const words = command.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ');
    this.#child = spawn('script', ['--quiet', '--return', '--flush', '--command', `exec ${words}`, '/dev/null'], {
      cwd,
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => (this.screen += text));
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.screen += text));
    this.#child.stdin.on('error', () => undefined);
    this.#ended = once(this.#child, 'close');
  }

  /** Of the program. */
  get pid(): number {
    const script = this.#child.pid ?? 0;
    return Number(readFileSync(`/proc/${script}/task/${script}/children`, 'utf8').trim().split(' ')[0]);
  }

  /** Waits until the screen shows `text` after what it showed when `from` was its length. Returns where it ends. */
  async shows(text: string, from = 0): Promise<number> {
    await until(() => this.screen.includes(text, from), `the terminal shows ${JSON.stringify(text)}`, DEADLINE_MS);
    return this.screen.indexOf(text, from) + text.length;
  }

  type(text: string): void {
    this.#child.stdin.write(text);
  }

  /** The exit status. */
  async end(): Promise<number | null> {
    await this.#ended;
    return this.#child.exitCode;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
