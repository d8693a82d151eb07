// `latticeport serve` whose log cannot be written: it says so once, counts what is lost, and goes on serving.
import { closeSync, constants, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { SSH_FXF } from '../../src/sftp/protocol.ts';
import { login, SftpChannel } from '../client/sftp-channel.ts';
import type { Identity } from '../interop/identity.ts';
import { makeIdentity } from '../interop/identity.ts';
import { freePort, mustRun, ServerProcess } from '../peers/process.ts';

const MAIN = path.resolve(import.meta.dirname, '../../dist/cli/main.js');
const LOST = /^latticeport_log_lines_lost_total (\d+)$/m;

const base = mkdtempSync(path.join(tmpdir(), 'latticeport-log-'));
let identity: Identity;
let folder: string;
let ssh: number;
let http: number;
let count = 0;
let server: ServerProcess | undefined;

beforeAll(async () => {
  identity = await makeIdentity(path.join(base, 'identity'));
});

afterAll(() => {
  rmSync(base, { recursive: true, force: true });
});

beforeEach(async () => {
  count += 1;
  folder = path.join(base, String(count));
  mkdirSync(folder);
  [ssh, http] = [await freePort(), await freePort()];
});

afterEach(async () => {
  await server?.stop('SIGKILL');
});

/** `redirection` is a shell's, put behind the command that serves. */
async function serve(redirection: string, { before = '', workers = 1 } = {}): Promise<ServerProcess> {
  const config = {
    listen: { host: '127.0.0.1', port: ssh },
    metrics: { port: http },
    hostKeys: [identity.hostKeys.ed25519.path],
    storage: { type: 'memory' },
    users: [{ name: identity.user, publicKeys: [identity.userKeys.ed25519.publicLine] }],
    limits: { connectionsPerSecondPerSource: 0 },
    workers,
  };
  writeFileSync(path.join(folder, 'latticeport.json'), JSON.stringify(config));
  const command = `${before} exec "$0" "$1" serve ${redirection}`;
  server = new ServerProcess(['sh', '-c', command, process.execPath, MAIN], { cwd: folder });
  await server.listening(ssh);
  return server;
}

async function get(what: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(`http://127.0.0.1:${http}${what}`, { signal: AbortSignal.timeout(5000) });
  return { status: answer.status, text: await answer.text() };
}

async function linesLost(): Promise<number> {
  return Number(LOST.exec((await get('/metrics')).text)?.[1]);
}

/** A login and a file there and back. */
async function works(): Promise<void> {
  const sftp = await SftpChannel.open(await login(ssh, identity.user, identity.userKeys.ed25519));
  await sftp.put('/file', Buffer.from('as ever'));
  sftp.client.end();
}

/** What every case has in common once the log is in trouble. */
async function goesOn(process: ServerProcess, reason: string): Promise<void> {
  await works();
  expect(await get('/healthz')).toMatchObject({ status: 200 });
  expect(await linesLost()).toBeGreaterThan(0);
  await process.said(`(${reason})`);
  expect(process.stderr).toMatch(/^latticeport: log lines are lost: [a-z ]+ \([A-Z]+\); the service goes on\n$/);
  expect(await process.stop()).toBe('exit status 0');
}

test('ENOSPC: a full disk', async () => {
  await goesOn(await serve('> /dev/full'), 'ENOSPC');
});

test('ENOSPC, with workers: each of them goes on', async () => {
  const primary = await serve('> /dev/full', { workers: 2 });
  await works();
  expect(await get('/healthz')).toMatchObject({ status: 200 });
  expect(await linesLost()).toBeGreaterThan(4);
  await primary.said('(ENOSPC)');
  expect(await primary.stop()).toBe('exit status 0');
});

test('ENOSPC on standard error as well', async () => {
  const process = await serve('> /dev/full 2>&1');
  await works();
  expect(await linesLost()).toBeGreaterThan(0);
  expect(await process.stop()).toBe('exit status 0');
});

test('EFBIG: the file has reached its largest size; what is in it is whole lines', async () => {
  const process = await serve('> log', { before: 'ulimit -f 2;' });
  while ((await linesLost()) === 0) await works();
  await goesOn(process, 'EFBIG');
  const lines = readFileSync(path.join(folder, 'log'), 'utf8').split('\n');
  for (const line of lines.slice(0, -1)) expect(JSON.parse(line)).toHaveProperty('event');
});

/** A pipe with a name, opened for reading so that the server can open it for writing. */
async function pipe(): Promise<number> {
  await mustRun(['mkfifo', path.join(folder, 'pipe')]);
  return openSync(path.join(folder, 'pipe'), constants.O_RDONLY | constants.O_NONBLOCK);
}

test('EPIPE: the reader has gone', async () => {
  const reader = await pipe();
  const process = await serve('> pipe');
  closeSync(reader);
  await goesOn(process, 'EPIPE');
});

test('a reader that stops', async () => {
  const reader = await pipe();
  const process = await serve('> pipe');
  // Each failure is a line that holds the path.
  const sftp = await SftpChannel.open(await login(ssh, identity.user, identity.userKeys.ed25519));
  const missing = `/${'x'.repeat(250)}`.repeat(15);
  while ((await linesLost()) === 0) {
    for (let i = 0; i < 50; i += 1) await expect(sftp.openFile(missing, SSH_FXF.READ)).rejects.toThrow();
  }
  sftp.client.end();
  await goesOn(process, 'EAGAIN');
  closeSync(reader);
});

test('a reader that stops, of both outputs', async () => {
  const reader = await pipe();
  const process = await serve('> pipe 2>&1');
  const sftp = await SftpChannel.open(await login(ssh, identity.user, identity.userKeys.ed25519));
  const missing = `/${'x'.repeat(250)}`.repeat(15);
  while ((await linesLost()) === 0) {
    for (let i = 0; i < 50; i += 1) await expect(sftp.openFile(missing, SSH_FXF.READ)).rejects.toThrow();
  }
  sftp.client.end();
  await works();
  expect(await get('/healthz')).toMatchObject({ status: 200 });
  expect(await process.stop()).toBe('exit status 0');
  closeSync(reader);
});
