// SFTP requests one by one over a real SSH connection, as a test of what a certain client sends needs them.
import { expect } from '@jest/globals';
import { SSH_FX, SSH_FXP } from '../../src/sftp/protocol.ts';
import { SshReader } from '../../src/wire/reader.ts';
import { login, SftpChannel, type SftpAnswer } from '../client/sftp-channel.ts';
import { attributesBytes, readAttributesOf, type Attributes } from '../sftp/sftp-test-client.ts';
import { PASSWORD } from './test-server.ts';

export const S_IFMT = 0o170000;

/** Answers are statuses where the request has no other answer: it is for the test to say which it expects. */
export class RawRequests {
  readonly channel: SftpChannel;

  private constructor(channel: SftpChannel) {
    this.channel = channel;
  }

  static async connect(port: number): Promise<RawRequests> {
    return new RawRequests(await SftpChannel.open(await login(port, 'demo', PASSWORD)));
  }

  /** Leaves without closing anything. */
  end(): void {
    this.channel.client.end();
  }

  async onPath(type: number, path: string): Promise<SftpAnswer> {
    return this.channel.request(type, (w) => w.string(path));
  }

  async statusOn(type: number, path: string): Promise<number> {
    return statusOf(await this.onPath(type, path));
  }

  async attributes(path: string, type: number = SSH_FXP.LSTAT): Promise<Attributes> {
    return attributesOf(await this.onPath(type, path));
  }

  async fstat(handle: Buffer): Promise<Attributes> {
    return attributesOf(await this.channel.request(SSH_FXP.FSTAT, (w) => w.string(handle)));
  }

  async realpath(path: string): Promise<string> {
    const answer = await this.onPath(SSH_FXP.REALPATH, path);
    expect(answer.type).toBe(SSH_FXP.NAME);
    const reader = new SshReader(answer.body);
    expect(reader.uint32()).toBe(1);
    return reader.utf8();
  }

  async open(path: string, flags: number, given: Attributes): Promise<Buffer> {
    const answer = await this.channel.request(SSH_FXP.OPEN, (w) =>
      w.string(path).uint32(flags).bytes(attributesBytes(given)),
    );
    expect(answer.type).toBe(SSH_FXP.HANDLE);
    return Buffer.from(new SshReader(answer.body).string());
  }

  /** `bytes` from offset `from` of the file on, `queue` requests on their way at a time. */
  async write(handle: Buffer, bytes: Buffer, { from = 0, block = 32_768, queue = 4 } = {}): Promise<void> {
    let waiting = 0;
    for (let at = from; at < bytes.length || waiting > 0;) {
      if (at < bytes.length && waiting < queue) {
        const [start, data] = [at, bytes.subarray(at, at + block)];
        this.channel.send(SSH_FXP.WRITE, (w) => w.string(handle).uint64(start).string(data));
        at += data.length;
        waiting += 1;
      } else {
        expect(statusOf(await this.channel.answer())).toBe(SSH_FX.OK);
        waiting -= 1;
      }
    }
  }

  /** Throws unless the answer is OK. */
  async close(handle: Buffer): Promise<void> {
    await this.channel.close(handle);
  }

  async setstat(path: string, given: Attributes): Promise<number> {
    return statusOf(await this.channel.request(SSH_FXP.SETSTAT, (w) => w.string(path).bytes(attributesBytes(given))));
  }

  async fsetstat(handle: Buffer, given: Attributes): Promise<number> {
    return statusOf(
      await this.channel.request(SSH_FXP.FSETSTAT, (w) => w.string(handle).bytes(attributesBytes(given))),
    );
  }

  async mkdir(path: string): Promise<number> {
    return statusOf(await this.channel.request(SSH_FXP.MKDIR, (w) => w.string(path).bytes(attributesBytes())));
  }

  async rename(from: string, to: string): Promise<number> {
    return statusOf(await this.channel.request(SSH_FXP.RENAME, (w) => w.string(from).string(to)));
  }

  async posixRename(from: string, to: string): Promise<number> {
    const extension = 'posix-rename@openssh.com';
    return statusOf(await this.channel.request(SSH_FXP.EXTENDED, (w) => w.string(extension).string(from).string(to)));
  }

  async list(path: string): Promise<Map<string, Attributes>> {
    const opened = await this.onPath(SSH_FXP.OPENDIR, path);
    expect(opened.type).toBe(SSH_FXP.HANDLE);
    const handle = Buffer.from(new SshReader(opened.body).string());
    const entries = new Map<string, Attributes>();
    for (;;) {
      const answer = await this.channel.request(SSH_FXP.READDIR, (w) => w.string(handle));
      if (answer.type !== SSH_FXP.NAME) {
        expect(statusOf(answer)).toBe(SSH_FX.EOF);
        break;
      }
      const reader = new SshReader(answer.body);
      for (let left = reader.uint32(); left > 0; left -= 1) {
        const name = reader.utf8();
        reader.utf8();
        entries.set(name, readAttributesOf(reader));
      }
    }
    await this.close(handle);
    return entries;
  }

  /** The names of a directory, sorted, without `.` and `..`. */
  async names(path: string): Promise<string[]> {
    return [...(await this.list(path)).keys()].filter((name) => name !== '.' && name !== '..').sort();
  }
}

function statusOf({ type, body }: SftpAnswer): number {
  expect(type).toBe(SSH_FXP.STATUS);
  return new SshReader(body).uint32();
}

function attributesOf({ type, body }: SftpAnswer): Attributes {
  expect(type).toBe(SSH_FXP.ATTRS);
  return readAttributesOf(new SshReader(body));
}
