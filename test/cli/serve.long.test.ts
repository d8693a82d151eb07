// `latticeport serve` as an operator meets it: the built program, its output, its exit status and its signals.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { hashPassword } from '../../src/auth/password-hash.ts';
import { login, SftpChannel } from '../client/sftp-channel.ts';
import type { Identity } from '../interop/identity.ts';
import { makeIdentity } from '../interop/identity.ts';
import type { HarnessOptions, RunningServer } from '../interop/server-harness.ts';
import { startLatticeport } from '../interop/server-harness.ts';
import { findPeer } from '../peers/peers.ts';
import type { Finished } from '../peers/process.ts';
import { freePort, runProgram, ServerProcess } from '../peers/process.ts';
import { until } from '../transport/transport-pair.ts';

const MAIN = path.resolve(import.meta.dirname, '../../dist/cli/main.js');
const SERVE = [process.execPath, MAIN, 'serve'];
const sshInstalled = findPeer('openssh-machine') !== null;

const base = mkdtempSync(path.join(tmpdir(), 'latticeport-serve-'));
let identity: Identity;
let folder: string;
let count = 0;
const running: RunningServer[] = [];

beforeAll(async () => {
  identity = await makeIdentity(path.join(base, 'identity'));
});

afterAll(() => {
  rmSync(base, { recursive: true, force: true });
});

beforeEach(() => {
  count += 1;
  folder = path.join(base, String(count));
  mkdirSync(folder);
});

afterEach(async () => {
  for (const server of running.splice(0)) await server.process.stop('SIGKILL');
});

async function start(config: HarnessOptions['config'] = {}): Promise<RunningServer> {
  const server = await startLatticeport({ directory: folder, identity, config });
  running.push(server);
  return server;
}

async function connect(server: RunningServer, user = identity.user): Promise<SftpChannel> {
  return SftpChannel.open(await login(server.port, user, identity.userKeys.ed25519));
}

/** Changes the configuration file of a server that runs. */
function reconfigure(change: (config: Record<string, unknown>) => void): void {
  const file = path.join(folder, 'latticeport.json');
  const config = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  change(config);
  writeFileSync(file, JSON.stringify(config));
}

const withUser = (config: Record<string, unknown>, name: string): void => {
  (config['users'] as unknown[]).push({ name, publicKeys: [identity.userKeys.ed25519.publicLine], home: '/' });
};

describe('the first start, in an empty folder', () => {
  const t = sshInstalled ? test : test.skip;

  t(
    'makes keys that only the owner may read and prints a command that works as it is; so does the second',
    async () => {
      const port = await freePort();
      const fingerprints: string[] = [];
      for (const round of ['first', 'second']) {
        const server = new ServerProcess([...SERVE, '-p', String(port)], { cwd: folder });
        try {
          const command = (await server.line((line) => line.startsWith('  sftp '))).trim();
          expect(server.lines.join('\n')).toContain(`Latticeport listens on 127.0.0.1 port ${port}.`);
          expect(server.lines.join('\n')).toContain('TransferPQSecurityPolicy-2026-11');
          fingerprints.push(server.lines.filter((line) => line.startsWith('  host key')).join('\n'));

          const keys = readdirSync(path.join(folder, 'keys'));
          const secret = keys.filter((name) => keys.includes(`${name}.pub`));
          // The host keys are in the state.
          expect(secret).toEqual(['demo_key']);
          for (const name of secret) expect(statSync(path.join(folder, 'keys', name)).mode & 0o777).toBe(0o600);

          const bytes = randomBytes(100_000);
          writeFileSync(path.join(folder, 'up'), bytes);
          // Exactly the line that was printed, from the folder that it names: no option is added.
          const finished = await runProgram(['sh', '-c', command], {
            cwd: folder,
            input: `put up ${round}\nget ${round} down-${round}\n`,
          });
          expect({ ...finished, milliseconds: 0 }).toMatchObject({ code: 0 });
          expect(readFileSync(path.join(folder, 'data', 'demo', round)).equals(bytes)).toBe(true);
          expect(readFileSync(path.join(folder, `down-${round}`)).equals(bytes)).toBe(true);
          const negotiated = server.lines.find((line) => line.includes('"session.negotiated"'));
          expect(JSON.parse(negotiated ?? '{}')).toMatchObject({ kex: { family: 'pq-hybrid' } });
        } finally {
          expect(await server.stop()).toBe('exit status 0');
        }
      }
      expect(fingerprints[0]).toMatch(/SHA256:/);
      expect(fingerprints[1]).toBe(fingerprints[0]);
    },
  );

  test('a configuration in the folder is found by itself', async () => {
    const server = await start();
    await server.process.stop();
    const again = new ServerProcess(SERVE, { cwd: folder });
    try {
      const line = await again.line((text) => text.includes('server.listening'));
      expect(JSON.parse(line)).toMatchObject({ users: 1 });
      expect(existsSync(path.join(folder, 'keys'))).toBe(false);
    } finally {
      await again.stop();
    }
  });
});

describe('mistakes end with status 1 and a line that says where', () => {
  /** Runs `serve` with this configuration, which must fail; the port that it names must never have been open. */
  async function refused(config: unknown, args: readonly string[] = []): Promise<Finished> {
    writeFileSync(path.join(folder, 'bad.json'), typeof config === 'string' ? config : JSON.stringify(config));
    const finished = await runProgram([...SERVE, '-c', 'bad.json', ...args], { cwd: folder, timeoutMs: 20_000 });
    expect(finished).toMatchObject({ code: 1, timedOut: false });
    expect(finished.stdout).not.toContain('server.listening');
    // One line for a person, not a stack for a programmer.
    expect(finished.stderr).toMatch(/^latticeport: /);
    expect(finished.stderr).not.toMatch(/\n\s+at /);
    return finished;
  }

  const good = (): Record<string, unknown> => ({
    listen: { host: '127.0.0.1', port: 0 },
    hostKeys: [identity.hostKeys.ed25519.path],
    storage: { type: 'local', root: 'files' },
    users: [{ name: 'tester', publicKeys: [identity.userKeys.ed25519.publicLine] }],
  });

  test.each<[string, (config: Record<string, unknown>) => void, string]>([
    ['an unknown setting', (c) => (c['frobnicate'] = 1), '$: unknown setting "frobnicate"'],
    ['a setting of the wrong type', (c) => (c['listen'] = { port: 'ssh' }), '$.listen.port: '],
    ['no host key', (c) => (c['hostKeys'] = []), '$.hostKeys: '],
    ['a host key that is not there', (c) => (c['hostKeys'] = ['nowhere']), '$.hostKeys[0]: host key cannot be read'],
    ['a policy that does not exist', (c) => (c['securityPolicy'] = 'TransferSecurityPolicy-2099'), '$.securityPolicy'],
    ['a user without a way in', (c) => (c['users'] = [{ name: 'x' }]), '$.users[0]: '],
    [
      'a user twice',
      (c) => (c['users'] = [(c['users'] as unknown[])[0], (c['users'] as unknown[])[0]]),
      '$.users[1].name',
    ],
    [
      'a key that is none',
      (c) => (c['users'] = [{ name: 'x', publicKeys: ['ssh-rsa AAAA'] }]),
      '$.users[0].publicKeys[0]',
    ],
    ['a hash that is none', (c) => (c['users'] = [{ name: 'x', passwordHash: 'secret' }]), '$.users[0].passwordHash'],
    ['a store that cannot be opened', (c) => (c['storage'] = { type: 'local', root: 'bad.json/x' }), '$.storage'],
    ['FIPS mode where there is none', (c) => (c['fips'] = 'required'), '$.fips'],
  ])('%s', async (_, change, expected) => {
    const config = good();
    change(config);
    const { stderr } = await refused(config);
    expect(stderr).toContain('bad.json');
    expect(stderr).toContain(expected);
  });

  test('not JSON', async () => {
    expect((await refused('{"listen":')).stderr).toMatch(/bad\.json: \$: not valid JSON/);
  });

  test('no such file', async () => {
    const finished = await runProgram([...SERVE, '-c', 'nowhere.json'], { cwd: folder });
    expect(finished.code).toBe(1);
    expect(finished.stderr).toMatch(/^latticeport: nowhere\.json: \$: cannot be read/);
  });

  test('a host key that others can read', async () => {
    const key = path.join(folder, 'open_key');
    copyFileSync(identity.hostKeys.ed25519.path, key);
    chmodSync(key, 0o644);
    expect((await refused({ ...good(), hostKeys: [key] })).stderr).toMatch(/\$\.hostKeys\[0\]: .*chmod 600/);
  });

  test.each([1, 2])('a port that is in use, with %d workers', async (workers) => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    try {
      const { stderr } = await refused({ ...good(), listen: { host: '127.0.0.1', port }, workers });
      expect(stderr).toContain(`127.0.0.1 port ${port} is in use by another program`);
      expect((await refused({ ...good(), workers }, ['-p', String(port)])).stderr).toContain(`port ${port} is in use`);
    } finally {
      other.close();
    }
  });

  test('an address that is not ours', async () => {
    const { stderr } = await refused({ ...good(), listen: { host: '192.0.2.1', port: 2222 } });
    expect(stderr).toContain('192.0.2.1');
  });

  test.each(['x', '-1', '65536', '1.5'])('--port %s', async (port) => {
    const finished = await runProgram([...SERVE, `--port=${port}`], { cwd: folder });
    expect(finished.code).toBe(1);
    expect(finished.stderr).toContain('expected 0 to 65535');
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
  test('ends idle sessions, lets a running upload finish, then ends with status 0', async () => {
    const server = await start();
    const idle = await connect(server);
    const busy = await connect(server);
    const bytes = randomBytes(40_000);
    const handle = await busy.create('/file');
    await busy.write(handle, 0, bytes.subarray(0, 20_000));

    process.kill(server.pid, signal);
    await server.logged(({ event }) => event === 'server.draining');
    expect(await idle.client.whenClosed()).toMatchObject({ reason: 11, byPeer: true });
    await expect(connect(server)).rejects.toThrow();

    await busy.write(handle, 20_000, bytes.subarray(20_000));
    await busy.close(handle);
    expect(readFileSync(path.join(server.root, 'file')).equals(bytes)).toBe(true);
    // Nothing is open any more: the server need not wait for the client to leave.
    expect(await busy.client.whenClosed()).toMatchObject({ reason: 11, byPeer: true });
    expect(await ended(server)).toBe('exit status 0');
    expect(server.log().find(({ event }) => event === 'server.stopped')).toMatchObject({ cutOff: 0 });
  });
});

test('what still runs at the deadline is cut off, and what came of it is stored', async () => {
  const server = await start({ shutdown: { drainSeconds: 0.5 } });
  const busy = await connect(server);
  const handle = await busy.create('/file');
  await busy.write(handle, 0, Buffer.from('the beginning'));
  process.kill(server.pid, 'SIGTERM');
  expect(await busy.client.whenClosed()).toMatchObject({ reason: 11, byPeer: true });
  expect(await ended(server)).toBe('exit status 0');
  expect(server.log().find(({ event }) => event === 'server.stopped')).toMatchObject({ cutOff: 1 });
  expect(server.log().find(({ event }) => event === 'sftp.partial-close')).toMatchObject({ path: '/file' });
  expect(readdirSync(server.root)).toEqual(['file']);
  expect(readFileSync(path.join(server.root, 'file'), 'utf8')).toBe('the beginning');
});

test('a second signal ends it at once', async () => {
  const server = await start();
  const busy = await connect(server);
  await busy.create('/file');
  process.kill(server.pid, 'SIGTERM');
  await server.logged(({ event }) => event === 'server.draining');
  // Those that follow the first at once are taken for the same.
  await until(() => {
    if (server.process.running) process.kill(server.pid, 'SIGTERM');
    return !server.process.running;
  }, 'it ends');
  expect(await ended(server)).toBe('exit status 1');
  expect(server.log().some(({ event }) => event === 'server.killed')).toBe(true);
});

test('a signal that comes twice at once, since npm passes it on as well, is one', async () => {
  const server = await start();
  const busy = await connect(server);
  const handle = await busy.create('/file');
  process.kill(server.pid, 'SIGINT');
  await server.logged(({ event }) => event === 'server.draining');
  process.kill(server.pid, 'SIGINT');
  await busy.write(handle, 0, Buffer.from('whole'));
  await busy.close(handle);
  expect(await ended(server)).toBe('exit status 0');
  expect(readFileSync(path.join(server.root, 'file'), 'utf8')).toBe('whole');
});

describe('npm start', () => {
  const npmInstalled = spawnSync('npm', ['--version']).status === 0;
  const t = npmInstalled ? test : test.skip;

  t.each([
    ['npm alone', 1],
    ['the whole process group', -1],
  ])('ends in good order with a signal to %s', async (_, sign) => {
    const root = path.resolve(import.meta.dirname, '../..');
    const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
      scripts: { start: string };
    };
    // The project's own command, on what is built already.
    writeFileSync(
      path.join(folder, 'package.json'),
      JSON.stringify({ type: 'module', scripts: { start: scripts.start, build: 'true' } }),
    );
    symlinkSync(path.join(root, 'dist'), path.join(folder, 'dist'));
    // With the project's own Node, whichever runs this test.
    symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
    const port = await freePort();
    const npm = new ServerProcess(['npm', 'start', '--', '--port', String(port)], { cwd: folder });
    try {
      await npm.line((line) => line.startsWith('  sftp '));
      process.kill(sign * npm.pid, 'SIGTERM');
      await until(() => !npm.running, 'npm has ended');
      const log = npm.lines.join('\n');
      expect(log).toContain('"server.stopped"');
      expect(log).not.toContain('"server.killed"');
      // Nobody is left who listens.
      const next = createServer().listen(port, '127.0.0.1');
      await once(next, 'listening');
      next.close();
    } finally {
      await npm.stop('SIGKILL');
    }
  });
});

describe('SIGHUP', () => {
  test('brings a new user in; sessions that are there keep what they began with', async () => {
    const server = await start();
    const before = await connect(server);
    const handle = await before.create('/file');
    await before.write(handle, 0, Buffer.from('one '));
    await expect(connect(server, 'newcomer')).rejects.toThrow('newcomer was not let in');

    reconfigure((config) => {
      withUser(config, 'newcomer');
      (config['users'] as unknown[]).shift();
    });
    process.kill(server.pid, 'SIGHUP');
    await server.logged(({ event }) => event === 'config.reloaded');

    const after = await connect(server, 'newcomer');
    await expect(connect(server)).rejects.toThrow('was not let in');
    await before.write(handle, 4, Buffer.from('two'));
    await before.close(handle);
    expect((await after.get('/file')).toString()).toBe('one two');
  });

  test('a broken configuration leaves the old one in force and says why', async () => {
    const server = await start();
    reconfigure((config) => (config['users'] = [{ name: 'x' }]));
    process.kill(server.pid, 'SIGHUP');
    const line = await server.logged(({ event }) => event === 'config.reload-failed');
    expect(line.level).toBe('error');
    expect(JSON.stringify(line)).toContain('$.users[0]');
    await connect(server);
  });

  test('names what needs a restart', async () => {
    const server = await start();
    reconfigure((config) => (config['storage'] = { type: 'memory' }));
    process.kill(server.pid, 'SIGHUP');
    expect(await server.logged(({ event }) => event === 'config.needs-restart')).toMatchObject({ setting: 'storage' });
  });
});

describe('the file of the policy in force', () => {
  const NAME = 'TransferServeSecurityPolicy-Test';
  const policy = (kexs: readonly string[]): string =>
    JSON.stringify({
      SecurityPolicy: {
        SecurityPolicyName: NAME,
        Fips: false,
        Type: 'SERVER',
        Protocols: ['SFTP'],
        SshCiphers: ['aes128-gcm@openssh.com'],
        SshKexs: kexs,
        SshMacs: ['hmac-sha2-256-etm@openssh.com'],
        SshHostKeyAlgorithms: ['ssh-ed25519'],
      },
    });

  test('is followed by new connections when it changes, and not when it breaks', async () => {
    const policies = path.join(folder, 'own-policies');
    mkdirSync(policies);
    const file = path.join(policies, `${NAME}.json`);
    writeFileSync(file, policy(['curve25519-sha256']));
    const server = await start({ securityPolicy: NAME, policyDirectories: [policies] });
    const before = await connect(server);

    writeFileSync(file, policy(['ecdh-sha2-nistp256']));
    await server.logged(({ event }) => event === 'policy.reloaded');
    // The test client offers curve25519 only.
    await expect(connect(server)).rejects.toMatchObject({ reason: 3 });
    await before.put('/still-here', Buffer.from('yes'));

    for (const broken of ['{', policy(['no-such-kex']), policy([])]) {
      const from = server.log().length;
      writeFileSync(file, broken);
      expect(await server.logged(({ event }) => event === 'policy.refused', { from })).toMatchObject({
        level: 'error',
      });
      await expect(connect(server)).rejects.toMatchObject({ reason: 3 });
    }

    const from = server.log().length;
    writeFileSync(file, policy(['curve25519-sha256']));
    await server.logged(({ event }) => event === 'policy.reloaded', { from });
    await connect(server);
  });
});

/** How the server's process ends, without a signal from here. */
async function ended(server: RunningServer): Promise<string> {
  const deadline = performance.now() + 15_000;
  while (server.process.running) {
    if (performance.now() > deadline) throw new Error('the server does not end');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return server.process.end ?? '';
}

describe('with reload.watch, as in a container', () => {
  /** What kubelet does: a new folder, then the link `..data` turned to it, then the old folder is gone. */
  function mount(volume: string, day: string, files: Readonly<Record<string, string>>): void {
    mkdirSync(path.join(volume, day), { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(volume, day, name), text);
    symlinkSync(day, path.join(volume, '..data_tmp'));
    renameSync(path.join(volume, '..data_tmp'), path.join(volume, '..data'));
    for (const name of Object.keys(files)) {
      if (!existsSync(path.join(volume, name))) symlinkSync(`..data/${name}`, path.join(volume, name));
    }
    for (const old of readdirSync(volume).filter((name) => name.startsWith('..2') && name !== day)) {
      rmSync(path.join(volume, old), { recursive: true });
    }
  }

  test('a changed ConfigMap, then a changed Secret, is in force within a minute, without a signal', async () => {
    const [etc, secrets] = [path.join(folder, 'etc'), path.join(folder, 'secrets')];
    const [passwordHash, other] = await Promise.all([hashPassword('first secret'), hashPassword('second secret')]);
    mount(secrets, '..2026_1', { acme: passwordHash });
    const config = (...users: string[]): string =>
      JSON.stringify({
        listen: { host: '127.0.0.1', port: 0 },
        hostKeys: [identity.hostKeys.ed25519.path],
        storage: { type: 'memory' },
        users: users.map((name) => ({ name, passwordHashFile: path.join(secrets, 'acme') })),
        limits: { connectionsPerSecondPerSource: 0 },
        log: { format: 'json' },
        reload: { watch: true },
      });
    mount(etc, '..2026_1', { 'latticeport.json': config('acme') });
    const server = new ServerProcess([...SERVE, '--config', path.join(etc, 'latticeport.json')]);
    try {
      const listening = JSON.parse(await server.line((line) => line.includes('"server.listening"'))) as {
        port: number;
      };
      const may = async (user: string, password: string): Promise<boolean> =>
        login(listening.port, user, password).then(
          (client) => {
            client.end();
            return true;
          },
          () => false,
        );
      expect(await may('newcomer', 'first secret')).toBe(false);
      const reloaded = async (from: number): Promise<void> => {
        await server.line((line) => line.includes('"config.reloaded"'), { from, timeoutMs: 60_000 });
      };

      let from = server.lines.length;
      mount(etc, '..2026_2', { 'latticeport.json': config('acme', 'newcomer') });
      await reloaded(from);
      expect(await may('newcomer', 'first secret')).toBe(true);

      from = server.lines.length;
      mount(secrets, '..2026_2', { acme: other });
      await reloaded(from);
      expect(await may('newcomer', 'first secret')).toBe(false);
      expect(await may('newcomer', 'second secret')).toBe(true);
    } finally {
      expect(await server.stop()).toBe('exit status 0');
    }
  }, 180_000);
});
