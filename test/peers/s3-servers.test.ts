import { expect, test } from '@jest/globals';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';

const servers = [
  { name: 'radosgw', endpoint: process.env['S3_ENDPOINT'] },
  { name: 'moto', endpoint: process.env['MOTO_ENDPOINT'] },
];

for (const { name, endpoint } of servers) {
  const given = endpoint === undefined ? test.skip : test;
  given(`${name} takes an object and gives it back`, async () => {
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
