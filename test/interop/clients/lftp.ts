import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findPeer } from '../../peers/peers.ts';
import { runProgram } from '../../peers/process.ts';
import type { InteropClient, Step } from '../client.ts';
import { missing } from '../client.ts';
import { KEY_TYPES } from '../identity.ts';
import { sshOptions } from './openssh.ts';

const NAME = 'lftp';
const ORIGIN = 'Debian 12';

/** lftp, which speaks SFTP itself over a connection that OpenSSH's `ssh` makes. */
export function lftp(): InteropClient {
  const peer = findPeer('lftp');
  const ssh = findPeer('openssh-10') ?? findPeer('openssh-machine');
  const connect = ssh?.program('ssh') ?? null;
  if (peer === null || connect === null) return missing(NAME, ORIGIN, true);
  return {
    name: NAME,
    version: peer.version,
    origin: ORIGIN,
    obtainable: true,
    optionalKex: [],
    userKeys: KEY_TYPES,
    cannot: {},
    run: async (login, steps, timeoutMs) => {
      const options = sshOptions(login);
      const program = [...connect, '-a', '-x', ...options.arguments].map(shellWord).join(' ');
      const password = login.password ?? 'unused';
      const script = [
        'set cmd:fail-exit yes',
        'set net:max-retries 1',
        'set net:timeout 20',
        'set sftp:auto-confirm no',
        `set sftp:connect-program ${lftpWord(program)}`,
        `open -u ${login.user},${lftpWord(password)} -p ${login.port} sftp://${login.host}`,
        ...steps.map(command),
        'bye',
      ];
      const file = join(login.scratch, 'script');
      writeFileSync(file, `${script.join('\n')}\n`, { mode: 0o600 });
      return runProgram([...peer.command, '-f', file], {
        timeoutMs,
        env: { HOME: login.scratch, LFTP_PASSWORD: password, ...options.env },
      });
    },
  };
}

function command(step: Step): string {
  switch (step.do) {
    case 'put':
      return `put ${lftpWord(step.local)} -o ${lftpWord(step.remote)}`;
    case 'resume-put':
      return `put -c ${lftpWord(step.local)} -o ${lftpWord(step.remote)}`;
    case 'get':
      return `get ${lftpWord(step.remote)} -o ${lftpWord(step.local)}`;
    case 'resume-get':
      return `get -c ${lftpWord(step.remote)} -o ${lftpWord(step.local)}`;
    case 'list':
      return `ls ${lftpWord(step.remote)}`;
    case 'mkdir':
      return `mkdir ${lftpWord(step.remote)}`;
    case 'rmdir':
      return `rmdir ${lftpWord(step.remote)}`;
    case 'remove':
      return `rm ${lftpWord(step.remote)}`;
    case 'rename':
      return `mv ${lftpWord(step.remote)} ${lftpWord(step.to)}`;
  }
}

const lftpWord = (text: string): string => `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
const shellWord = (text: string): string => `'${text}'`;
