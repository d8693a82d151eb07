// The servers that are compared, ours first.
import { asyncssh } from './asyncssh.ts';
import { latticeport, latticeportWorkers } from './latticeport.ts';
import { openssh } from './openssh.ts';
import { rclone } from './rclone.ts';
import { ssh2 } from './ssh2.ts';

export { asyncssh, latticeport, latticeportWorkers, rclone };
export const openssh10 = openssh('openssh-10', 'sshd-10');
export const opensshMachine = openssh('openssh-stable', 'sshd-machine');
export const ssh2NoDelay = ssh2({ noDelay: true });

/** Over a folder of this machine. */
export const localServers = [
  latticeport,
  openssh10,
  opensshMachine,
  ssh2NoDelay,
  ssh2({ noDelay: false }),
  rclone,
  asyncssh,
];
