// An S3 server of the soak's own, in memory, on a free port.
import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { findProgram } from '../peers/peers.ts';
import { freePort } from '../peers/process.ts';

const run = promisify(execFile);
const SCRIPTS = resolve(import.meta.dirname, '../peers');

export class S3Site {
  readonly endpoint: string;
  readonly bucket = 'soak';
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly #directory: string;
  readonly #client: S3Client;

  private constructor(directory: string, variables: ReadonlyMap<string, string>) {
    this.#directory = directory;
    this.endpoint = variables.get('S3_ENDPOINT') ?? '';
    this.credentials = {
      accessKeyId: variables.get('AWS_ACCESS_KEY_ID') ?? '',
      secretAccessKey: variables.get('AWS_SECRET_ACCESS_KEY') ?? '',
    };
    this.#client = new S3Client({
      endpoint: this.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      // The SDK writes into it.
      credentials: { ...this.credentials },
    });
  }

  /** Starts the server below `parent`; `null` where radosgw is not installed. */
  static async start(parent: string): Promise<S3Site | null> {
    if (findProgram('machine', 'radosgw') === null) return null;
    const directory = join(parent, 'radosgw');
    const { stdout } = await run(join(SCRIPTS, 's3-up.sh'), [directory, String(await freePort())], {
      env: { ...process.env, OSD_STORE: 'memstore' },
      timeout: 120_000,
    });
    const lines = stdout.split('\n').map((line): [string, string] => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1)];
    });
    const site = new S3Site(directory, new Map(lines));
    await site.#client.send(new CreateBucketCommand({ Bucket: site.bucket }));
    return site;
  }

  /** The `storage` of a configuration that stores here. */
  storage(more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    return {
      type: 's3',
      bucket: this.bucket,
      endpoint: this.endpoint,
      credentials: this.credentials,
      ...more,
    };
  }

  /** The far end of the server's pooled connections, as `openDescriptors` names it. */
  get descriptor(): string {
    return `tcp to ${new URL(this.endpoint).host}`;
  }

  async keys(): Promise<string[]> {
    const { Contents = [] } = await this.#client.send(new ListObjectsV2Command({ Bucket: this.bucket }));
    return Contents.map(({ Key }) => Key ?? '').sort();
  }

  async multipartUploads(): Promise<number> {
    const { Uploads = [] } = await this.#client.send(new ListMultipartUploadsCommand({ Bucket: this.bucket }));
    return Uploads.length;
  }

  async sha256(key: string): Promise<string> {
    const { Body } = await this.#client.send(new GetObjectCommand({ Bucket: this.bucket, Key: key }));
    const hash = createHash('sha256');
    for await (const chunk of Body as AsyncIterable<Buffer>) hash.update(chunk);
    return hash.digest('hex');
  }

  async stop(): Promise<void> {
    this.#client.destroy();
    await run(join(SCRIPTS, 's3-down.sh'), [this.#directory, '--purge'], { timeout: 60_000 });
  }
}
