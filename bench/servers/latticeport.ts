import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { startLatticeport } from '../../test/interop/server-harness.ts';
import { pinned } from '../measure/cores.ts';
import type { BenchServer, Bucket, Place, RunningBenchServer } from './bench-server.ts';

const { version } = JSON.parse(readFileSync(resolve(import.meta.dirname, '../../package.json'), 'utf8')) as {
  version: string;
};

/** Our own server, as built into dist/. */
export const latticeport = ours('latticeport', {});

/** With so many processes behind one port. */
export const latticeportWorkers = (count: number): BenchServer => ours(`latticeport × ${count}`, { workers: count });

function ours(name: string, settings: Readonly<Record<string, unknown>>): BenchServer {
  return {
    name,
    version: `${version}, Node ${process.versions.node}`,
    storesInS3: true,
    async start(place: Place): Promise<RunningBenchServer> {
      const server = await startLatticeport({
        directory: place.directory,
        identity: place.identity,
        storage: place.bucket === undefined ? { type: 'local', root: place.files } : s3Storage(place.bucket),
        node: pinned(place.cores, [process.execPath]),
        nodeArguments: nodeArguments(place),
        config: { log: { level: 'info', format: 'json' }, ...settings, ...place.latticeport },
      });
      return {
        port: server.port,
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
}

/** Those of the scenario, and those of who measures. */
export function nodeArguments(place: Place): string[] {
  const given = (process.env['BENCH_NODE_ARGUMENTS'] ?? '').split(' ').filter((argument) => argument !== '');
  return [...given, ...(place.nodeArguments ?? [])];
}

function s3Storage(bucket: Bucket): Record<string, unknown> {
  return {
    type: 's3',
    bucket: bucket.name,
    endpoint: bucket.endpoint,
    region: bucket.region,
    credentials: { accessKeyId: bucket.accessKeyId, secretAccessKey: bucket.secretAccessKey },
  };
}
