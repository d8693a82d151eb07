// A server over each kind of store for the tests with real clients, and what is in the store, looked at from outside.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { findPeer } from '../peers/peers.ts';
import { radosgw } from '../peers/s3-endpoints.ts';
import { openDescriptors } from '../soak/process-watch.ts';
import { expectSameBytes, pattern } from '../storage/contract/store-driver.ts';
import { credentials, TestBucket } from '../storage/s3/s3-server.ts';
import { startTestServer, type TestServer } from './test-server.ts';

export type StoreKind = 'local' | 's3';

const { endpoint } = radosgw;

/** With `missing` the reason why the tests are skipped. */
export const STORES: readonly { readonly kind: StoreKind; readonly missing: string | null }[] = [
  { kind: 'local', missing: null },
  { kind: 's3', missing: radosgw.missing },
];

export class ClientsSite {
  readonly kind: StoreKind;
  readonly server: TestServer;
  readonly #bucket: TestBucket | null;
  #folders = 0;

  private constructor(kind: StoreKind, server: TestServer, bucket: TestBucket | null) {
    this.kind = kind;
    this.server = server;
    this.#bucket = bucket;
  }

  static async open(kind: StoreKind): Promise<ClientsSite> {
    if (kind === 'local') return new ClientsSite(kind, await startTestServer(), null);
    const bucket = await TestBucket.create(endpoint ?? '');
    const server = await startTestServer({
      storage: {
        type: 's3',
        bucket: bucket.name,
        prefix: 'home/',
        endpoint: bucket.endpoint,
        credentials: credentials(),
        partBytes: 5 * 1024 ** 2,
        spoolDirectory: bucket.spoolDirectory,
      },
    });
    return new ClientsSite(kind, server, bucket);
  }

  async close(): Promise<void> {
    await this.server.stop();
    await this.#bucket?.destroy();
  }

  /** A new empty folder of this machine. */
  folder(): string {
    this.#folders += 1;
    return mkdtempSync(path.join(this.server.folder, `folder-${this.#folders}-`));
  }

  /** A new file of this machine with `bytes` that look random. */
  file(bytes: number, seed = 1): { readonly path: string; readonly content: Buffer } {
    const content = pattern(bytes, seed);
    const file = path.join(this.folder(), 'file');
    writeFileSync(file, content);
    return { path: file, content };
  }

  /** A stored file's bytes, past the server; `name` without a leading '/'. */
  async content(name: string): Promise<Buffer> {
    if (this.#bucket === null) return readFileSync(path.join(this.server.data, name));
    const { client, name: Bucket } = this.#bucket;
    const object = await client.send(new GetObjectCommand({ Bucket, Key: `home/${name}` }));
    return Buffer.from((await object.Body?.transformToByteArray()) ?? []);
  }

  /** A stored file's time of modification in whole seconds, past the server: on S3 that of the metadata. */
  async mtime(name: string): Promise<number> {
    if (this.#bucket === null) return Math.floor(statSync(path.join(this.server.data, name)).mtimeMs / 1000);
    const { client, name: Bucket } = this.#bucket;
    const { Metadata } = await client.send(new HeadObjectCommand({ Bucket, Key: `home/${name}` }));
    return Math.floor(Number(Metadata?.['mtime']));
  }

  /** Names of all stored files below a directory, hidden and unfinished ones too, without directories. */
  async names(directory: string): Promise<string[]> {
    if (this.#bucket === null) return filesBelow(path.join(this.server.data, directory));
    const prefix = directory === '' ? 'home/' : `home/${directory}/`;
    const keys = (await this.#bucket.keys(prefix)).filter((key) => !key.endsWith('/'));
    // The journal of a server that runs is no file of anybody's.
    return keys
      .map((key) => key.slice(prefix.length))
      .filter((key) => !key.startsWith('.latticeport/'))
      .sort();
  }

  /** Fails unless exactly these files are below a directory, with these bytes. */
  async expectFiles(directory: string, files: ReadonlyMap<string, Buffer>): Promise<void> {
    expect(await this.names(directory)).toEqual([...files.keys()].sort());
    for (const [name, bytes] of files) expectSameBytes(await this.content(path.join(directory, name)), bytes);
  }

  /**
   * Fails unless the server, with so many sessions open that do nothing, has no file open, nothing in the spool, and left
   * neither multipart uploads nor unfinished files.
   */
  async expectNothingOpen({ sessions = 0 } = {}): Promise<void> {
    const wanted = { sessions, files: 0, open: [], spooled: [], unfinished: [] };
    const deadline = performance.now() + 10_000;
    for (;;) {
      const now = await this.#leftOpen();
      if (JSON.stringify(now) === JSON.stringify(wanted)) return;
      if (performance.now() > deadline) expect(now).toEqual(wanted);
      // The server in this process is to have its turn.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async #leftOpen(): Promise<object> {
    const count = (wanted: string): number => this.server.log.filter(({ event }) => event === wanted).length;
    const closed = count('sftp.close') + count('sftp.partial-close');
    const spool = this.#bucket?.spoolDirectory;
    const below = (target: string): boolean =>
      target.startsWith(this.server.data) || (spool !== undefined && target.startsWith(spool));
    return {
      sessions: count('session.opened') - count('session.closed'),
      files: this.opened(0).length - closed,
      // The server is in this process.
      open: openDescriptors(process.pid).filter(below),
      spooled: spool === undefined ? [] : readdirSync(spool),
      unfinished:
        this.#bucket === null
          ? filesBelow(this.server.data).filter((name) => name.endsWith('.latticeport-part'))
          : (await this.#bucket.uploads()).map(({ key }) => `multipart upload of ${key}`),
    };
  }

  /** What clients have opened since entry `from` of the log: whatever brings or fetches bytes shows there. */
  opened(from: number): string[] {
    return this.server.log
      .slice(from)
      .filter(({ event, status }) => event === 'sftp.open' && status === undefined)
      .map(({ msg }) => String(msg));
  }
}

/** Paths of the files in a folder of this machine, relative to it. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => !statSync(path.join(folder, name)).isDirectory())
    .sort();
}

/** A folder with files of several sizes and names, some deeper; the sizes are round those where ways of working change. */
export function makeTree(folder: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  const sizes = [0, 1, 32_768, 70_000, 300_001];
  for (const [index, directory] of ['.', 'sub', 'sub/deep', 'with space'].entries()) {
    mkdirSync(path.join(folder, directory), { recursive: true });
    for (const size of sizes) files.set(path.join(directory, `file of ${size}`), pattern(size, 100 * index + size));
  }
  files.set('large', pattern(12 * 1024 ** 2 + 17, 9));
  for (const [name, content] of files) writeFileSync(path.join(folder, name), content);
  return files;
}

/** For `ssh` and what hands its options on: the server's keys and the user's, no configuration, no question. */
export function sshOptions(server: TestServer): string[] {
  const options = [
    `UserKnownHostsFile=${server.knownHosts}`,
    'GlobalKnownHostsFile=none',
    'StrictHostKeyChecking=yes',
    'BatchMode=yes',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    `IdentityFile=${server.userKey('ed25519')}`,
  ];
  return ['-F', 'none', ...options.flatMap((option) => ['-o', option])];
}

/** OpenSSH's newest, which the tests with lftp, sshfs and scp need too; `null` where none is installed. */
export function findOpenSsh(program: 'ssh' | 'scp'): readonly string[] | null {
  return (findPeer('openssh-10') ?? findPeer('openssh-machine'))?.program(program) ?? null;
}

/** Tests with a client on each store, in their order, and after them that nothing is left open. */
export function describeOnStores(
  client: string,
  lacking: string | null,
  tests: (site: () => ClientsSite) => void,
): void {
  for (const { kind, missing } of STORES) {
    describe(`${client} on ${kind}`, () => {
      const reason = lacking ?? missing;
      if (reason !== null) {
        test.skip(reason, () => undefined);
        return;
      }
      let opened: ClientsSite | undefined;
      const site = (): ClientsSite => {
        if (opened === undefined) throw new Error('there is no server yet');
        return opened;
      };
      beforeAll(async () => {
        opened = await ClientsSite.open(kind);
      });
      afterAll(async () => {
        await opened?.close();
      });
      tests(site);
      test('it leaves nothing open', async () => {
        await site().expectNothingOpen();
      });
    });
  }
}
