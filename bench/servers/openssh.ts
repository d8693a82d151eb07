import { mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { KEY_TYPES } from '../../test/interop/identity.ts';
import type { PeerName } from '../../test/peers/peers.ts';
import { findPeer } from '../../test/peers/peers.ts';
import { freePort, ServerProcess } from '../../test/peers/process.ts';
import { pinned } from '../measure/cores.ts';
import type { BenchServer, Place, RunningBenchServer } from './bench-server.ts';

/** OpenSSH's sshd with its own SFTP server inside, for the user that runs the benchmark. */
export function openssh(name: string, peerName: PeerName): BenchServer {
  const peer = findPeer(peerName);
  return {
    name,
    version: peer?.version ?? null,
    storesInS3: false,
    async start(place: Place): Promise<RunningBenchServer> {
      if (peer === null) throw new Error(`${name} is not installed`);
      const port = await freePort();
      const config = join(place.directory, 'sshd_config');
      const authorized = join(place.directory, 'authorized_keys');
      await mkdir(place.files, { recursive: true });
      await writeFile(authorized, KEY_TYPES.map((type) => `${place.identity.userKeys[type].publicLine}\n`).join(''));
      // From 9.8 on sshd starts these; it looks for them where the package would have installed them.
      const session = peer.program('../lib/openssh/sshd-session');
      const auth = peer.program('../lib/openssh/sshd-auth');
      await writeFile(
        config,
        [
          `Port ${port}`,
          'ListenAddress 127.0.0.1',
          ...KEY_TYPES.map((type) => `HostKey ${place.identity.hostKeys[type].path}`),
          `AuthorizedKeysFile ${authorized}`,
          'PidFile none',
          'StrictModes no',
          'UsePAM no',
          'UseDNS no',
          'PasswordAuthentication no',
          'KbdInteractiveAuthentication no',
          'PermitRootLogin yes',
          'MaxStartups 1000:30:1000',
          'MaxSessions 1000',
          'LogLevel ERROR',
          'Subsystem sftp internal-sftp',
          ...(session === null ? [] : [`SshdSessionPath ${session.join('')}`, 'PerSourcePenalties no']),
          ...(auth === null ? [] : [`SshdAuthPath ${auth.join('')}`]),
          '',
        ].join('\n'),
      );
      const server = new ServerProcess(pinned(place.cores, [...peer.command, '-D', '-e', '-f', config]));
      await server.listening(port);
      return {
        port,
        user: userInfo().username,
        pid: server.pid,
        remoteRoot: place.files,
        processPerSession: true,
        stop: async () => {
          await server.stop();
        },
      };
    },
  };
}
