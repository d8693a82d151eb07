// The S3 double as a child process, and what may be asked of it.
import { resolve } from 'node:path';
import { ServerProcess } from '../../peers/process.ts';
import type { DoubleState } from './s3-double.ts';

const PROGRAM = resolve(import.meta.dirname, 's3-double.ts');

export class DoubleProcess {
  readonly endpoint: string;
  readonly #process: ServerProcess;

  private constructor(process: ServerProcess, endpoint: string) {
    this.#process = process;
    this.endpoint = endpoint;
  }

  static async start(): Promise<DoubleProcess> {
    const child = new ServerProcess([process.execPath, '--disable-warning=ExperimentalWarning', PROGRAM]);
    const { port } = JSON.parse(await child.line((line) => line.startsWith('{'))) as { port: number };
    return new DoubleProcess(child, `http://127.0.0.1:${port}`);
  }

  /** The `storage` of a configuration that stores here. */
  storage(more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    const credentials = { accessKeyId: 'double', secretAccessKey: 'double' };
    return { type: 's3', bucket: 'double', endpoint: this.endpoint, credentials, ...more };
  }

  async state(): Promise<DoubleState> {
    return this.#ask('state');
  }

  /** Whatever brings bytes waits for its answer until `release`. */
  async hold(): Promise<void> {
    await this.#ask('hold');
  }

  async release(): Promise<void> {
    await this.#ask('release');
  }

  /** How late answers are, in milliseconds: of one request, and of a page of a listing. */
  async delayBy(request: number, page: number): Promise<void> {
    await this.#ask(`latency?request=${request}&page=${page}`);
  }

  async stop(): Promise<void> {
    await this.#process.stop();
  }

  async #ask(what: string): Promise<DoubleState> {
    const answer = await fetch(`${this.endpoint}/-/${what}`);
    return (await answer.json()) as DoubleState;
  }
}
