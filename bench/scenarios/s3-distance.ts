import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { ServerProcess } from '../../test/peers/process.ts';
import type { S3Server } from '../../test/peers/s3-server.ts';
import { sftp } from '../clients/openssh.ts';
import { bucketOf, startS3 } from '../servers/s3-bucket.ts';
import { latticeport, rclone } from '../servers/servers.ts';
import type { Bench, Scenario } from './scenario.ts';
import { makeRandomFile } from './transfer.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const BUCKET = 'bench';
const ROUND_TRIP_MS = 20;
const PROXY = resolve(import.meta.dirname, '../clients/delay-proxy.ts');
const filesOf = (bench: Bench): number => (bench.smoke ? 5 : 200);
const sizeOf = (bench: Bench): number => (bench.smoke ? 9 * MIB : 256 * MIB);
const folderOf = (bench: Bench): string => join(bench.directory, 'distant');
const largeOf = (bench: Bench): string => join(bench.directory, 'distant-large');

let s3: S3Server | null = null;
let proxy: ServerProcess | null = null;
let port = 0;

/** The store is where it usually is: not on the same machine. */
export const s3Distance: Scenario = {
  name: 's3-distance',
  title: `S3 that is ${ROUND_TRIP_MS} ms away`,
  method:
    "Ceph's radosgw on the same machine, its data in memory, behind a proxy that delays each direction by half of the round trip " +
    "and limits nothing else. OpenSSH's sftp: 200 files of 4 KiB one after the other, and 256 MiB; time of the whole command.",
  metrics: [{ name: 'time', unit: 's', better: 'lower' }],
  cases: ['put 200 × 4 KiB', 'get 200 × 4 KiB', 'rm 200', 'put 256 MiB', 'get 256 MiB'],
  servers: [latticeport, rclone],
  async prepare(bench) {
    s3 = await startS3(join(bench.directory, 's3'), BUCKET);
    const target = new URL(bucketOf(s3, BUCKET).endpoint).port;
    proxy = new ServerProcess([process.execPath, PROXY, target, String(ROUND_TRIP_MS)]);
    port = Number(await proxy.line((line) => /^\d+$/.test(line)));
    mkdirSync(folderOf(bench));
    for (let i = 0; i < filesOf(bench); i += 1) writeFileSync(join(folderOf(bench), `file-${i}`), randomBytes(4 * KIB));
    await makeRandomFile(largeOf(bench), sizeOf(bench));
  },
  place: () =>
    Promise.resolve(s3 === null ? {} : { bucket: { ...bucketOf(s3, BUCKET), endpoint: `http://127.0.0.1:${port}` } }),
  async measure(bench, server, oneCase) {
    const [action = '', count = ''] = oneCase.split(' ');
    const down = join(bench.directory, 'distant-down');
    const large = { put: [`put ${largeOf(bench)} /large`], get: [`lmkdir ${down}`, `get /large ${down}`] };
    const small = {
      put: ['-mkdir /small', `put ${folderOf(bench)}/* /small`],
      get: [`lmkdir ${down}`, `get /small/* ${down}`],
      rm: ['rm /small/*', 'rmdir /small'],
    };
    const batch = (count === '256' ? large : small)[action as 'put' | 'get'];
    const login = { port: server.port, user: server.user, key: bench.identity.userKeys['ed25519'].path };
    const { milliseconds } = await sftp({ ...login, cipher: 'aes128-gcm@openssh.com' }, batch, 300_000);
    if (action === 'get') {
      const wanted = count === '256' ? 1 : filesOf(bench);
      const came = readdirSync(down).length;
      await rm(down, { recursive: true });
      if (came !== wanted) throw new Error(`${came} files came back`);
    }
    return { time: milliseconds / 1000 };
  },
  async finish() {
    await proxy?.stop('SIGKILL');
    await s3?.stop();
    [proxy, s3] = [null, null];
  },
};
