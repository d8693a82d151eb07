// Few descriptors: what the server says of it, and that neither connections nor one user's files take them all.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { FileDescriptors, shareDescriptors } from '../../src/server/descriptors.ts';
import { parseConfig } from '../../src/config/load.ts';
import { SftpChannel } from '../client/sftp-channel.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import type { Identity } from '../interop/identity.ts';
import { makeIdentity } from '../interop/identity.ts';
import { freePort, ServerProcess } from '../peers/process.ts';
import { MODERN, until } from '../transport/transport-pair.ts';

const MAIN = path.resolve(import.meta.dirname, '../../dist/cli/main.js');
const { limits } = parseConfig('{"hostKeys":["k"],"storage":{"type":"memory"}}', '/x.json').config;

test.each([
  [1_048_576, { connections: 10_000, unauthenticated: 200 }],
  [20_000, { connections: 10_000, unauthenticated: 200 }],
  [1024, { connections: 358, unauthenticated: 179 }],
  [256, { connections: 77, unauthenticated: 38 }],
  [Infinity, { connections: 10_000, unauthenticated: 200 }],
])('a limit of %d is shared out, and never more than it', (limit, expected) => {
  const shares = shareDescriptors(limit, limits);
  expect(shares).toMatchObject(expected);
  expect(shares.connections + shares.unauthenticated + shares.files).toBeLessThanOrEqual(limit);
});

test('a user gets half of what there is for files, and what is given back is there again', () => {
  const files = new FileDescriptors();
  const shares = shareDescriptors(256, limits);
  let count = 0;
  while (files.take('alice', 1, shares)) count += 1;
  expect(count).toBe(Math.floor(shares.files / 2));
  expect(files.take('bob', 3, shares)).toBe(true);
  files.give('alice', 2);
  expect([files.take('alice', 2, shares), files.take('alice', 1, shares)]).toEqual([true, false]);
});

const base = mkdtempSync(path.join(tmpdir(), 'latticeport-descriptors-'));
let identity: Identity;
let ssh: number;
let http: number;
let server: ServerProcess | undefined;
const sockets: Socket[] = [];

beforeAll(async () => {
  identity = await makeIdentity(path.join(base, 'identity'));
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server?.stop('SIGKILL');
});

afterAll(() => {
  rmSync(base, { recursive: true, force: true });
});

async function serve(descriptors: number): Promise<ServerProcess> {
  const folder = path.join(base, String(descriptors));
  mkdirSync(folder);
  [ssh, http] = [await freePort(), await freePort()];
  const publicKeys = [identity.userKeys.ed25519.publicLine];
  const config = {
    listen: { host: '0.0.0.0', port: ssh },
    metrics: { port: http },
    hostKeys: [identity.hostKeys.ed25519.path],
    storage: { type: 'local', root: 'files' },
    users: ['alice', 'bob'].map((name) => ({ name, publicKeys, home: `/${name}` })),
    limits: { connectionsPerSecondPerSource: 0 },
  };
  writeFileSync(path.join(folder, 'latticeport.json'), JSON.stringify(config));
  const command = ['sh', '-c', `ulimit -n ${descriptors}; exec "$0" "$1" serve`, process.execPath, MAIN];
  server = new ServerProcess(command, { cwd: folder });
  await server.line((line) => line.includes('server.listening'));
  return server;
}

async function login(user: string, localAddress = '127.0.0.1'): Promise<SftpChannel> {
  const socket = connect({ host: '127.0.0.1', port: ssh, localAddress });
  sockets.push(socket);
  const client = new SshTestClient(socket, { algorithms: MODERN });
  await client.startAuth();
  const key = parsePrivateKey(readFileSync(identity.userKeys.ed25519.path, 'utf8'));
  expect(await client.publicKey(user, key, 'ssh-ed25519')).toBe(52);
  return SftpChannel.open(client);
}

function silent(port: number, localAddress: string): void {
  const socket = connect({ host: '127.0.0.1', port, localAddress });
  socket.on('error', () => undefined);
  sockets.push(socket);
}

test('one user who opens what it can, and strangers who connect as they can, leave others their share', async () => {
  const process = await serve(200);
  const warning = await process.line((line) => line.includes('server.few-descriptors'));
  expect(JSON.parse(warning)).toMatchObject({ level: 'warn', limit: 200, configured: 10_000 });

  const alice = await login('alice');
  let refusal: unknown;
  for (let i = 0; refusal === undefined && i < 128; i += 1) {
    await alice.create(`/${i}`).catch((error: unknown) => (refusal = error));
  }
  expect(String(refusal)).toContain('Too many open files');
  for (let i = 0; i < 300; i += 1) silent(ssh, '127.0.0.1');
  const bob = await login('bob', '127.0.0.9');
  await bob.put('/file', Buffer.from('as ever'));
  expect((await bob.get('/file')).toString()).toBe('as ever');
  expect((await fetch(`http://127.0.0.1:${http}/healthz`)).status).toBe(200);
});

test('no descriptors are left for connections: the log says so, and when there are some again', async () => {
  const process = await serve(60);
  for (let i = 0; i < 64; i += 1) silent(http, '127.0.0.1');
  const line = await process.line((text) => text.includes('server.descriptors-exhausted'));
  expect(JSON.parse(line)).toMatchObject({ level: 'error', code: 'EMFILE' });
  for (const socket of sockets.splice(0)) socket.destroy();
  await process.line((text) => text.includes('server.descriptors-free'));
  const bob = await login('bob');
  await bob.put('/file', Buffer.from('again'));
  await until(() => process.running, 'it runs');
});
