// The demo as somebody meets it who runs `npm start` in a new directory: the lines that it prints are run as they stand.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { findPeer, missingPeer } from '../../peers/peers.ts';
import { freePort, runProgram, ServerProcess, type Finished } from '../../peers/process.ts';

const SERVE = [process.execPath, path.resolve(import.meta.dirname, '../../../dist/cli/main.js'), 'serve'];

let folder: string;
let server: ServerProcess | null = null;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'latticeport-demo-'));
});

afterEach(async () => {
  await stop();
  rmSync(folder, { recursive: true });
});

async function stop(): Promise<void> {
  await server?.stop();
  server = null;
}

/** What it printed, up to its last line. */
async function start(...options: string[]): Promise<string[]> {
  await stop();
  server = new ServerProcess([...SERVE, ...options], { cwd: folder });
  await server.line((line) => line.startsWith('To serve with settings of your own'));
  return [...server.lines];
}

function printed(lines: readonly string[], beginning: string): string[] {
  return lines.map((line) => line.trim()).filter((line) => line.startsWith(beginning));
}

const awsCli = findPeer('aws-cli');
const openssh = findPeer('openssh-machine');
const missing = [missingPeer('aws-cli'), missingPeer('openssh-machine')].filter((each) => each !== null);
const name = 'what it prints works, the server is one of the API, and stays as its operator leaves it';
const title = missing.length === 0 ? name : `${name} (${missing.join(', ')})`;

(awsCli === null || openssh === null ? test.skip : test)(
  title,
  async () => {
    /** Runs lines in one shell, as they are printed, where `aws` is the client that the tests have found. */
    const shell = (lines: readonly string[], input = ''): Promise<Finished> => {
      const aws = `aws() { ${(awsCli?.command ?? []).map((word) => `'${word}'`).join(' ')} "$@"; }`;
      const quiet = { AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null', AWS_PAGER: '' };
      return runProgram(['sh', '-c', [aws, ...lines].join('\n')], { cwd: folder, input, env: quiet });
    };
    const port = await freePort();
    let lines = await start('-p', String(port));
    const [sftp = ''] = printed(lines, 'sftp ');
    expect(sftp).toBe(`sftp -P ${port} -i keys/demo_key -o UserKnownHostsFile=keys/known_hosts demo@127.0.0.1`);
    writeFileSync(path.join(folder, 'up'), 'a file');
    const upload = await shell([sftp], 'pwd\nput up\n');
    expect(upload).toMatchObject({ code: 0 });
    expect(upload.stdout).toContain('Remote working directory: /\n');
    expect(readFileSync(path.join(folder, 'data/demo/up'), 'utf8')).toBe('a file');

    const environment = printed(lines, 'export AWS_');
    expect(environment).toHaveLength(3);
    const [listServers = ''] = printed(lines, 'aws transfer list-servers');
    const listed = await shell([...environment, listServers]);
    expect(listed).toMatchObject({ code: 0, stderr: '' });
    const { Servers } = JSON.parse(listed.stdout) as { Servers: readonly { ServerId: string; State: string }[] };
    expect(Servers).toHaveLength(1);
    const [{ ServerId } = { ServerId: '' }] = Servers;
    expect(Servers).toMatchObject([{ State: 'ONLINE', UserCount: 1 }]);

    /** A call of the operator, with what stands behind `aws transfer list-servers` in the printed line. */
    const call = async (operation: string, ...options: string[]): Promise<string> => {
      const line = [listServers.replace('list-servers', operation), '--server-id', ServerId, ...options].join(' ');
      const finished = await shell([...environment, line]);
      expect(finished).toMatchObject({ code: 0, stderr: '' });
      return finished.stdout;
    };
    expect(JSON.parse(await call('describe-server'))).toMatchObject({ Server: { State: 'ONLINE', ServerId } });
    await call('update-server', '--pre-authentication-login-banner', 'changed');
    const role = 'arn:aws:iam::000000000000:role/anybody';
    const key = `"$(cat keys/demo_key.pub)"`;
    await call(
      'create-user',
      '--user-name second --role',
      role,
      '--home-directory /data/second',
      '--ssh-public-key-body',
      key,
    );
    const second = await shell([sftp.replace('demo@', 'second@')], 'put up\n');
    expect(second).toMatchObject({ code: 0 });
    expect(second.stderr).toContain('changed');
    expect(readFileSync(path.join(folder, 'data/second/up'), 'utf8')).toBe('a file');

    // Stopped, it stays so over a start, which says how it goes on.
    await call('stop-server');
    expect(await shell([sftp])).toMatchObject({ code: 255 });
    lines = await start('-p', String(port));
    expect(printed(lines, 'sftp ')).toEqual([]);
    const [startServer = ''] = printed(lines, 'aws transfer start-server');
    expect(printed(lines, 'export AWS_')).toEqual(environment);
    expect(await shell([...environment, startServer])).toMatchObject({ code: 0, stderr: '' });
    const again = await shell([sftp], 'ls\n');
    expect(again).toMatchObject({ code: 0 });
    expect(again.stdout).toContain('up');

    // Deleted, it does not come back.
    await call('delete-server');
    lines = await start('-p', String(port));
    expect(lines).toContain('The demo server is deleted.');
    const none = await shell([...environment, ...printed(lines, 'aws transfer list-servers')]);
    expect(JSON.parse(none.stdout)).toEqual({ Servers: [] });
  },
  240_000,
);

test('a port in use is said in one line, and the next start makes the demo all the same', async () => {
  const lines = await start('-p', '0');
  const taken = /listens on 127\.0\.0\.1 port (\d+)/.exec(lines.join('\n'))?.[1] ?? '';
  const elsewhere = mkdtempSync(path.join(tmpdir(), 'latticeport-demo-'));
  try {
    const refused = await runProgram([...SERVE, '-p', taken], { cwd: elsewhere });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toBe(
      `latticeport: 127.0.0.1 port ${taken} is in use by another program: choose another with --port\n`,
    );
    await stop();
    server = new ServerProcess([...SERVE, '-p', taken], { cwd: elsewhere });
    await server.line((line) => line.startsWith(`Latticeport listens on 127.0.0.1 port ${taken}.`));
  } finally {
    await stop();
    rmSync(elsewhere, { recursive: true });
  }
});
