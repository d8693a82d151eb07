// What stands in sftp-server's place when OpenSSH's regress suite runs against S3: `sftp-stdio` on a bucket, and before and
// after it the bucket and the suite's folder are made to agree. The suite makes and looks at what it takes for the server's
// files with the machine's own programs: so what is in the folder is put into the bucket before the server starts, and what the
// session has changed in the bucket, and only that, is carried out in the folder when the server has ended. The client waits
// for that end. A file that the suite looks at has thus come out of the bucket.
//
//   usage: node regress-on-s3.ts up SITE                         starts the store, makes SITE/config.json; status 3: none installed
//          node regress-on-s3.ts session SITE FOLDER [option ...]   one session with sftp-server's options
//          node regress-on-s3.ts check SITE                      fails if multipart uploads or spooled files are left
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { Command } from 'commander';
import { registerSftpStdioCommand } from '../../src/cli/sftp-stdio/sftp-stdio-command.ts';
import type { S3Server } from '../peers/s3-server.ts';
import { startRadosgw } from '../peers/s3-server.ts';

const BUCKET = 'regress';
const USER = 'tester';
const AT_A_TIME = 8;

type ClientConfig = S3Server['clientConfig'];
/** What tells one version of an object from another, by key. */
type Listing = ReadonlyMap<string, { readonly etag: string; readonly version: string }>;

async function up(site: string): Promise<number> {
  const server = await startRadosgw(join(site, 'radosgw'));
  if (server === null) return 3;
  const { clientConfig, endpoint, accessKeyId, secretAccessKey } = server;
  writeFileSync(join(site, 'client.json'), JSON.stringify(clientConfig));
  const storage = {
    type: 's3',
    bucket: BUCKET,
    endpoint,
    credentials: { accessKeyId, secretAccessKey },
    spoolDirectory: join(site, 'spool'),
  };
  const config = { hostKeys: ['unused'], storage, users: [{ name: USER, home: '/' }] };
  writeFileSync(join(site, 'config.json'), JSON.stringify(config));
  const client = new S3Client(clientConfig);
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  // The suite fetches /bin/l* from the server.
  const names = readdirSync('/bin').filter((name) => name.startsWith('l') && existsSync(join('/bin', name)));
  await each(names, async (name) => put(client, `bin/${name}`, readFileSync(join('/bin', name)), 0o755));
  client.destroy();
  return 0;
}

async function check(site: string): Promise<number> {
  const client = clientOf(site);
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }));
  client.destroy();
  const spooled = existsSync(join(site, 'spool')) ? readdirSync(join(site, 'spool')) : [];
  for (const { Key } of Uploads) console.log(`a multipart upload of ${String(Key)} is left`);
  for (const name of spooled) console.log(`${name} is left in the spool`);
  return Uploads.length + spooled.length === 0 ? 0 : 1;
}

async function session(site: string, folder: string, options: readonly string[]): Promise<void> {
  appendFileSync(join(site, 'sessions'), `${options.join(' ')}\n`);
  const client = clientOf(site);
  try {
    const mirror = new Mirror(client, folder, join(site, 'modes.json'));
    await mirror.toBucket();
    const program = new Command('latticeport');
    registerSftpStdioCommand(program);
    const storage = ['--config', join(site, 'config.json'), '--user', USER];
    await program.parseAsync(['node', 'latticeport', 'sftp-stdio', ...storage, ...options]);
    await mirror.fromBucket();
  } catch (error) {
    // No client hears of what goes wrong here: the caller looks into this file.
    appendFileSync(join(site, 'errors'), `${error instanceof Error ? String(error.stack) : String(error)}\n`);
    process.exitCode = 1;
  } finally {
    client.destroy();
  }
}

/** A folder of this machine and its likeness in the bucket, under the same absolute path. */
class Mirror {
  readonly #client: S3Client;
  readonly #folder: string;
  readonly #prefix: string;
  /** Keeps by key which permissions the likeness has: a listing does not show them. */
  readonly #modesFile: string;
  readonly #modes: Map<string, number>;
  #before: Listing = new Map();

  constructor(client: S3Client, folder: string, modesFile: string) {
    this.#client = client;
    this.#folder = folder;
    this.#prefix = `${folder.replace(/^\//, '')}/`;
    this.#modesFile = modesFile;
    const known = existsSync(modesFile) ? (JSON.parse(readFileSync(modesFile, 'utf8')) as [string, number][]) : [];
    this.#modes = new Map(known);
  }

  async toBucket(): Promise<void> {
    const there = await this.#list();
    const here = new Map<string, string>();
    this.#walk('', here);
    await each([...here], async ([key, path]) => {
      const { mode } = statSync(path);
      const bytes = key.endsWith('/') ? Buffer.alloc(0) : readFileSync(path);
      const same = there.get(key)?.etag === createHash('md5').update(bytes).digest('hex');
      if (same && this.#modes.get(key) === mode) return;
      await put(this.#client, key, bytes, mode);
      this.#modes.set(key, mode);
    });
    await each([...there.keys()], async (key) => {
      if (!here.has(key)) await this.#client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: key }));
    });
    this.#saveModes();
    this.#before = await this.#list();
  }

  async fromBucket(): Promise<void> {
    const after = await this.#list();
    const gone = [...this.#before.keys()].filter((key) => !after.has(key)).sort();
    for (const key of gone) if (!key.endsWith('/')) rmSync(this.#path(key), { force: true });
    // What is deeper first. A directory without a marker may still have files.
    for (const key of gone.reverse()) if (key.endsWith('/') && !within(after, key)) rmdirSync(this.#path(key));
    const changed = [...after].filter(([key, { version }]) => this.#before.get(key)?.version !== version);
    for (const [key] of changed)
      mkdirSync(key.endsWith('/') ? this.#path(key) : dirname(this.#path(key)), { recursive: true });
    await each(changed, async ([key]) => {
      const { Body, Metadata } = await this.#client.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
      const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
      const path = this.#path(key);
      if (!key.endsWith('/')) {
        if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true) rmSync(path);
        writeFileSync(path, bytes);
      }
      const mode = Metadata?.['mode'];
      if (mode !== undefined) chmodSync(path, Number(mode) & 0o7777);
      this.#modes.set(key, statSync(path).mode);
    });
    this.#saveModes();
  }

  /** Symbolic links become what they lead to: S3 has none. */
  #walk(below: string, entries: Map<string, string>): void {
    for (const name of readdirSync(join(this.#folder, below))) {
      const relative = join(below, name);
      const path = join(this.#folder, relative);
      const stats = statSync(path, { throwIfNoEntry: false });
      if (stats?.isDirectory() === true) {
        entries.set(`${this.#prefix}${relative}/`, path);
        this.#walk(relative, entries);
      } else if (stats?.isFile() === true) {
        entries.set(`${this.#prefix}${relative}`, path);
      }
    }
  }

  async #list(): Promise<Listing> {
    const found = new Map<string, { etag: string; version: string }>();
    let token: string | undefined;
    do {
      const page = await this.#client.send(
        new ListObjectsV2Command({ Bucket: BUCKET, Prefix: this.#prefix, ContinuationToken: token }),
      );
      for (const { Key = '', ETag = '', LastModified } of page.Contents ?? []) {
        const etag = ETag.replaceAll('"', '');
        found.set(Key, { etag, version: `${etag} ${String(LastModified?.getTime())}` });
      }
      token = page.NextContinuationToken;
    } while (token !== undefined);
    return found;
  }

  #path(key: string): string {
    return join('/', key.replace(/\/$/, ''));
  }

  /** Two sessions may run at once. */
  #saveModes(): void {
    const temporary = `${this.#modesFile}.${process.pid}`;
    writeFileSync(temporary, JSON.stringify([...this.#modes]));
    renameSync(temporary, this.#modesFile);
  }
}

const within = (listing: Listing, directory: string): boolean =>
  [...listing.keys()].some((key) => key.startsWith(directory));

async function put(client: S3Client, key: string, bytes: Buffer, mode: number): Promise<void> {
  await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: bytes, Metadata: { mode: String(mode) } }));
}

function clientOf(site: string): S3Client {
  return new S3Client(JSON.parse(readFileSync(join(site, 'client.json'), 'utf8')) as ClientConfig);
}

async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items].reverse();
  const worker = async (): Promise<void> => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}

const [what, site = '', folder = '', ...options] = process.argv.slice(2);
if (what === 'up') process.exitCode = await up(site);
else if (what === 'check') process.exitCode = await check(site);
else if (what === 'session') await session(site, folder, options);
else throw new Error(`usage: ${basename(import.meta.filename)} up | session | check`);
