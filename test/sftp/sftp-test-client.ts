// A small SFTP v3 client for the tests, in the same process as the session: it may send many requests before it looks
// at an answer, and it sees every byte, in its order.
import { SftpSession, type SftpSessionOptions } from '../../src/sftp/session.ts';
import { SSH_FILEXFER_ATTR, SSH_FX, SSH_FXP } from '../../src/sftp/protocol.ts';
import type { UserView } from '../../src/vfs/user-view.ts';
import { SshReader } from '../../src/wire/reader.ts';
import { SshWriter } from '../../src/wire/writer.ts';

/** A STATUS that is not OK. */
export class StatusError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(`status ${code}: ${message}`);
    this.code = code;
  }
}

export interface Answer {
  readonly type: number;
  readonly id: number;
  /** What follows the id. */
  readonly body: Buffer;
}

export interface Attributes {
  size?: number;
  uid?: number;
  gid?: number;
  mode?: number;
  atime?: number;
  mtime?: number;
}

export interface Name {
  readonly name: string;
  readonly longName: string;
  readonly attributes: Attributes;
}

export function attributesBytes(attributes: Attributes = {}): Buffer {
  const { size, uid, gid, mode, atime, mtime } = attributes;
  const writer = new SshWriter();
  writer.uint32(
    (size === undefined ? 0 : SSH_FILEXFER_ATTR.SIZE) |
      (uid === undefined ? 0 : SSH_FILEXFER_ATTR.UIDGID) |
      (mode === undefined ? 0 : SSH_FILEXFER_ATTR.PERMISSIONS) |
      (mtime === undefined ? 0 : SSH_FILEXFER_ATTR.ACMODTIME),
  );
  if (size !== undefined) writer.uint64(size);
  if (uid !== undefined) writer.uint32(uid).uint32(gid ?? uid);
  if (mode !== undefined) writer.uint32(mode);
  if (mtime !== undefined) writer.uint32(atime ?? mtime).uint32(mtime);
  return writer.finish();
}

export function readAttributesOf(reader: SshReader): Attributes {
  const flags = reader.uint32();
  const attributes: Attributes = {};
  if ((flags & SSH_FILEXFER_ATTR.SIZE) !== 0) attributes.size = reader.uint64AsNumber();
  if ((flags & SSH_FILEXFER_ATTR.UIDGID) !== 0) {
    attributes.uid = reader.uint32();
    attributes.gid = reader.uint32();
  }
  if ((flags & SSH_FILEXFER_ATTR.PERMISSIONS) !== 0) attributes.mode = reader.uint32();
  if ((flags & SSH_FILEXFER_ATTR.ACMODTIME) !== 0) {
    attributes.atime = reader.uint32();
    attributes.mtime = reader.uint32();
  }
  return attributes;
}

/** A whole packet: length, type, and the body (which begins with the id, but for INIT). */
export function packetBytes(type: number, body: Buffer): Buffer {
  return new SshWriter(5 + body.length)
    .uint32(1 + body.length)
    .byte(type)
    .bytes(body)
    .finish();
}

export class SftpTestClient {
  readonly session: SftpSession;
  /** Ids in the order in which their answers came. */
  readonly answerOrder: number[] = [];
  /** Bytes handed to the session, and those that it has given back. */
  sentBytes = 0;
  consumedBytes = 0;
  /** What `write` answers: set to false to play a stream that is full. */
  writable = true;
  exitStatus: number | undefined;
  readonly extensions = new Map<string, string>();
  version: number | undefined;
  /** Every packet sent, for replay. */
  readonly recorded: Buffer[] = [];
  #nextId = 1;
  #incoming: Buffer = Buffer.alloc(0);
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #versionWaiting: (() => void) | undefined;
  #closeWaiting: (() => void)[] = [];

  constructor(view: UserView, options: SftpSessionOptions = {}) {
    this.session = new SftpSession(
      {
        write: (chunks) => {
          this.#incoming = Buffer.concat([this.#incoming, ...chunks]);
          this.#readAnswers();
          return this.writable;
        },
        consumed: (bytes) => {
          this.consumedBytes += bytes;
        },
        close: (exitStatus) => {
          this.exitStatus = exitStatus;
          for (const resolve of this.#closeWaiting) resolve();
        },
      },
      view,
      options,
    );
  }

  static async connect(view: UserView, options: SftpSessionOptions = {}): Promise<SftpTestClient> {
    const client = new SftpTestClient(view, options);
    await client.init();
    return client;
  }

  init(version = 3): Promise<void> {
    const answered = new Promise<void>((resolve) => {
      this.#versionWaiting = resolve;
    });
    this.send(packetBytes(SSH_FXP.INIT, new SshWriter().uint32(version).finish()));
    return answered;
  }

  send(bytes: Buffer): void {
    this.sentBytes += bytes.length;
    this.recorded.push(bytes);
    this.session.receive(Buffer.from(bytes));
  }

  /** Resolves when the session has closed the stream. */
  closed(): Promise<void> {
    if (this.exitStatus !== undefined) return Promise.resolve();
    return new Promise((resolve) => this.#closeWaiting.push(resolve));
  }

  async end(): Promise<void> {
    this.session.end();
    await this.closed();
  }

  /** Sends at once; the answer comes when it comes. */
  request(type: number, write: (writer: SshWriter) => void): Promise<Answer> {
    const id = this.#nextId++;
    const writer = new SshWriter().uint32(id);
    write(writer);
    const answer = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    this.send(packetBytes(type, writer.finish()));
    return answer;
  }

  extended(name: string, write: (writer: SshWriter) => void): Promise<Answer> {
    return this.request(SSH_FXP.EXTENDED, (writer) => {
      writer.string(name);
      write(writer);
    });
  }

  async open(path: string, flags: number, attributes: Attributes = {}): Promise<Buffer> {
    return handleOf(
      await this.request(SSH_FXP.OPEN, (w) => w.string(path).uint32(flags).bytes(attributesBytes(attributes))),
    );
  }

  async close(handle: Buffer): Promise<void> {
    expectOk(await this.request(SSH_FXP.CLOSE, (w) => w.string(handle)));
  }

  /** The bytes, or undefined at the end of the file. */
  async read(handle: Buffer, offset: number, length: number): Promise<Buffer | undefined> {
    const answer = await this.request(SSH_FXP.READ, (w) => w.string(handle).uint64(offset).uint32(length));
    if (answer.type === SSH_FXP.STATUS && statusOf(answer).code === SSH_FX.EOF) return undefined;
    if (answer.type !== SSH_FXP.DATA) throw unexpected(answer);
    return new SshReader(answer.body).string();
  }

  async write(handle: Buffer, offset: number, data: Uint8Array | string): Promise<void> {
    expectOk(await this.request(SSH_FXP.WRITE, (w) => w.string(handle).uint64(offset).string(data)));
  }

  async stat(path: string, type: number = SSH_FXP.STAT): Promise<Attributes> {
    return attributesOf(await this.request(type, (w) => w.string(path)));
  }

  lstat(path: string): Promise<Attributes> {
    return this.stat(path, SSH_FXP.LSTAT);
  }

  async fstat(handle: Buffer): Promise<Attributes> {
    return attributesOf(await this.request(SSH_FXP.FSTAT, (w) => w.string(handle)));
  }

  async setstat(path: string, attributes: Attributes): Promise<void> {
    expectOk(await this.request(SSH_FXP.SETSTAT, (w) => w.string(path).bytes(attributesBytes(attributes))));
  }

  async fsetstat(handle: Buffer, attributes: Attributes): Promise<void> {
    expectOk(await this.request(SSH_FXP.FSETSTAT, (w) => w.string(handle).bytes(attributesBytes(attributes))));
  }

  async opendir(path: string): Promise<Buffer> {
    return handleOf(await this.request(SSH_FXP.OPENDIR, (w) => w.string(path)));
  }

  /** The next names, or undefined after the last. */
  async readdir(handle: Buffer): Promise<Name[] | undefined> {
    const answer = await this.request(SSH_FXP.READDIR, (w) => w.string(handle));
    if (answer.type === SSH_FXP.STATUS && statusOf(answer).code === SSH_FX.EOF) return undefined;
    return namesOf(answer);
  }

  async list(path: string): Promise<Name[]> {
    const handle = await this.opendir(path);
    const names: Name[] = [];
    for (;;) {
      const page = await this.readdir(handle);
      if (page === undefined) break;
      names.push(...page);
    }
    await this.close(handle);
    return names;
  }

  async path(type: number, path: string): Promise<string> {
    const [name] = namesOf(await this.request(type, (w) => w.string(path)));
    if (name === undefined) throw new Error('a NAME without a name');
    return name.name;
  }

  realpath(path: string): Promise<string> {
    return this.path(SSH_FXP.REALPATH, path);
  }

  async one(type: number, ...paths: string[]): Promise<void> {
    expectOk(
      await this.request(type, (w) => {
        for (const path of paths) w.string(path);
      }),
    );
  }

  remove(path: string): Promise<void> {
    return this.one(SSH_FXP.REMOVE, path);
  }

  rename(from: string, to: string): Promise<void> {
    return this.one(SSH_FXP.RENAME, from, to);
  }

  async posixRename(from: string, to: string): Promise<void> {
    expectOk(await this.extended('posix-rename@openssh.com', (w) => w.string(from).string(to)));
  }

  async mkdir(path: string, attributes: Attributes = {}): Promise<void> {
    expectOk(await this.request(SSH_FXP.MKDIR, (w) => w.string(path).bytes(attributesBytes(attributes))));
  }

  rmdir(path: string): Promise<void> {
    return this.one(SSH_FXP.RMDIR, path);
  }

  /** A whole file up, in blocks that are all sent before the first answer is looked at. */
  async put(path: string, data: Buffer, blockBytes = 32 * 1024): Promise<void> {
    const handle = await this.open(path, 0x02 | 0x08 | 0x10);
    const writes: Promise<void>[] = [];
    for (let offset = 0; offset < data.length; offset += blockBytes) {
      writes.push(this.write(handle, offset, data.subarray(offset, offset + blockBytes)));
    }
    await Promise.all(writes);
    await this.close(handle);
  }

  async get(path: string, blockBytes = 32 * 1024): Promise<Buffer> {
    const handle = await this.open(path, 0x01);
    const { size = 0 } = await this.fstat(handle);
    const reads: Promise<Buffer | undefined>[] = [];
    for (let offset = 0; offset < size; offset += blockBytes) {
      reads.push(this.read(handle, offset, Math.min(blockBytes, size - offset)));
    }
    const pieces = await Promise.all(reads);
    await this.close(handle);
    return Buffer.concat(pieces.map((piece) => piece ?? Buffer.alloc(0)));
  }

  #readAnswers(): void {
    while (this.#incoming.length >= 4) {
      const end = 4 + this.#incoming.readUInt32BE();
      if (this.#incoming.length < end) return;
      const packet = this.#incoming.subarray(4, end);
      this.#incoming = this.#incoming.subarray(end);
      if (packet[0] === SSH_FXP.VERSION) {
        this.#readVersion(new SshReader(packet, 1));
        continue;
      }
      const id = packet.readUInt32BE(1);
      this.answerOrder.push(id);
      const resolve = this.#waiting.get(id);
      this.#waiting.delete(id);
      resolve?.({ type: packet.readUInt8(), id, body: packet.subarray(5) });
    }
  }

  #readVersion(reader: SshReader): void {
    this.version = reader.uint32();
    while (reader.remaining > 0) this.extensions.set(reader.utf8(), reader.utf8());
    this.#versionWaiting?.();
  }
}

export function statusOf(answer: Answer): { code: number; message: string } {
  const reader = new SshReader(answer.body);
  return { code: reader.uint32(), message: reader.utf8() };
}

export function unexpected(answer: Answer): Error {
  if (answer.type !== SSH_FXP.STATUS) return new Error(`unexpected answer of type ${answer.type}`);
  const { code, message } = statusOf(answer);
  return new StatusError(code, message);
}

export function expectOk(answer: Answer): void {
  if (answer.type !== SSH_FXP.STATUS || statusOf(answer).code !== SSH_FX.OK) throw unexpected(answer);
}

export function handleOf(answer: Answer): Buffer {
  if (answer.type !== SSH_FXP.HANDLE) throw unexpected(answer);
  return new SshReader(answer.body).string();
}

export function attributesOf(answer: Answer): Attributes {
  if (answer.type !== SSH_FXP.ATTRS) throw unexpected(answer);
  return readAttributesOf(new SshReader(answer.body));
}

export function namesOf(answer: Answer): Name[] {
  if (answer.type !== SSH_FXP.NAME) throw unexpected(answer);
  const reader = new SshReader(answer.body);
  return Array.from({ length: reader.uint32() }, () => ({
    name: reader.utf8(),
    longName: reader.utf8(),
    attributes: readAttributesOf(reader),
  }));
}
