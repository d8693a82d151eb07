// Runs shell lines on an sshfs mount of a test's server.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { findPeer, findProgram } from '../peers/peers.ts';
import { mustRun } from '../peers/process.ts';
import { findOpenSsh, sshOptions, type ClientsSite } from './clients-site.ts';

const sshfs = findPeer('sshfs');
const unmount = findProgram('machine', 'fusermount3');
const ssh = findOpenSsh('ssh');
const fuse = spawnSync('sh', ['-c', ': <>/dev/fuse'], { stdio: 'ignore' }).status === 0;

/** Why nothing can be mounted here, or null. */
export const sshfsLacking = !fuse
  ? 'this kernel has no FUSE'
  : sshfs === null || unmount === null || ssh === null
    ? 'sshfs or OpenSSH is not installed'
    : null;

/** On a mount of its own; resolves when the server has closed everything. Throws with the output unless all lines succeed. */
export async function onSshfsMount(site: ClientsSite, lines: readonly string[], timeoutMs = 100_000): Promise<string> {
  const { server } = site;
  const folder = site.folder();
  const mount = path.join(folder, 'mount');
  mkdirSync(mount);
  const connect = path.join(folder, 'connect');
  const words = [...(ssh ?? []), ...sshOptions(server)].map((word) => `'${word}'`);
  writeFileSync(connect, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`, { mode: 0o700 });
  const script = [
    'set -e',
    `${sshfs?.command.join(' ') ?? ''} -o ssh_command=${connect} -p ${server.port} demo@127.0.0.1:/ ${mount}`,
    `trap 'cd /; ${unmount?.join(' ') ?? ''} -u ${mount}' EXIT`,
    `cd ${mount}`,
    ...lines,
  ];
  const { stdout } = await mustRun(['bash', '-c', script.join('\n')], { timeoutMs });
  // sshfs does not wait for the answers to its last CLOSEs before the mount is gone.
  await site.expectNothingOpen();
  return stdout;
}
