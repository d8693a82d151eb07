import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { ServerProcess } from '../../test/peers/process.ts';
import type { S3Server } from '../../test/peers/s3-server.ts';
import { sftp } from '../clients/openssh.ts';
import type { RunningBenchServer } from '../servers/bench-server.ts';
import { bucketOf, startS3 } from '../servers/s3-bucket.ts';
import { sdkGet, sdkInFlight, sdkPut, sdkSmall } from '../servers/sdk.ts';
import { latticeport, rclone } from '../servers/servers.ts';
import type { Bench, Measurement, Scenario } from './scenario.ts';
import { makeRandomFile } from './transfer.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const BUCKET = 'bench';
const PROXY = resolve(import.meta.dirname, '../clients/delay-proxy.ts');
const SMOKE_FILES = 5;
const sizeOf = (bench: Bench): number => (bench.smoke ? 9 * MIB : 256 * MIB);
const folderOf = (bench: Bench): string => join(bench.directory, 'distant');
const largeOf = (bench: Bench): string => join(bench.directory, 'distant-large');

type Action = 'put' | 'get' | 'rm';

/** The store is where it usually is: not on the same machine. */
export const s3Distance = s3At('s3-distance', { roundTripMs: 20, files: 200 });

/** Another continent's. */
export const s3FarDistance = s3At('s3-distance-80', { roundTripMs: 80, files: 50 });

function s3At(
  name: string,
  { roundTripMs, files }: { readonly roundTripMs: number; readonly files: number },
): Scenario {
  let s3: S3Server | null = null;
  let proxy: ServerProcess | null = null;
  let port = 0;
  const endpoint = (): string => `http://127.0.0.1:${port}`;
  return {
    name,
    title: `S3 that is ${roundTripMs} ms away`,
    method:
      "Ceph's radosgw on the same machine, its data in memory, behind a proxy that delays each direction by half of the round trip " +
      `and limits nothing else. OpenSSH's sftp: ${files} files of 4 KiB one after the other, and 256 MiB; time of the whole command. ` +
      'The SDK, without any SSH and in a process that runs already: a request for each small file, one after the other, and the large ' +
      'one in parts of 8 MiB, so many of them at a time.',
    metrics: [{ name: 'time', unit: 's', better: 'lower' }],
    cases: [`put ${files} × 4 KiB`, `get ${files} × 4 KiB`, `rm ${files}`, 'put 256 MiB', 'get 256 MiB'],
    servers: [latticeport, rclone, sdkInFlight(4), sdkInFlight(16)],
    async prepare(bench) {
      s3 = await startS3(join(bench.directory, 's3'), BUCKET);
      const target = new URL(bucketOf(s3, BUCKET).endpoint).port;
      proxy = new ServerProcess([process.execPath, PROXY, target, String(roundTripMs)]);
      port = Number(await proxy.line((line) => /^\d+$/.test(line)));
      mkdirSync(folderOf(bench));
      for (let i = 0; i < (bench.smoke ? SMOKE_FILES : files); i += 1) {
        writeFileSync(join(folderOf(bench), `file-${i}`), randomBytes(4 * KIB));
      }
      await makeRandomFile(largeOf(bench), sizeOf(bench));
    },
    place: () => Promise.resolve(s3 === null ? {} : { bucket: { ...bucketOf(s3, BUCKET), endpoint: endpoint() } }),
    async measure(bench, server, oneCase) {
      const [action = '', count = ''] = oneCase.split(' ');
      const large = count === '256';
      if (server.inFlight === undefined) return throughServer(bench, server, action as Action, large);
      if (s3 === null) throw new Error('radosgw does not run');
      const client = new S3Client({ ...s3.clientConfig, endpoint: endpoint() });
      try {
        return await throughSdk(bench, { client, inFlight: server.inFlight }, action as Action, large);
      } finally {
        client.destroy();
      }
    },
    async finish() {
      await proxy?.stop('SIGKILL');
      await s3?.stop();
      [proxy, s3] = [null, null];
    },
  };
}

async function throughServer(
  bench: Bench,
  server: RunningBenchServer,
  action: Action,
  large: boolean,
): Promise<Measurement> {
  const down = join(bench.directory, 'distant-down');
  const batches = large
    ? { put: [`put ${largeOf(bench)} /large`], get: [`lmkdir ${down}`, `get /large ${down}`], rm: [] }
    : {
        put: ['-mkdir /small', `put ${folderOf(bench)}/* /small`],
        get: [`lmkdir ${down}`, `get /small/* ${down}`],
        rm: ['rm /small/*', 'rmdir /small'],
      };
  const login = { port: server.port, user: server.user, key: bench.identity.userKeys['ed25519'].path };
  const { milliseconds } = await sftp({ ...login, cipher: 'aes128-gcm@openssh.com' }, batches[action], 300_000);
  if (action === 'get') {
    const wanted = large ? 1 : readdirSync(folderOf(bench)).length;
    const came = readdirSync(down).length;
    await rm(down, { recursive: true });
    if (came !== wanted) throw new Error(`${came} files came back`);
  }
  return { time: milliseconds / 1000 };
}

async function throughSdk(
  bench: Bench,
  { client, inFlight }: { readonly client: S3Client; readonly inFlight: number },
  action: Action,
  large: boolean,
): Promise<Measurement> {
  const down = join(bench.directory, 'sdk-down');
  const folder = folderOf(bench);
  const small = new Map(readdirSync(folder).map((file) => [`sdk/${file}`, readFileSync(join(folder, file))]));
  const begun = performance.now();
  if (!large) await sdkSmall(client, BUCKET, action, small);
  else if (action === 'put') await sdkPut(client, BUCKET, largeOf(bench), inFlight);
  else await sdkGet(client, BUCKET, down, inFlight);
  const seconds = (performance.now() - begun) / 1000;
  await rm(down, { force: true });
  return { time: seconds };
}
