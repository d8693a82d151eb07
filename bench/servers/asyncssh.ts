import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { findPeer } from '../../test/peers/peers.ts';
import { ServerProcess } from '../../test/peers/process.ts';
import { pinned } from '../measure/cores.ts';
import type { BenchServer, Place, RunningBenchServer } from './bench-server.ts';

const PROGRAM = resolve(import.meta.dirname, '../peers/asyncssh-server.py');
const peer = findPeer('asyncssh');

/** AsyncSSH's own SFTP server. */
export const asyncssh: BenchServer = {
  name: 'asyncssh',
  version: peer?.version ?? null,
  storesInS3: false,
  async start(place: Place): Promise<RunningBenchServer> {
    if (peer === null) throw new Error('asyncssh is not installed');
    const authorizedKeys = join(place.directory, 'authorized_keys');
    await writeFile(authorizedKeys, `${place.identity.userKeys['ed25519'].publicLine}\n`);
    const job = { hostKey: place.identity.hostKeys['ed25519'].path, authorizedKeys, root: place.files };
    const server = new ServerProcess(pinned(place.cores, [...peer.command, PROGRAM, JSON.stringify(job)]));
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
