// One SFTP session of a server, whichever way it is reached.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { SSH_FX, SSH_FXP } from '../../src/sftp/protocol.ts';
import { SshReader } from '../../src/wire/reader.ts';
import { SshWriter } from '../../src/wire/writer.ts';
import { packetBytes, type Answer as RawAnswer, type Attributes } from '../sftp/sftp-test-client.ts';
import { answerOf, packetOf, type Answer, type Request } from './request.ts';

/** What a link needs: a request sent at once, its answer when it comes. */
export interface Channel {
  request(type: number, write: (writer: SshWriter) => void): Promise<RawAnswer>;
  /**
   * The client is gone without a word. Resolves when the server has let go of the `openFiles` that the session had open.
   * Without any the session may be kept for the next sequence.
   */
  disconnect(openFiles: number): Promise<void>;
}

/** An answer that does not come is a failure, not a test that hangs. */
const ANSWER_MS = 20_000;

export class Link {
  readonly channel: Channel;
  readonly #handles = new Map<number, Buffer>();

  constructor(channel: Channel) {
    this.channel = channel;
  }

  has(slot: number): boolean {
    return this.#handles.has(slot);
  }

  get openSlots(): number[] {
    return [...this.#handles.keys()].sort((one, other) => one - other);
  }

  /** Sends at once. A handle that is answered is kept in the request's slot; CLOSE empties it whatever is answered. */
  async call(request: Request): Promise<Answer> {
    const answered = request.op === 'list' ? this.#list(request.path) : this.#one(request);
    if (request.op === 'close') this.#handles.delete(request.slot);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(new Error('no answer came'));
      }, ANSWER_MS);
    });
    const answer = await Promise.race([answered, late]).finally(() => {
      clearTimeout(timer);
    });
    if (request.op === 'open' && answer.kind === 'handle') this.#handles.set(request.slot, answer.handle);
    return answer;
  }

  async disconnect(): Promise<void> {
    const { size } = this.#handles;
    this.#handles.clear();
    await this.channel.disconnect(size);
  }

  async #one(request: Exclude<Request, { op: 'list' }>): Promise<Answer> {
    const { type, write } = packetOf(request, (slot) => this.#handles.get(slot) ?? Buffer.alloc(0));
    return answerOf(await this.channel.request(type, write));
  }

  async #list(path: string): Promise<Answer> {
    const opened = answerOf(await this.channel.request(SSH_FXP.OPENDIR, (w) => w.string(path)));
    if (opened.kind !== 'handle') return opened;
    const names = new Map<string, Attributes>();
    for (;;) {
      const page = answerOf(await this.channel.request(SSH_FXP.READDIR, (w) => w.string(opened.handle)));
      if (page.kind === 'status' && page.code === SSH_FX.EOF) break;
      if (page.kind !== 'names') return page;
      for (const [name, attributes] of page.names) names.set(name, attributes);
    }
    const closed = answerOf(await this.channel.request(SSH_FXP.CLOSE, (w) => w.string(opened.handle)));
    return closed.kind === 'status' && closed.code !== SSH_FX.OK ? closed : { kind: 'names', names };
  }
}

/** A program that speaks SFTP on its standard input and output. */
export class PipeChannel implements Channel {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #waiting = new Map<number, (answer: RawAnswer) => void>();
  readonly #started: Promise<void>;
  #begun: () => void = () => undefined;
  #incoming: Buffer = Buffer.alloc(0);
  #id = 0;
  stderr = '';

  private constructor(command: readonly string[], cwd: string) {
    const [file = '', ...words] = command;
    this.#child = spawn(file, words, { cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#ended = once(this.#child, 'close');
    this.#ended.catch(() => undefined);
    this.#started = new Promise((resolve) => {
      this.#begun = resolve;
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#incoming = this.#incoming.length === 0 ? chunk : Buffer.concat([this.#incoming, chunk]);
      this.#readAnswers();
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-4000);
    });
    this.#child.stdin?.on('error', () => undefined);
  }

  static async start(command: readonly string[], cwd: string): Promise<PipeChannel> {
    const channel = new PipeChannel(command, cwd);
    channel.#child.stdin?.write(packetBytes(SSH_FXP.INIT, new SshWriter().uint32(3).finish()));
    const ended = channel.#ended.then(() => {
      throw new Error(`${command[0] ?? ''} ended at once: ${channel.stderr}`);
    });
    await Promise.race([channel.#started, ended]);
    return channel;
  }

  request(type: number, write: (writer: SshWriter) => void): Promise<RawAnswer> {
    this.#id += 1;
    const id = this.#id;
    const writer = new SshWriter().uint32(id);
    write(writer);
    this.#child.stdin?.write(packetBytes(type, writer.finish()));
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  async disconnect(): Promise<void> {
    this.#child.kill('SIGTERM');
    this.#child.stdin?.destroy();
    await this.#ended;
  }

  #readAnswers(): void {
    while (this.#incoming.length >= 4) {
      const end = 4 + this.#incoming.readUInt32BE();
      if (this.#incoming.length < end) return;
      const packet = this.#incoming.subarray(4, end);
      this.#incoming = this.#incoming.subarray(end);
      const reader = new SshReader(packet, 1);
      const id = reader.uint32();
      const type = packet.readUInt8();
      if (type === SSH_FXP.VERSION) {
        this.#begun();
        continue;
      }
      const resolve = this.#waiting.get(id);
      this.#waiting.delete(id);
      resolve?.({ type, id, body: packet.subarray(5) });
    }
  }
}
