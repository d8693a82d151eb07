// A bucket of its own on a real S3 server for each test that asks, and what is left in it.
import { rm } from 'node:fs/promises';
import { mkdtemp } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import type { S3StoreOptions } from '../../../src/storage/s3/s3-options.ts';
import { moto, radosgw, type S3ServerOfRun } from '../../peers/s3-endpoints.ts';

/** The servers of this run; `endpoint` undefined where one is `missing`. */
export const servers: readonly S3ServerOfRun[] = [radosgw, moto];

export const region = process.env['AWS_REGION'] ?? 'us-east-1';

export function credentials(): { accessKeyId: string; secretAccessKey: string } {
  return {
    accessKeyId: process.env['AWS_ACCESS_KEY_ID'] ?? 'test',
    secretAccessKey: process.env['AWS_SECRET_ACCESS_KEY'] ?? 'test',
  };
}

/** A bucket, the plain SDK client that looks into it from outside, and options for a store on it. */
export class TestBucket {
  readonly client: S3Client;
  readonly name: string;
  readonly spoolDirectory: string;
  readonly endpoint: string;

  private constructor(client: S3Client, name: string, spoolDirectory: string, endpoint: string) {
    this.client = client;
    this.name = name;
    this.spoolDirectory = spoolDirectory;
    this.endpoint = endpoint;
  }

  static async create(endpoint: string): Promise<TestBucket> {
    const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials: credentials() });
    const name = `latticeport-${randomBytes(6).toString('hex')}`;
    await client.send(new CreateBucketCommand({ Bucket: name }));
    return new TestBucket(client, name, await mkdtemp(join(tmpdir(), 'latticeport-s3-test-')), endpoint);
  }

  /** `endpoint` through which the store goes, if not the server's own. */
  options(more: Partial<S3StoreOptions> = {}): S3StoreOptions {
    return {
      bucket: this.name,
      region,
      endpoint: this.endpoint,
      forcePathStyle: true,
      credentials: credentials(),
      spool: { directory: this.spoolDirectory, maxBytes: 512 * 1024 ** 2 },
      ...more,
    };
  }

  async keys(prefix = ''): Promise<string[]> {
    const keys: string[] = [];
    let token: string | undefined;
    do {
      const page = await this.client.send(
        new ListObjectsV2Command({ Bucket: this.name, Prefix: prefix, ContinuationToken: token }),
      );
      for (const { Key } of page.Contents ?? []) if (Key !== undefined) keys.push(Key);
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
    return keys;
  }

  async uploads(): Promise<{ key: string; id: string }[]> {
    const page = await this.client.send(new ListMultipartUploadsCommand({ Bucket: this.name }));
    return (page.Uploads ?? []).map(({ Key, UploadId }) => ({ key: Key ?? '', id: UploadId ?? '' }));
  }

  async destroy(): Promise<void> {
    for (const { key, id } of await this.uploads()) {
      await this.client.send(new AbortMultipartUploadCommand({ Bucket: this.name, Key: key, UploadId: id }));
    }
    const keys = await this.keys();
    for (let i = 0; i < keys.length; i += 1000) {
      const Objects = keys.slice(i, i + 1000).map((Key) => ({ Key }));
      await this.client.send(new DeleteObjectsCommand({ Bucket: this.name, Delete: { Objects, Quiet: true } }));
    }
    await this.client.send(new DeleteBucketCommand({ Bucket: this.name }));
    this.client.destroy();
    await rm(this.spoolDirectory, { recursive: true, force: true });
  }
}
