// One client of a random sequence: sends what its steps say through the SFTP layer, and holds every answer against the
// model. It may send many requests before it looks at an answer.
import { isDeepStrictEqual } from 'node:util';
import { expectOk, SftpTestClient, StatusError } from '../../sftp/sftp-test-client.ts';
import type { Attributes } from '../../sftp/sftp-test-client.ts';
import { SSH_FX } from '../../../src/sftp/protocol.ts';
import type { UserView } from '../../../src/vfs/user-view.ts';
import { isBelow, parentOf, type FileTree, type Version } from './file-tree.ts';
import { OPEN_FLAGS, OpenReader, OpenWriter, type OpenFile } from './open-file.ts';
import { pathsOf, type Action, type InFlight, type Place, type Step } from './operations.ts';

const { OK, EOF, NO_SUCH_FILE, FAILURE } = SSH_FX;
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const BLOCK_BYTES = 128 * 1024;
const MAX_OPEN_FILES = 4;

export interface World {
  readonly view: UserView;
  readonly tree: FileTree;
  readonly partialUploads: 'store' | 'discard';
  /** `length` bytes that no other call has answered. */
  bytes(length: number): Buffer;
  /**
   * The store keeps no old version for those that have it open: S3. Who reads a file that was replaced or removed, or
   * keeps its bytes, may get an error then, but never other bytes.
   */
  readonly losesOldVersions: boolean;
}

export class Player {
  readonly #world: World;
  readonly #paths: readonly string[];
  #client: SftpTestClient | undefined;
  #open: OpenFile[] = [];
  #pending: Promise<void>[] = [];
  #failure: unknown;

  constructor(world: World, letter: string) {
    this.#world = world;
    this.#paths = pathsOf(letter);
  }

  async run(steps: readonly Step[]): Promise<void> {
    this.#client = await SftpTestClient.connect(this.#world.view);
    try {
      for (const { action, wait } of steps) {
        await this.#play(action);
        if (wait) await this.#drain();
      }
      await this.#drain();
      for (const file of [...this.#open]) await this.#close(file);
      await this.#drain();
      await this.#leave((client) => client.end());
    } finally {
      // Also after a failure nothing is left that a later sequence would be blamed for.
      await this.#session.session.abort('the test is over');
    }
  }

  get #session(): SftpTestClient {
    if (this.#client === undefined) throw new Error('not connected');
    return this.#client;
  }

  get #tree(): FileTree {
    return this.#world.tree;
  }

  async #play(action: Action): Promise<unknown> {
    switch (action.do) {
      case 'disconnect':
        return this.#disconnect(action.closing, action.inFlight);
      case 'open':
        return this.#openFile(this.#path(action.path), action.kind);
      case 'write':
      case 'read':
      case 'read-all':
      case 'close':
      case 'fstat':
      case 'fsync':
      case 'truncate-handle':
      case 'touch-handle': {
        const file = this.#open[action.handle % Math.max(1, this.#open.length)];
        return file === undefined ? undefined : this.#playOnFile(file, action);
      }
      default:
        return this.#playOnPath(this.#path(action.path), action);
    }
  }

  #path(index: number): string {
    return this.#paths[index % this.#paths.length] ?? '/';
  }

  async #openFile(path: string, kind: keyof typeof OPEN_FLAGS): Promise<void> {
    if (this.#open.length >= MAX_OPEN_FILES) return;
    const node = this.#tree.get(path);
    const creates = ['put', 'create', 'exclusive', 'create-edit', 'append'].includes(kind);
    const expected: number[] = [];
    if (node === undefined) {
      expected.push(creates && this.#tree.isDirectory(parentOf(path)) ? OK : NO_SUCH_FILE);
      // Whether the second of two that create it exclusively is refused at once or when it closes is the store's to say.
      if (kind === 'exclusive' && this.#writersAt(path).some(({ exclusive }) => exclusive)) expected.push(FAILURE);
    } else {
      expected.push(node.kind === 'directory' || kind === 'exclusive' ? FAILURE : OK);
    }
    let name: Buffer | undefined;
    const opening = this.#session.open(path, OPEN_FLAGS[kind]).then((handle) => {
      name = handle;
    });
    await this.#check(`open ${path} to ${kind}`, opening, expected);
    if (name === undefined) return;
    const version = node?.kind === 'file' ? node.version : undefined;
    if (kind === 'read' && version !== undefined) this.#open.push(new OpenReader(name, path, version));
    else if (kind !== 'read') this.#open.push(new OpenWriter(name, path, kind, version));
  }

  async #playOnFile(file: OpenFile, action: Extract<Action, { handle: number }>): Promise<void> {
    const { name, path } = file;
    switch (action.do) {
      case 'write':
        this.#write(file, place(action.at, file.size), this.#world.bytes(action.bytes));
        return;
      case 'read':
        this.#read(file, place(action.at, file.size), action.bytes);
        return;
      case 'read-all':
        this.#readAll(file);
        return;
      case 'close':
        return this.#close(file);
      case 'fstat': {
        const expected = { size: file.size, mtime: file.kind === 'read' ? file.version.mtime : file.mtime };
        const answer = this.#session.fstat(name).then((attributes) => {
          expectAttributes(attributes, expected);
        });
        this.#send(`fstat of ${path}`, answer, [OK], file);
        return;
      }
      case 'fsync': {
        const answer = this.#session.extended('fsync@openssh.com', (w) => w.string(name)).then(expectOk);
        this.#send(`fsync of ${path}`, answer, [file.kind === 'read' ? FAILURE : OK], file);
        return;
      }
      case 'truncate-handle': {
        const answer = this.#session.fsetstat(name, { size: action.size });
        // A file that is only read is set by its path.
        const expected = file.kind === 'read' ? this.#tree.truncate(path, action.size) : OK;
        if (file.kind === 'write') file.truncate(action.size);
        this.#send(`fsetstat of ${path}, size ${action.size}`, answer, [expected], file);
        return;
      }
      case 'touch-handle': {
        const answer = this.#session.fsetstat(name, { mtime: action.mtime });
        const expected = file.kind === 'read' ? this.#tree.touch(path, action.mtime) : OK;
        if (file.kind === 'write') file.touch(action.mtime);
        this.#send(`fsetstat of ${path}, mtime`, answer, [expected], file);
        return;
      }
    }
  }

  async #playOnPath(path: string, action: Extract<Action, { path: number }>): Promise<unknown> {
    switch (action.do) {
      case 'stat':
        this.#stat(path);
        return;
      case 'list':
        return this.#list(path);
      case 'read-file': {
        const version = this.#tree.version(path);
        const expected = version !== undefined ? OK : this.#tree.isDirectory(path) ? FAILURE : NO_SUCH_FILE;
        const answer = this.#session.get(path).then((bytes) => {
          expectBytes(bytes, version?.bytes ?? Buffer.alloc(0));
        });
        // Several requests, as above.
        return this.#check(`get ${path}`, answer, [expected]);
      }
      case 'mkdir':
        if (this.#writersAt(path).length > 0) return;
        this.#send(`mkdir ${path}`, this.#session.mkdir(path), [this.#tree.mkdir(path)]);
        return;
      case 'rmdir':
        if (this.#writersBelow(path)) return;
        this.#send(`rmdir ${path}`, this.#session.rmdir(path), [this.#tree.rmdir(path)]);
        return;
      case 'remove':
        this.#send(`remove ${path}`, this.#session.remove(path), [this.#tree.remove(path)]);
        return;
      case 'truncate':
        this.#setstat(path, { size: action.size });
        return;
      case 'touch':
        this.#setstat(path, { mtime: action.mtime });
        return;
      case 'rename':
        this.#rename(path, this.#path(action.target), action.overwrite);
        return;
      case 'open':
        return;
    }
  }

  #rename(from: string, to: string, overwrite: boolean): void {
    // What becomes of a file that is written while its directory moves differs between the stores, as documented.
    if (this.#writersBelow(from) || (this.#tree.isDirectory(from) && this.#writersAt(to).length > 0)) return;
    const failures = this.#tree.renameFailures(from, to, overwrite);
    const answer = overwrite ? this.#session.posixRename(from, to) : this.#session.rename(from, to);
    if (failures.length === 0) this.#tree.rename(from, to);
    this.#send(
      `rename ${from} to ${to}${overwrite ? ', overwriting' : ''}`,
      answer,
      failures.length === 0 ? [OK] : failures,
    );
  }

  #stat(path: string): void {
    const node = this.#tree.get(path);
    const writer = this.#writersAt(path).at(-1);
    const expected =
      writer !== undefined
        ? { size: writer.size, mtime: writer.mtime }
        : node?.kind === 'file'
          ? { size: node.version.bytes.length, mtime: node.version.mtime }
          : node?.kind;
    const answer = this.#session.stat(path).then((attributes) => {
      expectAttributes(attributes, expected);
    });
    this.#send(`stat of ${path}`, answer, [expected === undefined ? NO_SUCH_FILE : OK], writer);
  }

  /** SETSTAT by path is of the file that the session is writing there, where it is, as STAT is. */
  #setstat(path: string, attributes: { readonly size: number } | { readonly mtime: number }): void {
    const writer = this.#writersAt(path).at(-1);
    const answer = this.#session.setstat(path, attributes);
    let expected: number = OK;
    if ('size' in attributes) {
      if (writer === undefined) expected = this.#tree.truncate(path, attributes.size);
      else writer.truncate(attributes.size);
    } else if (writer === undefined) expected = this.#tree.touch(path, attributes.mtime);
    else writer.touch(attributes.mtime);
    this.#send(`setstat of ${path}, ${JSON.stringify(attributes)}`, answer, [expected], writer);
  }

  /** Several requests, between which nothing else of this client may come. */
  #list(path: string): Promise<unknown> {
    const expected = this.#tree.isDirectory(path)
      ? this.#tree.names(path).map((name): [string, number | 'directory'] => {
          const version = this.#tree.version(`${path}/${name}`);
          return [name, version === undefined ? 'directory' : version.bytes.length];
        })
      : undefined;
    const answer = this.#session.list(path).then((names) => {
      const entries = names
        .filter(({ name }) => name !== '.' && name !== '..')
        .map(({ name, attributes }): [string, number | 'directory'] => [name, kindOf(attributes)]);
      expectSame(sorted(entries), sorted(expected ?? []));
    });
    return this.#check(`list ${path}`, answer, [expected === undefined ? NO_SUCH_FILE : OK]);
  }

  #write(file: OpenFile, offset: number, data: Buffer): void {
    const answers: Promise<void>[] = [];
    for (let done = 0; done < data.length; done += BLOCK_BYTES) {
      answers.push(this.#session.write(file.name, offset + done, data.subarray(done, done + BLOCK_BYTES)));
    }
    if (file.kind === 'write') file.write(offset, data);
    const answer = Promise.all(answers).then(() => undefined);
    const expected = file.kind === 'read' ? FAILURE : OK;
    this.#send(`write ${data.length} bytes at ${offset} of ${file.path}`, answer, [expected], file);
  }

  #read(file: OpenFile, offset: number, bytes: number): void {
    const length = Math.min(bytes, BLOCK_BYTES);
    const expected = Buffer.from(file.bytes.subarray(offset, offset + length));
    const answer = this.#session.read(file.name, offset, length).then((data) => {
      if (data === undefined) throw new StatusError(EOF, 'end of file');
      expectBytes(data, expected);
    });
    const code = file.readable ? (expected.length > 0 ? OK : EOF) : FAILURE;
    this.#send(`read ${length} bytes at ${offset} of ${file.path}`, answer, [code], file);
  }

  #readAll(file: OpenFile): void {
    for (let offset = 0; offset <= file.size; offset += BLOCK_BYTES) this.#read(file, offset, BLOCK_BYTES);
  }

  async #close(file: OpenFile): Promise<void> {
    if (this.#failsPerhaps(file)) await this.#drain();
    this.#open = this.#open.filter((other) => other !== file);
    const answer = this.#session.close(file.name);
    const what = `close ${file.path}`;
    if (file.kind === 'read') {
      this.#send(what, answer, [OK]);
      return;
    }
    const taken = file.exclusive && this.#tree.get(file.path) !== undefined;
    if (!this.#failsPerhaps(file)) {
      if (!taken) this.#commit(file);
      this.#send(what, answer, [taken ? FAILURE : OK]);
      return;
    }
    const code = await this.#check(what, answer, file.failed ? [FAILURE, NO_SUCH_FILE] : [OK, FAILURE, NO_SUCH_FILE]);
    if (code === OK && !taken) this.#commit(file);
  }

  /** What a successful CLOSE does. */
  #commit(file: OpenWriter): void {
    const { path } = file;
    if (!file.keepsFile) {
      this.#tree.put(path, file.closed());
      return;
    }
    const now = this.#tree.version(path);
    if (file.mtime === undefined || now === undefined) return;
    // A file that was replaced meanwhile: whose time is set is not said.
    this.#tree.put(path, { bytes: now.bytes, mtime: file.isStale(this.#tree) ? undefined : file.mtime });
  }

  /** The answer to some requests may never come, and what was received becomes the file, or not. */
  async #disconnect(closing: boolean, { writes, bytes }: InFlight): Promise<void> {
    await this.#drain();
    const writers = this.#open.filter((file) => file.kind === 'write');
    const [first] = writers;
    if (closing && first !== undefined && !this.#failsPerhaps(first) && this.#writersAt(first.path).length === 1) {
      // A CLOSE that has come is carried out.
      writers.shift();
      void this.#session.close(first.name);
      if (!first.exclusive || this.#tree.get(first.path) === undefined) this.#commit(first);
    }
    const [busy] = writers;
    const acknowledged = busy?.interrupted().bytes.length ?? 0;
    const inFlight = busy !== undefined && busy.size === acknowledged ? writes : 0;
    for (let i = 0; i < inFlight && busy !== undefined; i += 1) {
      const data = this.#world.bytes(bytes);
      void this.#session.write(busy.name, busy.size, data);
      busy.write(busy.size, data);
    }
    this.#open = [];
    await this.#leave((client) => client.session.abort('the test has cut the connection'));
    this.#client = await SftpTestClient.connect(this.#world.view);
    for (const [path, here] of Map.groupBy(writers, (writer) => writer.path)) {
      await this.#adopt(path, here, inFlight > 0 && here[0] === busy ? acknowledged : undefined);
    }
  }

  /**
   * After a disconnect the file is one of those that it may be. With `acknowledged` the first writer had more bytes on
   * their way than these: what of the others has come is not known.
   */
  async #adopt(path: string, writers: readonly OpenWriter[], acknowledged: number | undefined): Promise<void> {
    const before = this.#tree.version(path);
    const stored = writers.filter(
      (file) =>
        this.#world.partialUploads === 'store' &&
        file.changed &&
        !file.failed &&
        !(file.exclusive && before !== undefined),
    );
    const unsure = (file: OpenWriter): boolean =>
      this.#failsPerhaps(file) || (acknowledged === 0 && file === writers[0]);
    const sure = stored.some((file) => !unsure(file));
    const candidates: Version[] = stored.map((file) => file.interrupted());
    if (!sure && before !== undefined) candidates.push(before);

    const found = await this.#session.get(path).catch((error: unknown) => {
      if (error instanceof StatusError && error.code === NO_SUCH_FILE) return undefined;
      throw error;
    });
    const what = `after the disconnect ${path} has ${found?.length ?? 'no'} bytes`;
    if (found === undefined) {
      if (sure || before !== undefined) throw new Error(`${what}, not ${sizes(candidates)}`);
      return;
    }
    const [first] = stored;
    const partly =
      acknowledged !== undefined &&
      first !== undefined &&
      first === writers[0] &&
      found.length >= acknowledged &&
      first.interrupted().bytes.subarray(0, found.length).equals(found);
    const match = candidates.find(({ bytes }) => bytes.equals(found)) ?? (partly ? first.interrupted() : undefined);
    if (match === undefined) throw new Error(`${what} that are none of ${sizes(candidates)}`);
    if (match === before) return;
    this.#tree.put(path, { bytes: found, mtime: candidates.length === 1 ? match.mtime : undefined });
  }

  async #leave(end: (client: SftpTestClient) => Promise<void>): Promise<void> {
    const client = this.#session;
    await end(client);
    if (client.session.openHandles > 0) throw new Error(`${client.session.openHandles} handles are left open`);
    const inOrder = client.answerOrder.every((id, index) => index === 0 || id > (client.answerOrder[index - 1] ?? 0));
    if (!inOrder) throw new Error('answers came in another order than their requests');
  }

  #writersAt(path: string): OpenWriter[] {
    return this.#open.filter((file) => file.kind === 'write' && file.path === path) as OpenWriter[];
  }

  #writersBelow(path: string): boolean {
    return this.#open.some((file) => file.kind === 'write' && isBelow(file.path, path));
  }

  #failsPerhaps(file: OpenFile): boolean {
    if (file.kind === 'write' && file.failed) return true;
    return this.#world.losesOldVersions && file.isStale(this.#tree);
  }

  /** Sends on: the answer is looked at when it comes. `file` is the open file that the request is for. */
  #send(what: string, answer: Promise<void>, expected: readonly number[], file?: OpenFile): void {
    const checked = this.#check(what, answer, expected, file).then(
      () => undefined,
      (error: unknown) => {
        this.#failure ??= error;
      },
    );
    this.#pending.push(checked);
  }

  async #drain(): Promise<void> {
    await Promise.all(this.#pending);
    this.#pending = [];
    if (this.#failure !== undefined) throw this.#failure as Error;
  }

  async #check(what: string, answer: Promise<void>, expected: readonly number[], file?: OpenFile): Promise<number> {
    const hadFailed = file?.kind === 'write' && file.failed;
    let code: number = OK;
    try {
      await answer;
    } catch (error) {
      if (!(error instanceof StatusError)) throw new Error(`${what}: ${String(error)}`, { cause: error });
      code = error.code;
      if (file !== undefined && this.#failsPerhaps(file) && (code === FAILURE || code === NO_SUCH_FILE)) {
        if (file.kind === 'write') file.failed = true;
        return code;
      }
    }
    if (hadFailed) throw new Error(`${what}: answered ${code} although the file had failed`);
    if (!expected.includes(code)) throw new Error(`${what}: answered ${code} instead of ${expected.join(' or ')}`);
    return code;
  }
}

function place(at: Place, size: number): number {
  return at.from === 'end' ? Math.max(0, size - at.back) : at.offset;
}

function kindOf({ mode = 0, size = 0 }: Attributes): number | 'directory' {
  return (mode & S_IFMT) === S_IFDIR ? 'directory' : size;
}

function expectAttributes(
  attributes: Attributes,
  expected: { readonly size: number; readonly mtime: number | undefined } | 'directory' | undefined,
): void {
  const { mode = 0, size, mtime } = attributes;
  if (expected === undefined || expected === 'directory') {
    expectSame(mode & S_IFMT, S_IFDIR);
    return;
  }
  expectSame({ type: mode & S_IFMT, size }, { type: S_IFREG, size: expected.size });
  if (expected.mtime !== undefined) expectSame({ mtime }, { mtime: expected.mtime });
}

/** Without jest, whose matchers take a hundred times as long. */
function expectSame(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) {
    throw new Error(`${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);
  }
}

export function expectBytes(actual: Buffer, expected: Buffer): void {
  if (actual.equals(expected)) return;
  let first = 0;
  while (first < actual.length && actual[first] === expected[first]) first += 1;
  throw new Error(`${actual.length} bytes that differ from the expected ${expected.length} from ${first} on`);
}

function sorted(entries: readonly [string, number | 'directory'][]): readonly [string, number | 'directory'][] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
}

function sizes(versions: readonly Version[]): string {
  return versions.map(({ bytes }) => bytes.length).join(' or ') || 'nothing';
}
