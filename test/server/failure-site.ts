// One server as a process of its own, with what the failure tests ask about it: is anything left open, what is stored.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from '@jest/globals';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import type { Identity } from '../interop/identity.ts';
import { makeIdentity } from '../interop/identity.ts';
import type { HarnessOptions, RunningServer } from '../interop/server-harness.ts';
import { startLatticeport } from '../interop/server-harness.ts';
import type { Peer } from '../peers/peers.ts';
import type { Finished } from '../peers/process.ts';
import { runProgram, ServerProcess } from '../peers/process.ts';
import { connectionsAmong, openDescriptors } from '../soak/process-watch.ts';
import type { TestBucket } from '../storage/s3/s3-server.ts';
import { credentials, region } from '../storage/s3/s3-server.ts';
import { until } from '../transport/transport-pair.ts';
import type { SftpCallOptions } from './openssh-sftp.ts';
import { sftpCommand } from './openssh-sftp.ts';

export interface SiteOptions {
  /** Where an S3 store is, and how the server reaches it; without it the store is local. */
  readonly bucket?: TestBucket;
  readonly endpoint?: string;
  readonly partialUploads?: 'store' | 'discard';
  /** Instead of a folder of its own: the root of a local store. */
  readonly root?: string;
  readonly config?: HarnessOptions['config'];
}

const MIB = 1024 * 1024;
/** The smallest that S3 allows, so that a few MiB make a multipart upload. */
const PART_BYTES = 5 * MIB;

export class FailureSite {
  readonly folder: string;
  readonly identity: Identity;
  readonly options: SiteOptions;
  readonly #client: Peer;
  #server: RunningServer;
  #idle: string[] = [];

  private constructor(folder: string, identity: Identity, options: SiteOptions, client: Peer, server: RunningServer) {
    this.folder = folder;
    this.identity = identity;
    this.options = options;
    this.#client = client;
    this.#server = server;
  }

  static async start(client: Peer, options: SiteOptions = {}): Promise<FailureSite> {
    const folder = mkdtempSync(path.join(tmpdir(), 'latticeport-failure-'));
    const identity = await makeIdentity(path.join(folder, 'identity'));
    return new FailureSite(folder, identity, options, client, await startServer(folder, identity, options));
  }

  get server(): RunningServer {
    return this.#server;
  }

  async restart(): Promise<void> {
    await this.#server.stop();
    this.#server = await startServer(this.folder, this.identity, this.options);
  }

  async stop(): Promise<string> {
    const end = await this.#server.stop();
    rmSync(this.folder, { recursive: true, force: true });
    return end;
  }

  /** A file of random bytes. */
  localFile(name: string, bytes: number): { readonly file: string; readonly content: Buffer } {
    const file = path.join(this.folder, name);
    const content = randomBytes(bytes);
    writeFileSync(file, content);
    return { file, content };
  }

  async sftp(batch: string, call: SftpCallOptions & { env?: Record<string, string> } = {}): Promise<Finished> {
    return runProgram(this.#command(call), { input: batch, timeoutMs: 60_000, ...(call.env && { env: call.env }) });
  }

  /** A client that goes on by itself. */
  startSftp(batch: string, call: SftpCallOptions = {}): ServerProcess {
    const batchFile = path.join(this.folder, `batch-${randomBytes(4).toString('hex')}`);
    writeFileSync(batchFile, batch);
    return new ServerProcess(this.#command({ ...call, batchFile }));
  }

  #command(call: SftpCallOptions): string[] {
    return sftpCommand(
      this.#client,
      { port: this.#server.port, identity: this.identity, directory: this.folder },
      call,
    );
  }

  /** Puts `old` at /file, and remembers what is open when nothing is going on. */
  async settle(old: Buffer): Promise<void> {
    const file = path.join(this.folder, 'old');
    writeFileSync(file, old);
    const { code, stderr } = await this.sftp(`put ${file} file\n`);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    // The log's word comes before the kernel's: a descriptor still being closed would be taken for one that stays.
    await until(
      () => this.#connections() === 0 && connectionsAmong(this.#descriptors()).length === 0,
      'the session is over and its connection closed',
    );
    this.#idle = this.#descriptors();
  }

  /** Bytes of an upload that the server has at the moment, roughly: a temporary file, or parts with the store. */
  async uploadUnderWay(): Promise<boolean> {
    const { bucket } = this.options;
    if (bucket !== undefined) return (await bucket.uploads()).length > 0;
    const root = this.options.root ?? this.server.root;
    return readdirSync(root).some((name) => {
      try {
        return name.endsWith('.latticeport-part') && statSync(path.join(root, name)).size > 4 * MIB;
      } catch {
        return false; // gone between the two calls
      }
    });
  }

  async content(name: string): Promise<Buffer> {
    const { bucket } = this.options;
    if (bucket === undefined) return readFileSync(path.join(this.options.root ?? this.server.root, name));
    const { Body } = await bucket.client.send(new GetObjectCommand({ Bucket: bucket.name, Key: name }));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  }

  /** Names of everything that is stored, finished or not. */
  async stored(): Promise<string[]> {
    const { bucket } = this.options;
    if (bucket === undefined) return readdirSync(this.options.root ?? this.server.root).sort();
    const keys = await bucket.keys();
    const uploads = await bucket.uploads();
    // The journal of a server that runs is no leftover.
    return [
      ...keys.filter((key) => !key.startsWith('.latticeport/')),
      ...uploads.map(({ key }) => `(multipart upload of ${key})`),
    ].sort();
  }

  /** Fails unless the server has nothing open but what it had when idle, and the store holds these files only. */
  async expectNothingLeft(files: readonly string[]): Promise<void> {
    const deadline = performance.now() + 10_000;
    for (;;) {
      const now = { open: this.#descriptors(), stored: await this.stored() };
      const wanted = { open: this.#idle, stored: files };
      if (JSON.stringify(now) === JSON.stringify(wanted)) return;
      if (performance.now() > deadline) expect(now).toEqual(wanted);
    }
  }

  /** Less the pool of connections to the S3 server. */
  #descriptors(): string[] {
    const endpoint = this.options.endpoint ?? this.options.bucket?.endpoint;
    const pooled = endpoint === undefined ? '' : `tcp to ${new URL(endpoint).host}`;
    return openDescriptors(this.server.pid).filter((target) => target !== pooled);
  }

  #connections(): number {
    const sessions = this.server.log();
    const count = (wanted: string): number => sessions.filter(({ event }) => event === wanted).length;
    return count('session.opened') - count('session.closed');
  }
}

async function startServer(folder: string, identity: Identity, options: SiteOptions): Promise<RunningServer> {
  const { bucket, partialUploads = 'store' } = options;
  const directory = path.join(folder, 'server');
  mkdirSync(directory, { recursive: true });
  const storage =
    bucket === undefined
      ? { type: 'local', root: options.root ?? path.join(directory, 'files'), partialUploads }
      : {
          type: 's3',
          bucket: bucket.name,
          region,
          endpoint: options.endpoint ?? bucket.endpoint,
          credentials: credentials(),
          spoolDirectory: path.join(folder, 'spool'),
          partBytes: PART_BYTES,
          partialUploads,
        };
  return startLatticeport({ directory, identity, storage, ...(options.config && { config: options.config }) });
}
