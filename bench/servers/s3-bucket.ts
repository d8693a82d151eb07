import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { startRadosgw, type S3Server } from '../../test/peers/s3-server.ts';
import type { Bucket } from './bench-server.ts';

/** Ceph's radosgw, its data in `directory`, with an empty bucket. Throws where it is not installed. */
export async function startS3(directory: string, bucket: string): Promise<S3Server> {
  // Each round replaces gigabytes, and the store has eight.
  const s3 = await startRadosgw(directory, { gcWaitSeconds: 4 });
  if (s3 === null) throw new Error('radosgw is not installed');
  const client = new S3Client(s3.clientConfig);
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return s3;
}

export function bucketOf(s3: S3Server, name: string): Bucket {
  return {
    name,
    endpoint: s3.endpoint,
    region: s3.region,
    accessKeyId: s3.accessKeyId,
    secretAccessKey: s3.secretAccessKey,
  };
}
