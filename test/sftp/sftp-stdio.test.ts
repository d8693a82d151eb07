// sftp-stdio: in this process over pipes, and as a program under a real sftp client.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, mkdir, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { serveOverPipes } from '../../src/cli/sftp-stdio/sftp-over-pipes.ts';
import { describeProtocol, runSftpStdio, type SftpStdioOptions } from '../../src/cli/sftp-stdio/sftp-stdio.ts';
import { SSH_FXP } from '../../src/sftp/protocol.ts';
import { SshWriter } from '../../src/wire/writer.ts';
import { findPeer } from '../peers/peers.ts';
import { memoryView } from './memory-view.ts';
import { attributesBytes, packetBytes } from './sftp-test-client.ts';

const MAIN = resolve(import.meta.dirname, 'sftp-stdio-main.ts');
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const CONFIG = join(tmpdir(), `latticeport-stdio-config-${process.pid}.json`);
const INIT = hex('00000005 01 00000003');

let base: string;
let root: string;
let run = 0;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'latticeport-stdio-'));
  const configuration = {
    hostKeys: ['unused'],
    storage: { type: 'local', root: join(base, 'store'), fsync: 'never' },
    users: [
      { name: 'tester', home: '/home/${transfer:UserName}' },
      { name: 'reader', home: '/home/tester', permissions: 'read-only' },
    ],
  };
  await writeFile(CONFIG, JSON.stringify(configuration));
});
beforeEach(async () => {
  run += 1;
  root = join(base, String(run));
  await mkdir(root);
});
afterAll(async () => {
  await rm(base, { recursive: true, force: true });
  await rm(CONFIG, { force: true });
});

function request(type: number, id: number, write: (writer: SshWriter) => void): Buffer {
  const writer = new SshWriter().uint32(id);
  write(writer);
  return packetBytes(type, writer.finish());
}

/** Sends all of `input` and EOF; answers the exit status, the answers' types, and what was logged. */
async function talk(
  options: SftpStdioOptions,
  input: readonly Buffer[],
): Promise<{ status: number; types: number[]; codes: number[]; log: string }> {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const out: Buffer[] = [];
  const log: Buffer[] = [];
  stdout.on('data', (chunk: Buffer) => out.push(chunk));
  stderr.on('data', (chunk: Buffer) => log.push(chunk));
  stdin.end(Buffer.concat(input));
  const status = await runSftpStdio(options.config === undefined ? { root, ...options } : options, {
    stdin,
    stdout,
    stderr,
  });
  const types: number[] = [];
  const codes: number[] = [];
  let bytes = Buffer.concat(out);
  while (bytes.length > 0) {
    const length = bytes.readUInt32BE();
    types.push(bytes.readUInt8(4));
    if (bytes[4] === SSH_FXP.STATUS) codes.push(bytes.readUInt32BE(9));
    bytes = bytes.subarray(4 + length);
  }
  return { status, types, codes, log: Buffer.concat(log).toString() };
}

const mkdirRequest = request(SSH_FXP.MKDIR, 1, (w) => w.string('/made').bytes(attributesBytes({ mode: 0o777 })));

describe('runSftpStdio', () => {
  test('answers what came before EOF and ends with status 0', async () => {
    const { status, types, codes } = await talk({}, [INIT, mkdirRequest]);
    expect({ status, types, codes }).toEqual({ status: 0, types: [SSH_FXP.VERSION, SSH_FXP.STATUS], codes: [0] });
    expect((await stat(join(root, 'made'))).isDirectory()).toBe(true);
  });

  test('bytes that are no SFTP end it with status 1 and a line', async () => {
    const { status, log } = await talk({}, [INIT, hex('ffffffff00')]);
    expect(status).toBe(1);
    expect(log).toContain('protocol-error');
  });

  test.each([
    ['read-only', { readOnly: true }],
    ['denied', { deniedRequests: 'mkdir,rmdir' }],
    ['not allowed', { allowedRequests: 'stat,lstat' }],
  ])('refuses what is %s', async (_what, options) => {
    const { codes } = await talk(options, [INIT, mkdirRequest]);
    expect(codes).toEqual([3]);
    expect(await readdir(root)).toEqual([]);
  });

  test('takes the mask from new directories', async () => {
    await talk({ umask: '027' }, [INIT, mkdirRequest]);
    expect((await stat(join(root, 'made'))).mode & 0o777).toBe(0o750);
  });

  test('starts where it is told, and logs what it is asked', async () => {
    const path = request(SSH_FXP.REALPATH, 1, (w) => w.string('x'));
    const make = request(SSH_FXP.MKDIR, 2, (w) => w.string('relative').bytes(attributesBytes()));
    await mkdir(join(root, 'start'));
    const { types, log } = await talk({ startDirectory: '/start', logLevel: 'DEBUG3' }, [INIT, path, make]);
    expect(types).toEqual([SSH_FXP.VERSION, SSH_FXP.NAME, SSH_FXP.STATUS]);
    expect(await readdir(join(root, 'start'))).toEqual(['relative']);
    expect(log).toMatch(/mkdir \{"path":"\/start\/relative"\}/);
    expect(log).toMatch(/realpath: status 0/);
  });

  test.each([
    [{ allowedRequests: 'open,nonsense' }],
    [{ umask: '8' }],
    [{ logLevel: 'LOUD' }],
    [{ startDirectory: 'relative' }],
    [{ startDirectory: '%x' }],
    [{ config: CONFIG, user: 'nobody' }],
    [{ config: CONFIG }],
    [{ config: CONFIG, user: 'tester', root: '/' }],
  ])('refuses %o', async (options) => {
    await expect(talk(options, [])).rejects.toMatchObject({ name: 'CliError' });
  });

  test('serves a user of a configuration: its storage, its home, its permissions', async () => {
    const { codes } = await talk({ config: CONFIG, user: 'tester' }, [INIT, mkdirRequest]);
    expect(codes).toEqual([0]);
    expect(await readdir(join(base, 'store', 'home', 'tester'))).toEqual(['made']);
    const other = request(SSH_FXP.MKDIR, 1, (w) => w.string('/other').bytes(attributesBytes()));
    expect((await talk({ config: CONFIG, user: 'reader' }, [INIT, other])).codes).toEqual([3]);
  });

  test('describes itself', () => {
    expect(describeProtocol('requests')).toContain('posix-rename');
    expect(describeProtocol('extensions')).toContain('limits@openssh.com 1');
    expect(() => describeProtocol('colour')).toThrow('colour');
  });
});

test('a slow store leaves the pipe unread: no more than two megabytes and a packet are taken', async () => {
  let open: () => void = () => undefined;
  const gate = new Promise<void>((release) => {
    open = release;
  });
  const { view } = memoryView({ before: (operation) => (operation === 'write' ? gate : undefined) });
  const stdin = new PassThrough({ highWaterMark: 64 * 1024 });
  const stdout = new PassThrough();
  const answers: number[] = [];
  const status = serveOverPipes(view, {}, { stdin, stdout, stderr: new PassThrough() });
  const opened = new Promise<void>((answered) => {
    stdout.on('data', (chunk: Buffer) => {
      answers.push(chunk.length);
      if (answers.length === 2) answered();
    });
  });
  stdin.write(INIT);
  stdin.write(request(SSH_FXP.OPEN, 1, (w) => w.string('/a').uint32(0x0a).bytes(attributesBytes())));
  await opened;
  let taken = 0;
  stdin.on('data', (chunk: Buffer) => {
    taken += chunk.length;
  });
  const block = Buffer.alloc(32_768, 7);
  for (let index = 0; index < 640; index += 1) {
    const write = request(SSH_FXP.WRITE, 2 + index, (w) =>
      w
        .string(hex('00000001'))
        .uint64(index * block.length)
        .string(block),
    );
    stdin.write(write);
  }
  while (!stdin.isPaused()) await new Promise(setImmediate);
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
  expect(taken).toBeLessThan(2 * 1024 * 1024 + 300 * 1024);
  open();
  stdin.end(request(SSH_FXP.CLOSE, 1000, (w) => w.string(hex('00000001'))));
  expect(await status).toBe(0);
  const file = await view.stat(view.resolve('/a'), { followSymlinks: true });
  expect(file.attributes.size).toBe(640 * block.length);
});

describe('as a program', () => {
  test('SIGTERM gives up the open file and leaves nothing behind', async () => {
    const child = spawn(process.execPath, ['--no-warnings', MAIN, '--root', root, '-l', 'INFO'], { stdio: 'pipe' });
    const log: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => log.push(chunk));
    const ended = new Promise<number | null>((answer) => child.once('exit', answer));
    const written = new Promise<void>((answer) => {
      let seen = 0;
      child.stdout.on('data', (chunk: Buffer) => {
        seen += chunk.length;
        if (chunk.readUInt32BE(5) === 2 && chunk[4] === SSH_FXP.STATUS && seen > 0) answer();
      });
    });
    child.stdin.write(INIT);
    child.stdin.write(request(SSH_FXP.OPEN, 1, (w) => w.string('/a').uint32(0x0a).bytes(attributesBytes())));
    await new Promise<void>((answer) => {
      const look = (chunk: Buffer): void => {
        if (!chunk.includes(hex('66 00000001'))) return;
        child.stdout.off('data', look);
        answer();
      };
      child.stdout.on('data', look);
    });
    child.stdin.write(request(SSH_FXP.WRITE, 2, (w) => w.string(hex('00000001')).uint64(0).string('half')));
    await written;
    child.kill('SIGTERM');
    expect(await ended).toBe(1);
    expect(Buffer.concat(log).toString()).toContain('partial-close');
    expect(await readdir(root)).toEqual(['a']);
    expect((await readFile(join(root, 'a'))).toString()).toBe('half');
  });

  const sftp = findPeer('openssh-machine');
  const withSftp = sftp === null ? test.skip : test;

  withSftp('OpenSSH sftp: put, get, ls, ln, rename, chmod, rm', async () => {
    const server = join(base, 'server.sh');
    await writeFile(server, `#!/bin/sh\nexec '${process.execPath}' --no-warnings '${MAIN}' "$@"\n`, { mode: 0o755 });
    const data = randomBytes(3_000_001);
    await writeFile(join(root, 'source'), data, { mode: 0o640 });
    await writeFile(join(root, 'partial'), data.subarray(0, 1_234_567));
    const batch = [
      `cd ${root}`,
      'put -p source "with space"',
      'get "with space" back',
      'mkdir d',
      'rename "with space" d/moved',
      'ln d/moved hard',
      'ln -s d/moved soft',
      'cp d/moved copy',
      'chmod 600 copy',
      'ls -la',
      'df',
      '-rm missing',
      '-rmdir d',
      'rm hard',
      'put -a source partial',
    ];
    const [program = 'sftp', ...first] = sftp?.command ?? [];
    const result = spawnSync(program, [...first, '-q', '-b', '-', '-D', server], {
      cwd: root,
      input: `${batch.join('\n')}\n`,
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect(
      result.stderr
        .split('\n')
        .filter((line) => !/missing|Failure|rmdir/.test(line))
        .join('\n')
        .trim(),
    ).toBe('');
    expect(result.status).toBe(0);
    expect((await readdir(root)).sort()).toEqual(['back', 'copy', 'd', 'partial', 'soft', 'source']);
    for (const name of ['back', 'copy', 'd/moved', 'partial', 'soft']) {
      expect((await readFile(join(root, name))).equals(data)).toBe(true);
    }
    expect((await stat(join(root, 'copy'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(root, 'd/moved'))).mode & 0o777).toBe(0o640);
    expect(await readlink(join(root, 'soft'))).toBe('d/moved');
  });
});
