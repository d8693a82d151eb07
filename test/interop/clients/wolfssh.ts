import { findPeer } from '../../peers/peers.ts';
import { runProgram } from '../../peers/process.ts';
import type { InteropClient, Step } from '../client.ts';
import { missing } from '../client.ts';

const NAME = 'wolfSSH wolfsftp';
const ORIGIN = 'WOLFSSH_DIR';

/** What wolfsftp prints when a command fails: its exit status does not tell. */
const COMPLAINT = /^.*(Error|Insufficient permissions|Unknown command|Unable to|Not a regular file|peer disconnected)/m;

/** wolfSSH's example SFTP client, from a folder in which its source has been built. */
export function wolfssh(): InteropClient {
  const peer = findPeer('wolfssh');
  if (peer === null) return missing(NAME, ORIGIN, false);
  return {
    name: NAME,
    version: peer.version,
    origin: ORIGIN,
    obtainable: false,
    optionalKex: [],
    userKeys: [], // which key files it reads differs from version to version; a password it always takes
    cannot: { 'host-key-check': 'the example accepts any host key' },
    run: async (login, steps, timeoutMs) => {
      const finished = await runProgram(
        [...peer.command, '-u', login.user, '-P', login.password ?? '', '-h', login.host, '-p', String(login.port)],
        {
          input: `${steps.flatMap(commands).concat('quit').join('\n')}\n`,
          timeoutMs,
          cwd: peer.directory ?? '.',
        },
      );
      return finished.code === 0 && COMPLAINT.test(finished.stdout) ? { ...finished, code: 1 } : finished;
    },
  };
}

/** Our own small client on wolfSSH's library (docker/wolfssh/sftp-client.c), whose exit status does tell. */
export function wolfsshLibrary(): InteropClient {
  const name = 'wolfSSH library';
  const origin = "Alpine's package, in an image";
  const peer = findPeer('wolfssh-client');
  if (peer === null) return missing(name, origin, false);
  return {
    name,
    version: peer.version,
    origin,
    obtainable: false,
    optionalKex: [],
    userKeys: [],
    cannot: {},
    run: async (login, steps, timeoutMs) =>
      runProgram(
        [...peer.command, login.host, String(login.port), login.user, login.password ?? '', login.hostKey.fingerprint],
        {
          input: `${steps.flatMap((step) => (step.do === 'list' ? [`ls ${step.remote}`] : commands(step))).join('\n')}\n`,
          timeoutMs,
        },
      ),
  };
}

function commands(step: Step): string[] {
  switch (step.do) {
    case 'put':
      return [`put ${step.local} ${step.remote}`];
    case 'resume-put':
      return [`reput ${step.local} ${step.remote}`];
    case 'get':
      return [`get ${step.remote} ${step.local}`];
    case 'resume-get':
      return [`reget ${step.remote} ${step.local}`];
    case 'list':
      return [`cd ${step.remote}`, 'ls'];
    case 'mkdir':
      return [`mkdir ${step.remote}`];
    case 'rmdir':
      return [`rmdir ${step.remote}`];
    case 'remove':
      return [`rm ${step.remote}`];
    case 'rename':
      return [`rename ${step.remote} ${step.to}`];
  }
}
