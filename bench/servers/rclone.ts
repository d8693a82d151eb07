import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findPeer } from '../../test/peers/peers.ts';
import { freePort, ServerProcess } from '../../test/peers/process.ts';
import { pinned } from '../measure/cores.ts';
import type { BenchServer, Bucket, Place, RunningBenchServer } from './bench-server.ts';

const peer = findPeer('rclone');

/** `rclone serve sftp` over a folder or a bucket, with its defaults. */
export const rclone: BenchServer = {
  name: 'rclone',
  version: peer?.version ?? null,
  storesInS3: true,
  async start(place: Place): Promise<RunningBenchServer> {
    if (peer === null) throw new Error('rclone is not installed');
    const authorizedKeys = join(place.directory, 'authorized_keys');
    const config = join(place.directory, 'rclone.conf');
    await writeFile(authorizedKeys, `${place.identity.userKeys['ed25519'].publicLine}\n`);
    await writeFile(config, place.bucket === undefined ? '' : remote(place.bucket));
    const port = await freePort();
    const served = place.bucket === undefined ? place.files : `store:${place.bucket.name}`;
    const server = new ServerProcess(
      pinned(place.cores, [
        ...peer.command,
        ...['serve', 'sftp', served, '--config', config, '--addr', `127.0.0.1:${port}`],
        ...['--key', place.identity.hostKeys['ed25519'].path, '--authorized-keys', authorizedKeys],
        ...['--cache-dir', join(place.directory, 'cache')],
      ]),
    );
    await server.listening(port);
    return {
      port,
      user: place.identity.user,
      pid: server.pid,
      remoteRoot: '/',
      processPerSession: false,
      stop: async () => {
        await server.stop();
      },
    };
  },
};

function remote(bucket: Bucket): string {
  return [
    '[store]',
    'type = s3',
    'provider = Ceph',
    `endpoint = ${bucket.endpoint}`,
    `region = ${bucket.region}`,
    `access_key_id = ${bucket.accessKeyId}`,
    `secret_access_key = ${bucket.secretAccessKey}`,
    '',
  ].join('\n');
}
