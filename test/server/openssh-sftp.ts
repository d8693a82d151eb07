// How the tests call OpenSSH's sftp against a server: no configuration, no question, no key but the named one.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Identity } from '../interop/identity.ts';
import type { Peer } from '../peers/peers.ts';
import { findPeer } from '../peers/peers.ts';

/** The newest OpenSSH that is installed, or `null`. */
export function findSftp(): Peer | null {
  return findPeer('openssh-10') ?? findPeer('openssh-machine');
}

export interface SftpTarget {
  readonly port: number;
  readonly identity: Identity;
  /** A folder of the test's own, for known_hosts. */
  readonly directory: string;
}

export interface SftpCallOptions {
  readonly user?: string;
  /** Private key file; default: the identity's Ed25519 key. */
  readonly key?: string;
  /** For `-o`. */
  readonly options?: readonly string[];
  /** Before the target, such as `-l 8000`. */
  readonly arguments?: readonly string[];
  /** Where the batch is; default: standard input. */
  readonly batchFile?: string;
}

/** The command; its batch is read from standard input. Ends with status 0 only where every line of it worked. */
export function sftpCommand(peer: Peer, target: SftpTarget, call: SftpCallOptions = {}): string[] {
  const { port, identity, directory } = target;
  const knownHosts = path.join(directory, `known_hosts-${port}`);
  const lines = Object.values(identity.hostKeys).map(({ publicLine }) => `[127.0.0.1]:${port} ${publicLine}\n`);
  writeFileSync(knownHosts, lines.join(''));
  const options = [
    `UserKnownHostsFile=${knownHosts}`,
    'GlobalKnownHostsFile=none',
    'StrictHostKeyChecking=yes',
    'BatchMode=yes',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    `IdentityFile=${call.key ?? identity.userKeys.ed25519.path}`,
  ];
  return [
    ...peer.command,
    // Before -b, which turns BatchMode on by itself: what comes first counts.
    ...(call.options ?? []).flatMap((option) => ['-o', option]),
    ...['-F', 'none', '-P', String(port), '-b', call.batchFile ?? '-'],
    ...options.flatMap((option) => ['-o', option]),
    ...(call.arguments ?? []),
    `${call.user ?? identity.user}@127.0.0.1`,
  ];
}
