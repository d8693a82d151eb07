import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from '@jest/globals';
import { CLIENT_PRESETS, findClientPreset } from '../../src/policy/client-presets.ts';
import { findPeer, type PeerName } from '../peers/peers.ts';

const run = promisify(execFile);
const CAPTURE = resolve(import.meta.dirname, '../../scripts/capture-kexinit.ts');

const directory = mkdtempSync(join(tmpdir(), 'latticeport-presets-'));
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

function script(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

const NO_CONFIG = ['-F', 'none', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'];

/** How each client that may be installed is started against a port; the version that the preset was captured from. */
const CLIENTS: readonly {
  readonly preset: string;
  readonly peer: PeerName;
  readonly version: RegExp;
  readonly program: string;
  readonly args: () => string[];
}[] = [
  {
    preset: 'openssh-9.2',
    peer: 'openssh-machine',
    version: /^9\.2/,
    program: 'ssh',
    args: () => [...NO_CONFIG, '-p', '{port}', 'x@127.0.0.1'],
  },
  {
    preset: 'openssh-10',
    peer: 'openssh-sid',
    version: /^10\.6/,
    program: 'ssh',
    args: () => [...NO_CONFIG, '-p', '{port}', 'x@127.0.0.1'],
  },
  {
    preset: 'putty-0.85',
    peer: 'putty',
    version: /^0\.85/,
    program: 'plink',
    args: () => ['-batch', '-P', '{port}', 'x@127.0.0.1'],
  },
  {
    preset: 'dropbear',
    peer: 'dropbear',
    version: /^2026\.94/,
    program: 'dbclient',
    args: () => ['-y', '-p', '{port}', 'x@127.0.0.1'],
  },
  {
    preset: 'paramiko',
    peer: 'paramiko',
    version: /^5\.0/,
    program: 'python3',
    args: () => [
      script(
        'paramiko-client.py',
        'import sys, socket, paramiko\n' +
          "paramiko.Transport(socket.create_connection(('127.0.0.1', int(sys.argv[1])))).start_client(timeout=10)\n",
      ),
      '{port}',
    ],
  },
  {
    preset: 'asyncssh',
    peer: 'asyncssh',
    version: /^2\.24/,
    program: 'python3',
    args: () => [
      script(
        'asyncssh-client.py',
        'import sys, asyncio, asyncssh\n' +
          "asyncio.run(asyncssh.connect('127.0.0.1', int(sys.argv[1]), known_hosts=None, username='x', password='x', config=None))\n",
      ),
      '{port}',
    ],
  },
  {
    preset: 'libssh2',
    peer: 'curl',
    version: /^8/,
    program: 'curl',
    args: () => ['-k', 'sftp://x:x@127.0.0.1:{port}/'],
  },
];

interface Captured {
  readonly version: string;
  readonly kex: string;
  readonly hostKeys: string;
  readonly ciphers: string;
  readonly macs: string;
  readonly compression: string;
  readonly firstKexPacketFollows: boolean;
}

async function capture(command: readonly string[]): Promise<Captured> {
  const { stdout } = await run(process.execPath, [CAPTURE, ...command], { timeout: 40_000 });
  return JSON.parse(stdout) as Captured;
}

function expectPreset(name: string, captured: Captured): void {
  const preset = findClientPreset(name);
  expect({
    kex: preset?.offer.kex.join(','),
    hostKeys: preset?.offer.hostKeys.join(','),
    ciphers: preset?.offer.ciphersClientToServer.join(','),
    macs: preset?.offer.macsServerToClient.join(','),
    compression: preset?.offer.compressionClientToServer.join(','),
    firstKexPacketFollows: preset?.offer.firstKexPacketFollows,
  }).toEqual({ ...captured, version: undefined });
}

describe('presets are what the real clients send', () => {
  for (const { preset, peer, version, program, args } of CLIENTS) {
    const found = findPeer(peer);
    const command = found !== null && version.test(found.version) ? found.program(program) : null;
    const t = command === null ? test.skip : test;
    t(`${preset} (${found?.version ?? 'not installed'})`, async () => {
      expectPreset(preset, await capture([...(command ?? []), ...args()]));
    });
  }

  test('ssh2 (npm)', async () => {
    const file = script(
      'ssh2-client.cjs',
      `const { Client } = require(${JSON.stringify(resolve(import.meta.dirname, '../../node_modules/ssh2'))});\n` +
        "new Client().on('error', () => {}).connect({ host: '127.0.0.1', port: +process.argv[2], username: 'x', password: 'x' });\n",
    );
    expectPreset('ssh2', await capture([process.execPath, file, '{port}']));
  });
});

test('presets have names of their own, and lists without empty or doubled names', () => {
  expect(new Set(CLIENT_PRESETS.map(({ name }) => name)).size).toBe(CLIENT_PRESETS.length);
  for (const { offer } of CLIENT_PRESETS) {
    for (const list of Object.values(offer)) {
      if (typeof list === 'boolean') continue;
      const names = list as readonly string[];
      expect(new Set(names).size).toBe(names.length);
      expect(names.every((name) => /^[\x21-\x2b\x2d-\x7e]{1,64}$/.test(name))).toBe(true);
    }
  }
});
