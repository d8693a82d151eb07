// Two worker processes behind one port: what each of them and the primary must survive.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { login, SftpChannel } from '../client/sftp-channel.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import type { Identity } from '../interop/identity.ts';
import { makeIdentity } from '../interop/identity.ts';
import type { HarnessOptions, LogEntry, RunningServer } from '../interop/server-harness.ts';
import { startLatticeport } from '../interop/server-harness.ts';
import { freePort, runProgram } from '../peers/process.ts';
import { MODERN, until } from '../transport/transport-pair.ts';

const MAIN = path.resolve(import.meta.dirname, '../../dist/cli/main.js');
const WORKERS = 2;

const base = mkdtempSync(path.join(tmpdir(), 'latticeport-workers-'));
let identity: Identity;
let folder: string;
let count = 0;
let server: RunningServer;

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
  await server.process.stop('SIGKILL');
});

async function start(config: HarnessOptions['config'] = {}): Promise<void> {
  server = await startLatticeport({ directory: folder, identity, config: { workers: WORKERS, ...config } });
  await server.logged(({ event }) => event === 'primary.ready');
}

/** A session, and the process that serves it. */
interface Placed {
  readonly sftp: SftpChannel;
  readonly worker: number;
}

async function session(user = identity.user): Promise<Placed> {
  const from = server.log().length;
  const client = await login(server.port, user, identity.userKeys.ed25519);
  const sftp = await SftpChannel.open(client);
  const entry = await server.logged(({ event, user: name }) => event === 'auth.success' && name === user, { from });
  return { sftp, worker: workerOf(entry) };
}

function workerOf(entry: LogEntry): number {
  const { worker } = entry;
  if (typeof worker !== 'number') throw new Error(`no worker in ${JSON.stringify(entry)}`);
  return worker;
}

/** Connections go to the workers in turn: a session on each. */
async function sessionOnEach(): Promise<[Placed, Placed]> {
  const one = await session();
  const other = await session();
  expect(other.worker).not.toBe(one.worker);
  return [one, other];
}

function workers(): number[] {
  const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'latin1');
  return children.trim().split(/\s+/).filter(Boolean).map(Number);
}

const alive = (pid: number): boolean => {
  try {
    // A zombie has no command line.
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1') !== '';
  } catch {
    return false;
  }
};

function reconfigure(change: (config: Record<string, unknown>) => void): void {
  const file = path.join(folder, 'latticeport.json');
  const config = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  change(config);
  // In one step: a worker that the reload before has replaced may be reading it still.
  writeFileSync(`${file}.new`, JSON.stringify(config));
  renameSync(`${file}.new`, file);
}

const withUser =
  (name: string) =>
  (config: Record<string, unknown>): void => {
    (config['users'] as unknown[]).push({ name, publicKeys: [identity.userKeys.ed25519.publicLine], home: '/' });
  };

async function reload(change: (config: Record<string, unknown>) => void): Promise<LogEntry> {
  const from = server.log().length;
  reconfigure(change);
  process.kill(server.pid, 'SIGHUP');
  return server.logged(({ event }) => event === 'config.reloaded' || event === 'config.reload-failed', { from });
}

async function hasEnded(): Promise<string> {
  await until(() => !server.process.running, 'the server has ended', 20_000);
  return server.process.end ?? '';
}

describe('workers', () => {
  test('share the port: each serves sessions on the same files', async () => {
    await start();
    const [one, other] = await sessionOnEach();
    expect(workers().sort()).toEqual([one.worker, other.worker].sort());
    const bytes = randomBytes(100_000);
    await one.sftp.put('/file', bytes);
    expect((await other.sftp.get('/file')).equals(bytes)).toBe(true);
  });

  test("a user's connections count over all workers, and those of one that dies do not", async () => {
    await start({ limits: { connectionsPerSecondPerSource: 0, connectionsPerUser: 2 } });
    const [victim] = await sessionOnEach();
    await expect(session()).rejects.toThrow('too many connections of this user');
    process.kill(victim.worker, 'SIGKILL');
    await victim.sftp.client.whenClosed();
    await server.logged(({ event }) => event === 'worker.replaced');
    await session();
    await expect(session()).rejects.toThrow('too many connections of this user');
  });

  test('one that dies is replaced; the sessions of the other go on', async () => {
    await start();
    const [victim, survivor] = await sessionOnEach();
    const handle = await survivor.sftp.create('/file');
    await survivor.sftp.write(handle, 0, Buffer.from('before, '));

    process.kill(victim.worker, 'SIGKILL');
    await victim.sftp.client.whenClosed();
    await survivor.sftp.write(handle, 8, Buffer.from('meanwhile, '));
    expect(await server.logged(({ event }) => event === 'worker.died')).toMatchObject({
      level: 'error',
      worker: victim.worker,
      signal: 'SIGKILL',
    });
    // While one is missing the other serves everybody.
    await session();
    await server.logged(({ event }) => event === 'worker.replaced');
    await survivor.sftp.write(handle, 19, Buffer.from('after'));
    await survivor.sftp.close(handle);
    expect(readFileSync(path.join(server.root, 'file'), 'utf8')).toBe('before, meanwhile, after');

    expect(workers()).toHaveLength(WORKERS);
    expect(workers()).not.toContain(victim.worker);
    const places = new Set([(await session()).worker, (await session()).worker]);
    expect(places.size).toBe(WORKERS);
  });

  test('are replaced even when all die, one after the other and at once', async () => {
    // Not port 0: when nobody listens any more the system would pick another one.
    await start({ listen: { host: '127.0.0.1', port: await freePort() } });
    for (const many of [1, 2, 2]) {
      const victims = workers().slice(0, many);
      const from = server.log().length;
      for (const pid of victims) process.kill(pid, 'SIGKILL');
      await until(
        () =>
          server
            .log()
            .slice(from)
            .filter(({ event }) => event === 'worker.replaced').length === victims.length,
        'they are replaced',
        20_000,
      );
    }
    expect(workers()).toHaveLength(WORKERS);
    await session();
  });

  test('follow a policy file that changes, each of them', async () => {
    const name = 'TransferWorkersSecurityPolicy-Test';
    const policies = path.join(folder, 'own-policies');
    mkdirSync(policies);
    const write = (kex: string): void => {
      const policy = {
        SecurityPolicyName: name,
        Fips: false,
        Type: 'SERVER',
        Protocols: ['SFTP'],
        SshCiphers: MODERN.ciphers,
        SshKexs: [kex],
        SshMacs: MODERN.macs,
        SshHostKeyAlgorithms: MODERN.hostKeys,
      };
      writeFileSync(path.join(policies, `${name}.json`), JSON.stringify({ SecurityPolicy: policy }));
    };
    write('curve25519-sha256');
    await start({ securityPolicy: name, policyDirectories: [policies] });
    await sessionOnEach();
    write('ecdh-sha2-nistp256');
    const followers = (): Set<unknown> =>
      new Set(
        server
          .log()
          .filter(({ event }) => event === 'policy.reloaded')
          .map(({ worker }) => worker),
      );
    await until(() => followers().size === WORKERS, 'both follow it');
    // The test client speaks curve25519 only.
    for (let i = 0; i < WORKERS; i += 1) await expect(session()).rejects.toMatchObject({ reason: 3 });
  });

  test('end the sessions of a key that is revoked, each of them, and those that others have replaced', async () => {
    const revokedKeys = path.join(folder, 'revoked');
    writeFileSync(revokedKeys, '');
    await start({ auth: { revokedKeys } });
    const [one, other] = await sessionOnEach();
    const from = server.log().length;
    process.kill(server.pid, 'SIGHUP');
    await server.logged(({ event }) => event === 'config.reloaded', { from });
    const late = await session();
    expect([one.worker, other.worker]).not.toContain(late.worker);
    writeFileSync(revokedKeys, `${identity.userKeys.ed25519.publicLine}\n`);
    for (const { sftp } of [one, other, late]) {
      expect(await sftp.client.whenClosed(20_000)).toMatchObject({ message: 'your access has been withdrawn' });
    }
    // Each looks at the file in its own time.
    const followers = (): Set<unknown> =>
      new Set(
        server
          .log()
          .filter(({ event }) => event === 'revoked-keys.reloaded')
          .map(({ worker }) => worker),
      );
    await until(() => followers().size === 2 * WORKERS, 'all of them follow it');
    await expect(session()).rejects.toThrow('was not let in');
  });

  test('count connections together: the limit for a source is one for all', async () => {
    await start({ limits: { connectionsPerSecondPerSource: 1 } });
    // A worker by itself would take ten of them: five at once, five more within five seconds.
    const sockets = Array.from({ length: 20 }, () => connectSocket(server.port, '127.0.0.1'));
    let banners = 0;
    let refused = 0;
    for (const socket of sockets) {
      let banner = false;
      socket.once('data', () => {
        banner = true;
        banners += 1;
      });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        if (!banner) refused += 1;
      });
    }
    await until(() => refused >= 6, 'the surplus is refused', 5_000);
    await until(() => banners >= 5, 'the first are served', 5_000);
    expect(banners + refused).toBeLessThanOrEqual(20);
    const seenBy = (): Set<unknown> =>
      new Set(
        server
          .log()
          .filter(({ event }) => event === 'connection.refused' || event === 'session.opened')
          .map(({ worker }) => worker),
      );
    await until(() => seenBy().size === WORKERS, 'both workers had a part in it');
    for (const socket of sockets) socket.destroy();
  });
});

describe('SIGHUP', () => {
  test('brings a new user in; transfers, idle sessions and logins under way on the old workers go on', async () => {
    await start();
    const old = workers();
    const [busy, idle] = await sessionOnEach();
    const handle = await busy.sftp.create('/file');
    await busy.sftp.write(handle, 0, Buffer.from('one '));
    const knocking = SshTestClient.connect(server.port, { algorithms: MODERN });
    await knocking.startAuth();
    await expect(session('newcomer')).rejects.toThrow('newcomer was not let in');

    expect(await reload(withUser('newcomer'))).toMatchObject({ event: 'config.reloaded' });
    const newcomer = await session('newcomer');
    expect(old).not.toContain(newcomer.worker);

    await busy.sftp.write(handle, 4, Buffer.from('two'));
    await busy.sftp.close(handle);
    expect((await newcomer.sftp.get('/file')).toString()).toBe('one two');
    await idle.sftp.put('/idle', Buffer.from('still here'));
    expect(await knocking.password(identity.user, identity.password)).toBe(52);

    for (const client of [busy.sftp.client, idle.sftp.client, knocking]) client.end();
    await until(() => !old.some(alive), 'the old workers end with their last sessions', 20_000);
    await until(() => workers().length === WORKERS, 'only the new ones are left');
    await newcomer.sftp.put('/new', Buffer.from('x'));
  });

  test('loses no connection that arrives meanwhile', async () => {
    await start();
    const over = { reloads: false };
    const knock = async (): Promise<void> => {
      const socket = connectSocket(server.port, '127.0.0.1');
      let banner = '';
      let failure: Error | null = null;
      socket.setEncoding('latin1').on('data', (text: string) => (banner += text));
      socket.on('error', (error) => (failure = error));
      await until(
        () => banner.includes('\n') || failure !== null || socket.closed,
        'the server says its version',
        10_000,
      );
      socket.destroy();
      expect({ banner, failure }).toEqual({ banner: expect.stringMatching(/^SSH-2\.0-/), failure: null });
    };
    const visitors = Array.from({ length: 4 }, async () => {
      let visits = 0;
      for (; !over.reloads; visits += 1) await knock();
      return visits;
    });
    for (let round = 0; round < 4; round += 1) {
      expect(await reload(withUser(`newcomer${round}`))).toMatchObject({ event: 'config.reloaded' });
    }
    over.reloads = true;
    for (const visits of await Promise.all(visitors)) expect(visits).toBeGreaterThan(0);
    await until(() => workers().length === WORKERS, 'the old workers are gone', 10_000);
  });

  test('a configuration that does not parse leaves the workers alone', async () => {
    await start();
    const before = workers();
    const line = await reload((config) => (config['users'] = [{ name: 'x' }]));
    expect(line).toMatchObject({ event: 'config.reload-failed', level: 'error' });
    expect(JSON.stringify(line)).toContain('$.users[0]');
    expect(workers()).toEqual(before);
    await session();
  });

  test('a configuration with which no worker can start leaves the old ones in force', async () => {
    await start();
    const before = workers();
    const placed = await session();
    const line = await reload((config) => {
      withUser('newcomer')(config);
      config['storage'] = { type: 'local', root: path.join(folder, 'latticeport.json', 'x') };
    });
    expect(line).toMatchObject({ event: 'config.reload-failed' });
    expect(JSON.stringify(line)).toContain('$.storage');
    await until(() => workers().length === WORKERS, 'the new ones are gone', 10_000);
    expect(workers()).toEqual(before);
    await placed.sftp.put('/file', Buffer.from('x'));
    await session();
    await expect(session('newcomer')).rejects.toThrow('was not let in');

    expect(
      await reload((config) => {
        config['storage'] = { type: 'local', root: path.join(folder, 'files') };
      }),
    ).toMatchObject({ event: 'config.reloaded' });
    await session('newcomer');
  });

  test('again and again, and while a worker is being replaced: there are as many as configured', async () => {
    await start();
    /** Leaves no session behind, so that retired workers go. */
    const worker = async (user?: string): Promise<number> => {
      const placed = await session(user);
      placed.sftp.client.end();
      return placed.worker;
    };
    for (let i = 0; i < 3; i += 1) process.kill(server.pid, 'SIGHUP');
    process.kill(workers()[0] ?? 0, 'SIGKILL');
    process.kill(server.pid, 'SIGHUP');
    await until(() => server.log().some(({ event }) => event === 'config.reloaded'), 'it is reloaded', 20_000);
    expect(await reload(withUser('newcomer'))).toMatchObject({ event: 'config.reloaded' });
    await worker('newcomer');
    // The first back-off is 400 ms: a replacement too many would be there by now, or be seen by the next reload.
    expect(await reload((config) => (config['workers'] = 3))).toMatchObject({ event: 'config.reloaded' });
    await until(() => workers().length === 3, 'there are three', 10_000);
    const places = new Set<number>();
    for (let i = 0; i < 3; i += 1) places.add(await worker());
    expect(places.size).toBe(3);
  });
});

describe('a reload that withdraws access', () => {
  test('ends the sessions on every worker, also on one that an earlier reload has left behind', async () => {
    await start();
    const left = await login(server.port, identity.user, identity.password);
    expect(await reload(withUser('another'))).toMatchObject({ event: 'config.reloaded' });
    const gone = await session();
    const stays = await session('another');

    const leave = (config: Record<string, unknown>): void => {
      const users = config['users'] as { name: string }[];
      config['users'] = users.filter(({ name }) => name !== identity.user);
    };
    expect(await reload(leave)).toMatchObject({ event: 'config.reloaded' });
    for (const client of [left, gone.sftp.client]) {
      const end = await client.whenClosed(60_000);
      expect(end).toMatchObject({ reason: 11, message: 'your access has been withdrawn' });
    }
    const revoked = server.log().filter(({ event }) => event === 'session.revoked');
    expect(new Set(revoked.map(workerOf)).size).toBe(2);
    await stays.sftp.put('/stays', Buffer.from('x'));
  }, 120_000);
});

describe('the end', () => {
  test('SIGTERM drains every worker, also one that a reload has left behind', async () => {
    await start();
    const left = await session();
    const leftHandle = await left.sftp.create('/left');
    await left.sftp.write(leftHandle, 0, Buffer.from('left '));
    await reload(withUser('newcomer'));
    const [one, other] = await sessionOnEach();
    const handle = await one.sftp.create('/file');
    await one.sftp.write(handle, 0, Buffer.from('half '));

    process.kill(server.pid, 'SIGTERM');
    await server.logged(({ event }) => event === 'server.draining');
    expect(await other.sftp.client.whenClosed()).toMatchObject({ reason: 11, byPeer: true });
    await expect(login(server.port, identity.user, identity.password)).rejects.toThrow();
    await one.sftp.write(handle, 5, Buffer.from('whole'));
    await one.sftp.close(handle);
    await left.sftp.write(leftHandle, 5, Buffer.from('behind'));
    await left.sftp.close(leftHandle);
    expect(await hasEnded()).toBe('exit status 0');
    expect(readFileSync(path.join(server.root, 'file'), 'utf8')).toBe('half whole');
    expect(readFileSync(path.join(server.root, 'left'), 'utf8')).toBe('left behind');
    const stops = server.log().filter(({ event }) => event === 'server.stopped');
    expect(stops.map(({ cutOff }) => cutOff)).toEqual([0, 0, 0, 0]);
  });

  test('a signal to the whole group, as a terminal sends it, drains too', async () => {
    await start();
    const { sftp } = await session();
    const handle = await sftp.create('/file');
    process.kill(-server.pid, 'SIGINT');
    await server.logged(({ event }) => event === 'server.draining');
    await sftp.write(handle, 0, Buffer.from('whole'));
    await sftp.close(handle);
    expect(await hasEnded()).toBe('exit status 0');
    expect(readFileSync(path.join(server.root, 'file'), 'utf8')).toBe('whole');
  });

  test('the deadline cuts off what still runs', async () => {
    await start({ shutdown: { drainSeconds: 0.5 } });
    const { sftp } = await session();
    const handle = await sftp.create('/file');
    await sftp.write(handle, 0, Buffer.from('half'));
    process.kill(server.pid, 'SIGTERM');
    await sftp.client.whenClosed();
    expect(await hasEnded()).toBe('exit status 0');
    expect(readFileSync(path.join(server.root, 'file'), 'utf8')).toBe('half');
  });

  test('a second signal ends all processes at once', async () => {
    await start();
    const before = workers();
    const { sftp } = await session();
    await sftp.create('/file');
    process.kill(server.pid, 'SIGTERM');
    await server.logged(({ event }) => event === 'server.draining');
    // Those that follow the first at once are taken for the same.
    await until(() => {
      if (server.process.running) process.kill(server.pid, 'SIGTERM');
      return !server.process.running;
    }, 'it ends');
    expect(await hasEnded()).toBe('exit status 1');
    await until(() => !before.some(alive), 'the workers are gone', 5_000);
  });

  test('workers whose primary was killed finish what runs and go', async () => {
    await start({ shutdown: { drainSeconds: 20 } });
    const before = workers();
    const { sftp } = await session();
    const handle = await sftp.create('/file');
    process.kill(server.pid, 'SIGKILL');
    await sftp.write(handle, 0, Buffer.from('whole'));
    await sftp.close(handle);
    expect(readFileSync(path.join(server.root, 'file'), 'utf8')).toBe('whole');
    await until(() => !before.some(alive), 'the workers are gone', 10_000);
    expect(await hasEnded()).toBe('ended by SIGKILL');
  });
});

describe('what no worker can start with ends the start, with one line', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['an address that is not ours', { listen: { host: '192.0.2.1', port: 2222 } }, 'has no such address'],
    ['a store that cannot be opened', { storage: { type: 'local', root: 'bad.json/x' } }, '$.storage'],
  ])('%s', async (_, change, expected) => {
    const config = {
      listen: { host: '127.0.0.1', port: 0 },
      hostKeys: [identity.hostKeys.ed25519.path],
      storage: { type: 'memory' },
      workers: WORKERS,
      ...change,
    };
    writeFileSync(path.join(folder, 'bad.json'), JSON.stringify(config));
    const finished = await runProgram([process.execPath, MAIN, 'serve', '-c', 'bad.json'], { cwd: folder });
    expect(finished).toMatchObject({ code: 1, timedOut: false, stdout: '' });
    expect(finished.stderr).toMatch(/^latticeport: [^\n]*\n$/);
    expect(finished.stderr).toContain(expected);
  });
});
