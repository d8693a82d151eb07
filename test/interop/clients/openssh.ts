import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PeerName } from '../../peers/peers.ts';
import { findPeer } from '../../peers/peers.ts';
import { runProgram } from '../../peers/process.ts';
import type { InteropClient, Login, Step } from '../client.ts';
import { missing } from '../client.ts';
import { KEY_TYPES } from '../identity.ts';

/** OpenSSH's `sftp` in batch mode, of any version and of the OQS project's fork. */
export function openssh(
  name: string,
  peerName: PeerName,
  origin: string,
  obtainable: boolean,
  usualKex?: string,
): InteropClient {
  const peer = findPeer(peerName);
  if (peer === null) return missing(name, origin, obtainable);
  const ssh = peer.program('ssh') ?? ['ssh'];
  return {
    name,
    version: peer.version,
    origin,
    obtainable,
    ...(usualKex === undefined ? {} : { usualKex }),
    optionalKex: queryKex(ssh),
    userKeys: KEY_TYPES,
    // `sftp -b` never asks, and OpenSSH takes a password from a terminal or a program that asks: SSH_ASKPASS.
    cannot: {},
    run: async (login, steps, timeoutMs) => {
      const options = sshOptions(login);
      const command = [...peer.command, ...options.arguments, '-P', String(login.port), '-b', '-'];
      return runProgram([...command, `${login.user}@${login.host}`], {
        input: batch(steps),
        timeoutMs,
        env: options.env,
      });
    },
  };
}

/** The arguments for `ssh`, `sftp` and what understands ssh's options, with a known_hosts file that holds the expected key. */
export function sshOptions(login: Login): {
  readonly arguments: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
} {
  const knownHosts = join(login.scratch, 'known_hosts');
  writeFileSync(knownHosts, `[${login.host}]:${login.port} ${login.hostKey.publicLine}\n`);
  const askPass = join(login.scratch, 'askpass');
  if (login.password !== null) writeFileSync(askPass, `#!/bin/sh\necho '${login.password}'\n`, { mode: 0o700 });
  const options = {
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: knownHosts,
    GlobalKnownHostsFile: '/dev/null',
    // Not BatchMode, which `sftp -b` sets: it would forbid asking for the password.
    BatchMode: login.password === null ? 'yes' : 'no',
    PreferredAuthentications: login.password === null ? 'publickey' : 'password',
    NumberOfPasswordPrompts: '1',
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    IdentityFile: login.key?.path,
    KexAlgorithms: login.kex ?? undefined,
    ConnectTimeout: '20',
  };
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return {
    arguments: ['-F', 'none', '-v', ...given.flatMap(([name, value]) => ['-o', `${name}=${String(value)}`])],
    env: login.password === null ? {} : { SSH_ASKPASS: askPass, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':' },
  };
}

/** The steps as commands for `sftp` and `psftp`, which took over the language. */
export function batch(steps: readonly Step[], word: (text: string) => string = quoted): string {
  return steps
    .map((step) => {
      switch (step.do) {
        case 'put':
          return `put ${word(step.local)} ${word(step.remote)}`;
        case 'resume-put':
          return `reput ${word(step.local)} ${word(step.remote)}`;
        case 'get':
          return `get ${word(step.remote)} ${word(step.local)}`;
        case 'resume-get':
          return `reget ${word(step.remote)} ${word(step.local)}`;
        case 'list':
          return `ls -l ${word(step.remote)}`;
        case 'mkdir':
          return `mkdir ${word(step.remote)}`;
        case 'rmdir':
          return `rmdir ${word(step.remote)}`;
        case 'remove':
          return `rm ${word(step.remote)}`;
        case 'rename':
          return `rename ${word(step.remote)} ${word(step.to)}`;
      }
    })
    .concat('')
    .join('\n');
}

const quoted = (text: string): string => `"${text}"`;

function queryKex(ssh: readonly string[]): string[] {
  const [file = 'ssh', ...first] = ssh;
  const { stdout } = spawnSync(file, [...first, '-Q', 'kex'], { encoding: 'utf8', timeout: 20_000 });
  return stdout.split('\n').filter((name) => name !== '');
}
