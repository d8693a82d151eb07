// The plain AWS SDK in a server's place: the limit of what a gateway to S3 can do.
import { createRequire } from 'node:module';
import { open, stat } from 'node:fs/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { BenchServer } from './bench-server.ts';

const PART_BYTES = 8 * 1024 * 1024;
const KEY = 'sdk-large';

const { version } = createRequire(import.meta.url)('@aws-sdk/client-s3/package.json') as { version: string };

/** With so many parts or ranges of one file on their way at a time. */
export const sdkInFlight = (inFlight: number): BenchServer => plainSdk(`aws-sdk, ${inFlight} in flight`, inFlight);

export const sdk: BenchServer = plainSdk('aws-sdk', 4);

function plainSdk(name: string, inFlight: number): BenchServer {
  return {
    name,
    version,
    storesInS3: true,
    start: () =>
      Promise.resolve({
        port: 0,
        user: '',
        pid: process.pid,
        remoteRoot: '/',
        processPerSession: false,
        inFlight,
        stop: () => Promise.resolve(),
      }),
  };
}

/** A multipart upload from a file, `inFlight` parts at a time. */
export async function sdkPut(client: S3Client, bucket: string, path: string, inFlight = 4): Promise<void> {
  const object = { Bucket: bucket, Key: KEY };
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(object));
  const { size } = await stat(path);
  const file = await open(path);
  const parts: { PartNumber: number; ETag: string | undefined }[] = [];
  try {
    await inParallel(inFlight, Math.ceil(size / PART_BYTES), async (index) => {
      const buffer = Buffer.allocUnsafe(Math.min(PART_BYTES, size - index * PART_BYTES));
      await file.read(buffer, 0, buffer.length, index * PART_BYTES);
      const { ETag } = await client.send(
        new UploadPartCommand({ ...object, UploadId, PartNumber: index + 1, Body: buffer }),
      );
      parts[index] = { PartNumber: index + 1, ETag };
    });
  } finally {
    await file.close();
  }
  await client.send(new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload: { Parts: parts } }));
}

/** Ranged downloads into a file, `inFlight` at a time. */
export async function sdkGet(client: S3Client, bucket: string, path: string, inFlight = 4): Promise<void> {
  const object = { Bucket: bucket, Key: KEY };
  const { ContentLength: size = 0 } = await client.send(new HeadObjectCommand(object));
  const file = await open(path, 'w');
  try {
    await inParallel(inFlight, Math.ceil(size / PART_BYTES), async (index) => {
      const first = index * PART_BYTES;
      const last = Math.min(first + PART_BYTES, size) - 1;
      const { Body } = await client.send(new GetObjectCommand({ ...object, Range: `bytes=${first}-${last}` }));
      const bytes = await Body?.transformToByteArray();
      if (bytes === undefined) throw new Error('a range without a body');
      await file.write(bytes, 0, bytes.length, first);
    });
  } finally {
    await file.close();
  }
}

/** What a client with no gateway does with small files: one request each, one after the other. */
export async function sdkSmall(
  client: S3Client,
  bucket: string,
  action: 'put' | 'get' | 'rm',
  files: ReadonlyMap<string, Buffer>,
): Promise<void> {
  for (const [Key, Body] of files) {
    const object = { Bucket: bucket, Key };
    if (action === 'put') await client.send(new PutObjectCommand({ ...object, Body }));
    else if (action === 'rm') await client.send(new DeleteObjectCommand(object));
    else await (await client.send(new GetObjectCommand(object))).Body?.transformToByteArray();
  }
}

async function inParallel(inFlight: number, count: number, one: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (next < count) {
        const index = next;
        next += 1;
        await one(index);
      }
    }),
  );
}
