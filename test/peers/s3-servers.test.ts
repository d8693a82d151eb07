import { expect, test } from '@jest/globals';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { moto, radosgw } from './s3-endpoints.ts';

for (const { name, endpoint, missing } of [radosgw, moto]) {
  const given = missing === null ? test : test.skip;
  given(`${name} takes an object and gives it back${missing === null ? '' : ` (${missing})`}`, async () => {
    const client = new S3Client({
      ...(endpoint === undefined ? {} : { endpoint }),
      region: process.env['AWS_REGION'] ?? 'us-east-1',
      forcePathStyle: true,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
    try {
      await client.send(new CreateBucketCommand({ Bucket: 'server-check' }));
      await client.send(new PutObjectCommand({ Bucket: 'server-check', Key: 'a/b c', Body: Buffer.from('bytes') }));
      const got = await client.send(new GetObjectCommand({ Bucket: 'server-check', Key: 'a/b c' }));
      expect(await got.Body?.transformToString()).toBe('bytes');
    } finally {
      client.destroy();
    }
  });
}
