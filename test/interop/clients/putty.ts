import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findPeer } from '../../peers/peers.ts';
import { mustRun, runProgram } from '../../peers/process.ts';
import type { InteropClient } from '../client.ts';
import { missing } from '../client.ts';
import { KEY_TYPES } from '../identity.ts';
import { batch } from './openssh.ts';

const NAME = 'PuTTY psftp';
const ORIGIN = 'Debian sid';

/** PuTTY's `psftp` with a batch file, the expected host key's fingerprint and a key in PuTTY's own format. */
export function putty(): InteropClient {
  const peer = findPeer('putty');
  const puttygen = peer?.program('puttygen') ?? null;
  if (peer === null || puttygen === null) return missing(NAME, ORIGIN, true);
  return {
    name: NAME,
    version: peer.version,
    origin: ORIGIN,
    obtainable: true,
    optionalKex: [],
    userKeys: KEY_TYPES,
    cannot: {},
    run: async (login, steps, timeoutMs) => {
      const commands = join(login.scratch, 'commands');
      writeFileSync(commands, batch(steps, (text) => `"${text}"`).replaceAll('ls -l ', 'ls '));
      const credentials: string[] = [];
      if (login.key !== null) {
        const key = join(login.scratch, 'user.ppk');
        await mustRun([...puttygen, login.key.path, '-o', key, '-O', 'private']);
        credentials.push('-i', key);
      } else if (login.password !== null) {
        const file = join(login.scratch, 'password');
        writeFileSync(file, `${login.password}\n`, { mode: 0o600 });
        credentials.push('-pwfile', file);
      }
      return runProgram(
        [
          ...peer.command,
          ...['-batch', '-v', '-noagent', '-hostkey', login.hostKey.fingerprint, ...credentials],
          ...['-P', String(login.port), '-b', commands, `${login.user}@${login.host}`],
        ],
        { timeoutMs, env: { HOME: login.scratch } },
      );
    },
  };
}
