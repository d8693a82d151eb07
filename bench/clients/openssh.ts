import { findPeer } from '../../test/peers/peers.ts';
import type { Finished } from '../../test/peers/process.ts';
import { mustRun } from '../../test/peers/process.ts';

/** The client that drives every server alike: OpenSSH 10 where there is one, the machine's own otherwise. */
export const client = findPeer('openssh-10') ?? findPeer('openssh-machine');

export interface Login {
  readonly port: number;
  readonly user: string;
  /** Path of the private key. */
  readonly key: string;
  readonly cipher?: string;
  readonly mac?: string;
  readonly kex?: string;
}

/** Options for `ssh` and `sftp` alike that keep this machine's own configuration out of the measurement. */
export function loginOptions(login: Login): string[] {
  const options = {
    StrictHostKeyChecking: 'no',
    UserKnownHostsFile: '/dev/null',
    GlobalKnownHostsFile: '/dev/null',
    BatchMode: 'yes',
    IdentitiesOnly: 'yes',
    IdentityFile: login.key,
    LogLevel: 'ERROR',
    Ciphers: login.cipher,
    MACs: login.mac,
    KexAlgorithms: login.kex,
  };
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return ['-F', 'none', ...given.flatMap(([name, value]) => ['-o', `${name}=${String(value)}`])];
}

/** Runs the batch of sftp commands in one session; throws unless all of them succeed. */
export async function sftp(login: Login, batch: readonly string[], timeoutMs = 120_000): Promise<Finished> {
  if (client === null) throw new Error('sftp is not installed');
  const command = [...client.command, ...loginOptions(login), '-P', String(login.port), '-b', '-'];
  return mustRun([...command, `${login.user}@127.0.0.1`], { input: `${batch.join('\n')}\n`, timeoutMs });
}
