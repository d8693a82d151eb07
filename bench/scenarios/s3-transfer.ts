import { S3Client } from '@aws-sdk/client-s3';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { S3Server } from '../../test/peers/s3-server.ts';
import { bucketOf, startS3 } from '../servers/s3-bucket.ts';
import { sdk, sdkGet, sdkPut } from '../servers/sdk.ts';
import { latticeport, rclone } from '../servers/servers.ts';
import type { Bench, Scenario } from './scenario.ts';
import { makeRandomFile, measureTransfer, sizeOf, sourceOf } from './transfer.ts';

const MIB = 1024 * 1024;
const BUCKET = 'bench';
const AES = { cipher: 'aes128-gcm@openssh.com' };

let s3: S3Server | null = null;

/** The same large file into a bucket, against the other gateway, and against the SDK that both would have to outrun. */
export const s3Transfer: Scenario = {
  name: 's3',
  title: 'One large file into S3 and back',
  method:
    "Ceph's radosgw on the same machine, its data in memory; OpenSSH's sftp as the client, 1 GiB, aes128-gcm. The SDK: the same " +
    'bytes from a file by a multipart upload of 8 MiB parts, four at a time, and ranged downloads alike, without any SSH.',
  metrics: [
    { name: 'throughput', unit: 'MiB/s', better: 'higher' },
    { name: 'server CPU', unit: 's/GiB', better: 'lower' },
  ],
  cases: ['put', 'get'],
  servers: [latticeport, rclone, sdk],
  async prepare(bench) {
    s3 = await startS3(join(bench.directory, 's3'), BUCKET);
    await makeRandomFile(sourceOf(bench), sizeOf(bench));
  },
  place: () => Promise.resolve(s3 === null ? {} : { bucket: bucketOf(s3, BUCKET) }),
  async measure(bench: Bench, server, oneCase) {
    if (server.pid !== process.pid) return measureTransfer(bench, server, oneCase, oneCase, AES);
    if (s3 === null) throw new Error('radosgw does not run');
    const client = new S3Client(s3.clientConfig);
    const down = join(bench.directory, 'sdk-down');
    const begun = performance.now();
    if (oneCase === 'put') await sdkPut(client, BUCKET, sourceOf(bench));
    else await sdkGet(client, BUCKET, down);
    const seconds = (performance.now() - begun) / 1000;
    client.destroy();
    await rm(down, { force: true });
    return { throughput: sizeOf(bench) / MIB / seconds };
  },
  async finish() {
    await s3?.stop();
    s3 = null;
  },
};
