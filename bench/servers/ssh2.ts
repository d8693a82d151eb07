import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { ServerProcess } from '../../test/peers/process.ts';
import { pinned } from '../measure/cores.ts';
import type { BenchServer, Place, RunningBenchServer } from './bench-server.ts';

const PROGRAM = resolve(import.meta.dirname, '../peers/ssh2-server.ts');
const manifest = createRequire(import.meta.url).resolve('ssh2/package.json');
const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };

/** The server of npm's `ssh2`, with a plain file handler (bench/peers/ssh2-server.ts). */
export function ssh2({ noDelay }: { noDelay: boolean }): BenchServer {
  return {
    name: noDelay ? 'ssh2+nodelay' : 'ssh2',
    version: `${version}, Node ${process.versions.node}`,
    storesInS3: false,
    async start(place: Place): Promise<RunningBenchServer> {
      const job = {
        hostKey: place.identity.hostKeys['ed25519'].path,
        user: place.identity.user,
        publicKey: place.identity.userKeys['ed25519'].publicLine,
        root: place.files,
        noDelay,
      };
      const server = new ServerProcess(pinned(place.cores, [process.execPath, PROGRAM, JSON.stringify(job)]));
      const port = Number(await server.line((line) => /^\d+$/.test(line)));
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
}
