import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll } from '@jest/globals';
import type { CapturedKexInit } from '../../scripts/parse-kexinit.ts';
import { findPeer, missingPeer, type PeerName } from '../peers/peers.ts';

/** A client program that may be installed; started, it connects to a port of 127.0.0.1 and makes a key exchange. */
export interface RealClient {
  /** The preset that describes it. */
  readonly preset: string;
  /** null where it is `missing`. */
  readonly version: string | null;
  /** Why it cannot be used; null where it can. */
  readonly missing: string | null;
  /** Whether it is the version that the preset was captured from. */
  readonly isPresetVersion: boolean;
  /** `{port}` in the arguments stands for the port; null where it is missing. */
  readonly command: readonly string[] | null;
  /** Arguments, after the program's name, by which it trusts host keys with these fingerprints; most trust any. */
  readonly trust?: (fingerprints: readonly string[]) => readonly string[];
}

const directory = mkdtempSync(join(tmpdir(), 'latticeport-clients-'));
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

function script(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

const OPENSSH = [
  ...['-F', 'none', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'BatchMode=yes'],
  ...['-p', '{port}', 'x@127.0.0.1', 'true'],
];

const PARAMIKO = `import sys, socket, paramiko
transport = paramiko.Transport(socket.create_connection(('127.0.0.1', int(sys.argv[1]))))
transport.start_client(timeout=30)
transport.close()
`;
const ASYNCSSH = `import sys, asyncio, asyncssh
asyncio.run(asyncssh.connect('127.0.0.1', int(sys.argv[1]), known_hosts=None, username='x', password='x', config=None))
`;
const SSH2 = `const { Client } = require(${JSON.stringify(resolve(import.meta.dirname, '../../node_modules/ssh2'))});
new Client().on('error', () => {}).connect({ host: '127.0.0.1', port: +process.argv[2], username: 'x', password: 'x' });
`;

function client(
  preset: string,
  peer: PeerName,
  presetVersion: RegExp,
  program: string,
  args: readonly string[],
): RealClient {
  const found = findPeer(peer);
  const command = found?.program(program) ?? null;
  return {
    preset,
    version: found?.version ?? null,
    missing: missingPeer(peer),
    isPresetVersion: found !== null && presetVersion.test(found.version),
    command: command === null ? null : [...command, ...args],
  };
}

/** wolfSSH's example, of the version that is there; it looks for its source around it. */
function wolfssh(): RealClient[] {
  const peer = findPeer('wolfssh');
  if (peer?.directory === undefined) return [];
  const isOld = peer.version.startsWith('1.4.');
  return [
    {
      preset: isOld ? 'wolfssh-1.4' : 'wolfssh-1.5',
      version: peer.version,
      missing: null,
      isPresetVersion: isOld ? peer.version === '1.4.20' : peer.version.startsWith('1.5'),
      command: ['env', '-C', peer.directory, ...peer.command, '-u', 'x', '-P', 'x', '-h', '127.0.0.1', '-p', '{port}'],
    },
  ];
}

export const REAL_CLIENTS: readonly RealClient[] = [
  client('openssh-9.2', 'openssh-machine', /^9\.2/, 'ssh', OPENSSH),
  client('openssh-10', 'openssh-sid', /^10\.6/, 'ssh', OPENSSH),
  {
    ...client('putty-0.85', 'putty', /^0\.85/, 'plink', ['-batch', '-P', '{port}', 'x@127.0.0.1']),
    trust: (fingerprints) => fingerprints.flatMap((fingerprint) => ['-hostkey', fingerprint]),
  },
  // Twice -y: it neither asks about host keys nor remembers them.
  client('dropbear', 'dropbear', /^2026\.94/, 'dbclient', ['-y', '-y', '-T', '-p', '{port}', 'x@127.0.0.1', 'true']),
  // In no package registry: only where somebody names a folder.
  ...(findPeer('openssh-oqs') === null ? [] : [client('oqs-openssh', 'openssh-oqs', /^10\.3/, 'ssh', OPENSSH)]),
  ...wolfssh(),
  client('paramiko', 'paramiko', /^5\.0/, 'python3', [script('paramiko-client.py', PARAMIKO), '{port}']),
  client('asyncssh', 'asyncssh', /^2\.24/, 'python3', [script('asyncssh-client.py', ASYNCSSH), '{port}']),
  client('libssh2', 'curl', /^8/, 'curl', ['-sk', 'sftp://x:x@127.0.0.1:{port}/']),
  {
    preset: 'ssh2',
    version: 'npm',
    missing: null,
    isPresetVersion: true,
    command: [process.execPath, script('ssh2-client.cjs', SSH2), '{port}'],
  },
];

const run = promisify(execFile);
const CAPTURE = resolve(import.meta.dirname, '../../scripts/capture-kexinit.ts');

/** The command line that connects the client to `port`, trusting host keys with these fingerprints. */
export function commandFor(realClient: RealClient, port: number, fingerprints: readonly string[]): string[] {
  const args = (realClient.command ?? []).map((arg) => arg.replaceAll('{port}', String(port)));
  const trust = realClient.trust?.(fingerprints) ?? [];
  // Before the host name, which ends PuTTY's options.
  return [...args.slice(0, -1), ...trust, ...args.slice(-1)];
}

/** What the client offers a server that it knows nothing of. */
export async function captureOffer({ command }: RealClient): Promise<CapturedKexInit> {
  const { stdout } = await run(process.execPath, [CAPTURE, ...(command ?? [])], { timeout: 40_000 });
  return JSON.parse(stdout) as CapturedKexInit;
}
