import { spawnSync } from 'node:child_process';
import { findPeer } from '../../peers/peers.ts';
import type { Finished } from '../../peers/process.ts';
import { runProgram } from '../../peers/process.ts';
import type { InteropClient, Login, Step } from '../client.ts';
import { missing } from '../client.ts';
import { KEY_TYPES } from '../identity.ts';

const NAME = 'curl';
const ORIGIN = 'Debian sid';

/** curl, whose SSH is libssh2: a connection of its own for each step. */
export function curl(): InteropClient {
  const peer = findPeer('curl');
  if (peer === null) return missing(NAME, ORIGIN, true);
  const [program = '', ...first] = peer.command;
  const libssh2 = /libssh2\/\S+/.exec(spawnSync(program, [...first, '-V'], { encoding: 'utf8' }).stdout)?.[0] ?? '';
  return {
    name: NAME,
    version: `${peer.version} ${libssh2}`,
    origin: ORIGIN,
    obtainable: true,
    optionalKex: [],
    userKeys: KEY_TYPES,
    cannot: {},
    run: async (login, steps, timeoutMs) => {
      let last: Finished | null = null;
      for (const step of steps) {
        last = await runProgram([...peer.command, ...common(login), ...argumentsOf(login, step)], { timeoutMs });
        if (last.code !== 0) break;
      }
      if (last === null) throw new Error('no steps');
      return last;
    },
  };
}

function common(login: Login): string[] {
  const hash = login.hostKey.fingerprint.replace('SHA256:', '');
  const credentials =
    login.key === null
      ? ['-u', `${login.user}:${login.password ?? ''}`]
      : ['-u', `${login.user}:`, '--key', login.key.path, '--pubkey', login.key.publicPath];
  return ['-q', '-sS', '-v', '--connect-timeout', '20', '--hostpubsha256', hash, ...credentials];
}

function argumentsOf(login: Login, step: Step): string[] {
  const url = (path: string): string => {
    const escaped = path.split('/').map(encodeURIComponent).join('/');
    return `sftp://${login.host}:${login.port}${escaped}`;
  };
  // A command without a transfer: -I asks for nothing of the body.
  const quote = (text: string): string[] => ['-I', '-Q', text, url('/')];
  switch (step.do) {
    case 'put':
      return ['-T', step.local, url(step.remote)];
    case 'resume-put':
      return ['-C', '-', '-T', step.local, url(step.remote)];
    case 'get':
      return ['-o', step.local, url(step.remote)];
    case 'resume-get':
      return ['-C', '-', '-o', step.local, url(step.remote)];
    case 'list':
      return [url(`${step.remote}/`)];
    case 'mkdir':
      return quote(`mkdir "${step.remote}"`);
    case 'rmdir':
      return quote(`rmdir "${step.remote}"`);
    case 'remove':
      return quote(`rm "${step.remote}"`);
    case 'rename':
      return quote(`rename "${step.remote}" "${step.to}"`);
  }
}
