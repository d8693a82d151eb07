import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findPeer } from '../../peers/peers.ts';
import { mustRun, runProgram } from '../../peers/process.ts';
import type { InteropClient } from '../client.ts';
import { missing } from '../client.ts';
import { KEY_TYPES } from '../identity.ts';
import { batch } from './openssh.ts';

const NAME = 'dropbear dbclient';
const ORIGIN = 'Debian sid';

/** Dropbear's `dbclient`, which has no SFTP client of its own, as the connection of OpenSSH's `sftp`. */
export function dropbear(): InteropClient {
  const peer = findPeer('dropbear');
  const convert = peer?.program('dropbearconvert') ?? null;
  const sftp = findPeer('openssh-machine');
  if (peer === null || convert === null || sftp === null) return missing(NAME, ORIGIN, true);
  return {
    name: NAME,
    version: peer.version,
    origin: ORIGIN,
    obtainable: true,
    optionalKex: [],
    userKeys: KEY_TYPES,
    cannot: {},
    run: async (login, steps, timeoutMs) => {
      const home = join(login.scratch, '.ssh');
      mkdirSync(home, { mode: 0o700 });
      // dropbear's file knows hosts without ports
      writeFileSync(join(home, 'known_hosts'), `${login.host} ${login.hostKey.publicLine}\n`);
      const credentials: string[] = [];
      if (login.key !== null) {
        const key = join(login.scratch, 'user.dropbear');
        await mustRun([...convert, 'openssh', 'dropbear', login.key.path, key]);
        credentials.push('-i', key);
      }
      // sftp -D starts a program without arguments of its own and speaks SFTP with it.
      const connect = join(login.scratch, 'connect');
      const command = [
        ...peer.command,
        '-p',
        String(login.port),
        ...credentials,
        '-s',
        `${login.user}@${login.host}`,
        'sftp',
      ];
      writeFileSync(connect, `#!/bin/sh\nexec ${command.map((word) => `'${word}'`).join(' ')}\n`, { mode: 0o700 });
      return runProgram([...sftp.command, '-D', connect, '-b', '-'], {
        input: batch(steps),
        timeoutMs,
        env: { HOME: login.scratch, DROPBEAR_PASSWORD: login.password ?? undefined },
      });
    },
  };
}
