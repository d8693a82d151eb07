// An S3 server of the soak's own, in memory, on a free port.
import { join } from 'node:path';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { startRadosgw, type S3Server } from '../peers/s3-server.ts';

export class S3Site {
  readonly endpoint: string;
  readonly bucket = 'soak';
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly #server: S3Server;
  readonly #client: S3Client;

  private constructor(server: S3Server) {
    this.#server = server;
    this.endpoint = server.endpoint;
    this.credentials = { accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey };
    this.#client = new S3Client(server.clientConfig);
  }

  /** Starts the server below `parent`; `null` where radosgw is not installed. */
  static async start(parent: string): Promise<S3Site | null> {
    const server = await startRadosgw(join(parent, 'radosgw'));
    if (server === null) return null;
    const site = new S3Site(server);
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
    await this.#server.stop();
  }
}
