import type { KeyFile } from '../interop/identity.ts';
import { readFileSync } from 'node:fs';
import { parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { SSH_FX, SSH_FXF, SSH_FXP } from '../../src/sftp/protocol.ts';
import { SshReader } from '../../src/wire/reader.ts';
import { SshWriter } from '../../src/wire/writer.ts';
import { MODERN } from '../transport/transport-pair.ts';
import { SshTestClient } from './ssh-test-client.ts';

export interface SftpAnswer {
  readonly type: number;
  /** What follows the id. */
  readonly body: Buffer;
}

/** A STATUS that is not OK. */
export class SftpFailure extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** A connection that is logged in, with a key file or a password. */
export async function login(port: number, user: string, secret: KeyFile | string): Promise<SshTestClient> {
  const client = SshTestClient.connect(port, { algorithms: MODERN });
  await client.startAuth();
  const answer =
    typeof secret === 'string'
      ? await client.password(user, secret)
      : await client.publicKey(user, parsePrivateKey(readFileSync(secret.path, 'utf8')), 'ssh-ed25519');
  if (answer === 52) return client;
  client.end();
  throw new Error(`user ${user} was not let in`);
}

/** One SFTP session of a test client; one request at a time, so that a test knows where it stands. */
export class SftpChannel {
  readonly client: SshTestClient;
  readonly channel: number;
  #id = 0;
  #incoming = Buffer.alloc(0);

  private constructor(client: SshTestClient, channel: number) {
    this.client = client;
    this.channel = channel;
  }

  static async open(client: SshTestClient): Promise<SftpChannel> {
    const channel = await client.openSession();
    if (!(await client.request(channel, 'subsystem', 'sftp'))) throw new Error('no sftp subsystem');
    const sftp = new SftpChannel(client, channel);
    client.data(channel, Buffer.from('000000050100000003', 'hex'));
    const version = await sftp.#packet();
    if (version[0] !== SSH_FXP.VERSION) throw new Error('no VERSION');
    return sftp;
  }

  /** Sends a request and does not wait. */
  send(type: number, write: (writer: SshWriter) => void): void {
    this.#id += 1;
    const body = new SshWriter(64).byte(type).uint32(this.#id);
    write(body);
    const bytes = body.finish();
    this.client.data(this.channel, new SshWriter(bytes.length + 4).string(bytes).finish());
  }

  async request(type: number, write: (writer: SshWriter) => void): Promise<SftpAnswer> {
    this.send(type, write);
    return this.answer();
  }

  async answer(): Promise<SftpAnswer> {
    const packet = await this.#packet();
    return { type: packet[0] ?? 0, body: packet.subarray(5) };
  }

  async openFile(path: string, flags: number): Promise<Buffer> {
    const answer = await this.request(SSH_FXP.OPEN, (writer) => writer.string(path).uint32(flags).uint32(0));
    if (answer.type !== SSH_FXP.HANDLE) throw statusOf(answer);
    return Buffer.from(new SshReader(answer.body).string());
  }

  async create(path: string): Promise<Buffer> {
    return this.openFile(path, SSH_FXF.WRITE | SSH_FXF.CREAT | SSH_FXF.TRUNC);
  }

  async write(handle: Buffer, offset: number, data: Buffer): Promise<void> {
    await this.#ok(SSH_FXP.WRITE, (writer) => writer.string(handle).uint64(offset).string(data));
  }

  async close(handle: Buffer): Promise<void> {
    await this.#ok(SSH_FXP.CLOSE, (writer) => writer.string(handle));
  }

  async put(path: string, bytes: Buffer): Promise<void> {
    const handle = await this.create(path);
    for (let at = 0; at < bytes.length; at += 32_768) await this.write(handle, at, bytes.subarray(at, at + 32_768));
    await this.close(handle);
  }

  async get(path: string): Promise<Buffer> {
    const handle = await this.openFile(path, SSH_FXF.READ);
    const parts: Buffer[] = [];
    for (let at = 0; ;) {
      const answer = await this.request(SSH_FXP.READ, (writer) => writer.string(handle).uint64(at).uint32(32_768));
      if (answer.type !== SSH_FXP.DATA) {
        const status = statusOf(answer);
        if (status.code !== SSH_FX.EOF) throw status;
        break;
      }
      const data = new SshReader(answer.body).string();
      parts.push(data);
      at += data.length;
    }
    await this.close(handle);
    return Buffer.concat(parts);
  }

  async #ok(type: number, write: (writer: SshWriter) => void): Promise<void> {
    const status = statusOf(await this.request(type, write));
    if (status.code !== SSH_FX.OK) throw status;
  }

  async #packet(): Promise<Buffer> {
    const complete = (): boolean => {
      this.#incoming = Buffer.concat([this.#incoming, this.client.takeData()]);
      return this.#incoming.length >= 4 && this.#incoming.length >= 4 + this.#incoming.readUInt32BE();
    };
    await this.client.until(complete, 'an SFTP answer comes');
    const end = 4 + this.#incoming.readUInt32BE();
    const packet = this.#incoming.subarray(4, end);
    this.#incoming = this.#incoming.subarray(end);
    return packet;
  }
}

function statusOf({ type, body }: SftpAnswer): SftpFailure {
  if (type !== SSH_FXP.STATUS) throw new Error(`an answer of type ${type}`);
  const reader = new SshReader(body);
  return new SftpFailure(reader.uint32(), reader.utf8());
}
