import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findPeer, findProgram } from '../../peers/peers.ts';
import { runProgram } from '../../peers/process.ts';
import type { InteropClient, Step } from '../client.ts';
import { missing } from '../client.ts';
import { KEY_TYPES } from '../identity.ts';
import { sshOptions } from './openssh.ts';

const NAME = 'sshfs';
const ORIGIN = 'Debian 12';

/** sshfs: the server as a mounted file system, and ordinary programs on it. */
export function sshfs(): InteropClient {
  const peer = findPeer('sshfs');
  const unmount = findProgram('machine', 'fusermount3');
  const ssh = (findPeer('openssh-10') ?? findPeer('openssh-machine'))?.program('ssh') ?? null;
  // A kernel without FUSE cannot mount anything, whatever is installed.
  const fuse = spawnSync('sh', ['-c', ': <>/dev/fuse'], { stdio: 'ignore' }).status === 0;
  if (peer === null || unmount === null || ssh === null || !fuse) return missing(NAME, ORIGIN, fuse);
  return {
    name: NAME,
    version: peer.version,
    origin: ORIGIN,
    obtainable: true,
    optionalKex: [],
    userKeys: KEY_TYPES,
    cannot: {},
    run: async (login, steps, timeoutMs) => {
      const mount = join(login.scratch, 'mount');
      mkdirSync(mount);
      const options = sshOptions(login);
      const connect = join(login.scratch, 'connect');
      const words = [...ssh, ...options.arguments].map((word) => `'${word}'`).join(' ');
      writeFileSync(connect, `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o700 });
      const script = [
        'set -e',
        `${peer.command.join(' ')} -o ssh_command=${connect} -p ${login.port} ${login.user}@${login.host}:/ ${mount}`,
        `trap '${unmount.join(' ')} -u ${mount}' EXIT`,
        ...steps.map((step) => command(mount, step)),
      ];
      return runProgram(['bash', '-c', script.join('\n')], { timeoutMs, env: options.env });
    },
  };
}

function command(mount: string, step: Step): string {
  const remote = `'${mount}${step.remote}'`;
  switch (step.do) {
    case 'put':
      return `cp '${step.local}' ${remote}`;
    case 'resume-put':
      return `tail -c "+$(( $(stat -c %s ${remote}) + 1 ))" '${step.local}' >>${remote}`;
    case 'get':
      return `cp ${remote} '${step.local}'`;
    case 'resume-get':
      return `tail -c "+$(( $(stat -c %s '${step.local}') + 1 ))" ${remote} >>'${step.local}'`;
    case 'list':
      return `ls -l ${remote}`;
    case 'mkdir':
      return `mkdir ${remote}`;
    case 'rmdir':
      return `rmdir ${remote}`;
    case 'remove':
      return `rm ${remote}`;
    case 'rename':
      return `mv ${remote} '${mount}${step.to}'`;
  }
}
