import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findPeer } from '../../peers/peers.ts';
import type { Finished } from '../../peers/process.ts';
import { runProgram } from '../../peers/process.ts';
import type { InteropClient, Step } from '../client.ts';
import { missing } from '../client.ts';
import { KEY_TYPES } from '../identity.ts';

const NAME = 'rclone';
const ORIGIN = 'Debian sid';

/** rclone, whose SSH is Go's x/crypto: a connection of its own for each step. */
export function rclone(): InteropClient {
  const peer = findPeer('rclone');
  if (peer === null) return missing(NAME, ORIGIN, true);
  const [program = '', ...first] = peer.command;
  return {
    name: NAME,
    version: peer.version,
    origin: ORIGIN,
    obtainable: true,
    optionalKex: [],
    userKeys: KEY_TYPES,
    cannot: {
      'resume-put': 'rclone sends a file anew',
      'resume-get': 'rclone fetches a file anew',
    },
    run: async (login, steps, timeoutMs) => {
      const knownHosts = join(login.scratch, 'known_hosts');
      writeFileSync(knownHosts, `[${login.host}]:${login.port} ${login.hostKey.publicLine}\n`);
      const config = join(login.scratch, 'rclone.conf');
      const obscured =
        login.password === null
          ? ''
          : spawnSync(program, [...first, 'obscure', login.password], { encoding: 'utf8' }).stdout.trim();
      const settings = {
        type: 'sftp',
        host: login.host,
        port: login.port,
        user: login.user,
        ...(login.key === null ? { pass: obscured } : { key_file: login.key.path }),
        known_hosts_file: knownHosts,
        shell_type: 'none',
        ...(login.kex === null ? {} : { key_exchange: login.kex }),
      };
      const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
      writeFileSync(config, `[server]\n${lines.join('')}`);
      const common = ['--config', config, '-v', '--retries', '1', '--low-level-retries', '1', '--contimeout', '20s'];
      let last: Finished | null = null;
      for (const step of steps) {
        last = await runProgram([...peer.command, ...argumentsOf(step), ...common], { timeoutMs });
        if (last.code !== 0) break;
      }
      if (last === null) throw new Error('no steps');
      return last;
    },
  };
}

function argumentsOf(step: Step): string[] {
  const at = (path: string): string => `server:${path}`;
  switch (step.do) {
    case 'put':
    case 'resume-put':
      return ['copyto', step.local, at(step.remote)];
    case 'get':
    case 'resume-get':
      return ['copyto', at(step.remote), step.local];
    case 'list':
      return ['lsf', at(step.remote)];
    case 'mkdir':
      return ['mkdir', at(step.remote)];
    case 'rmdir':
      return ['rmdir', at(step.remote)];
    case 'remove':
      return ['deletefile', at(step.remote)];
    case 'rename':
      return ['moveto', at(step.remote), at(step.to)];
  }
}
