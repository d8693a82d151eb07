import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finished } from '../../peers/process.ts';
import { findPeer } from '../../peers/peers.ts';
import { mustRun, runProgram } from '../../peers/process.ts';
import type { InteropClient, Login, Step } from '../client.ts';
import { missing } from '../client.ts';
import { KEY_TYPES } from '../identity.ts';
import { batch } from './openssh.ts';

const ORIGIN = 'Debian sid';

/** PuTTY's `psftp` with a batch file. */
export function psftp(): InteropClient {
  return putty('PuTTY psftp', 'psftp', {}, async (command, login, steps, timeoutMs) => {
    const commands = join(login.scratch, 'commands');
    writeFileSync(commands, batch(steps, (text) => `"${text}"`).replaceAll('ls -l ', 'ls '));
    return runProgram([...command, '-b', commands, `${login.user}@${login.host}`], {
      timeoutMs,
      env: { HOME: login.scratch },
    });
  });
}

/** PuTTY's `pscp`, which speaks SFTP too: a connection of its own for each step. */
export function pscp(): InteropClient {
  const copies = 'pscp copies and lists files, nothing else';
  const cannot = {
    mkdir: copies,
    rmdir: copies,
    remove: copies,
    rename: copies,
    'resume-put': copies,
    'resume-get': copies,
  };
  return putty('PuTTY pscp', 'pscp', cannot, async (command, login, steps, timeoutMs) => {
    let last: Finished | null = null;
    for (const step of steps) {
      const options = { timeoutMs, env: { HOME: login.scratch } };
      last = await runProgram([...command, '-sftp', ...pscpArguments(login, step)], options);
      if (last.code !== 0) break;
    }
    if (last === null) throw new Error('no steps');
    return last;
  });
}

function pscpArguments(login: Login, step: Step): string[] {
  const remote = `${login.user}@${login.host}:${step.remote}`;
  switch (step.do) {
    case 'put':
      return [step.local, remote];
    case 'get':
      return [remote, step.local];
    case 'list':
      return ['-ls', remote];
    default:
      throw new Error(`pscp has no ${step.do}`);
  }
}

type Run = (command: readonly string[], ...rest: Parameters<InteropClient['run']>) => Promise<Finished>;

/** A program of PuTTY's, told the expected host key's fingerprint, and a key in PuTTY's own format or a password. */
function putty(name: string, program: string, cannot: InteropClient['cannot'], run: Run): InteropClient {
  const peer = findPeer('putty');
  const command = peer?.program(program) ?? null;
  const puttygen = peer?.program('puttygen') ?? null;
  if (peer === null || command === null || puttygen === null) return missing(name, ORIGIN, true);
  return {
    name,
    version: peer.version,
    origin: ORIGIN,
    obtainable: true,
    optionalKex: [],
    userKeys: KEY_TYPES,
    cannot,
    run: async (login, steps, timeoutMs) => {
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
      const options = ['-batch', '-v', '-noagent', '-hostkey', login.hostKey.fingerprint, '-P', String(login.port)];
      return run([...command, ...options, ...credentials], login, steps, timeoutMs);
    },
  };
}
