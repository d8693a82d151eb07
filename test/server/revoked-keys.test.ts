// Keys that stand in a list of "auth.revokedKeys": no login, no session, and what becomes of the list when its file changes.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseConfig } from '../../src/config/load.ts';
import { parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { ConfigError } from '../../src/policy/config-error.ts';
import { prepareConfig } from '../../src/server/prepared-config.ts';
import { loadRevokedKeys, RevokedKeys } from '../../src/server/revoked-keys.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import { findPeer } from '../peers/peers.ts';
import { MODERN, until } from '../transport/transport-pair.ts';
import { run } from './run.ts';
import type { ConfigInput, KeyName, LogLine, TestServer } from './test-server.ts';
import { PASSWORD, startTestServer } from './test-server.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'latticeport-revoked-'));
const list = path.join(folder, 'revoked');
let server: TestServer | null = null;
const clients: SshTestClient[] = [];

beforeEach(() => {
  writeFileSync(list, '# nobody\n');
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.end();
  await server?.stop();
  server = null;
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function start(changes: Partial<ConfigInput> = {}): Promise<TestServer> {
  server = await startTestServer({ auth: { revokedKeys: list }, ...changes });
  return server;
}
const publicLine = (type: KeyName): string => readFileSync(`${server?.userKey(type) ?? ''}.pub`, 'utf8');
const keyOf = (type: KeyName) => parsePrivateKey(readFileSync(server?.userKey(type) ?? '', 'utf8'));
const lines = (event: string): LogLine[] => (server?.log ?? []).filter((line) => line.event === event);

/** As an editor, or a tool that fetches lists, does: the new file comes under the name all at once. */
function replace(text: string | Buffer): void {
  writeFileSync(`${list}.new`, text);
  renameSync(`${list}.new`, list);
}

async function connect(): Promise<SshTestClient> {
  const client = SshTestClient.connect(server?.port ?? 0, { algorithms: MODERN });
  clients.push(client);
  await client.startAuth();
  return client;
}

async function loggedIn(): Promise<SshTestClient> {
  const client = await connect();
  expect(await client.publicKey('demo', keyOf('ed25519'), 'ssh-ed25519')).toBe(52);
  return client;
}

/** What SIGHUP does. */
async function reload(): Promise<void> {
  const { config, file } = server?.running.prepared.loaded ?? {};
  await server?.running.reload(prepareConfig(parseConfig(JSON.stringify(config), file ?? '')));
}

const stillThere = async (client: SshTestClient): Promise<void> => {
  client.transport.send(Buffer.from([192, 0, 0, 0, 0]));
  await client.take(193);
};
const WITHDRAWN = { reason: 11, message: 'your access has been withdrawn' };

describe('a login', () => {
  test('with a revoked key fails as with a wrong one; the log says why; other keys and passwords go on', async () => {
    await start();
    replace(publicLine('ed25519'));
    await reload();
    const client = await connect();
    const wrong = await client.queryKey(
      'demo',
      parsePrivateKey(readFileSync(server?.running.prepared.loaded.config.hostKeys[0] ?? '', 'utf8')),
      'ssh-ed25519',
    );
    expect(await client.queryKey('demo', keyOf('ed25519'), 'ssh-ed25519')).toBe(wrong);
    expect(await client.publicKey('demo', keyOf('ed25519'), 'ssh-ed25519')).toBe(51);
    expect(await client.publicKey('nobody', keyOf('ed25519'), 'ssh-ed25519')).toBe(51);
    client.end();
    await until(() => lines('auth.failure').length > 1, 'the attempts are told');
    expect(lines('auth.failure')).toMatchObject([
      {
        user: 'demo',
        reason: 'revoked-key',
        keyIsUsers: true,
        fingerprint: keyOf('ed25519').publicKey.fingerprint,
        level: 'warn',
      },
      { user: 'nobody', reason: 'unknown-user' },
    ]);
    const other = await connect();
    expect(await other.publicKey('demo', keyOf('ecdsa-256'), 'ecdsa-sha2-nistp256')).toBe(52);
    const password = await connect();
    expect(await password.password('demo', PASSWORD)).toBe(52);
  });

  test('on a connection that began before the key was revoked fails, too', async () => {
    await start({ reload: { endRevokedSessions: false } });
    const client = await connect();
    replace(publicLine('ed25519'));
    await reload();
    expect(await client.publicKey('demo', keyOf('ed25519'), 'ssh-ed25519')).toBe(51);
  });
});

describe('a list that changes', () => {
  test('is followed without a signal: the sessions of its keys end, and no others', async () => {
    await start();
    const [byKey, byPassword] = [await loggedIn(), await connect()];
    expect(await byPassword.password('demo', PASSWORD)).toBe(52);
    replace(publicLine('ed25519'));
    expect(await byKey.whenClosed()).toMatchObject(WITHDRAWN);
    expect(lines('revoked-keys.reloaded')).toMatchObject([{ level: 'info', files: [list] }]);
    expect(lines('session.revoked')).toMatchObject([{ user: 'demo', reason: 'revoked-key' }]);
    await stillThere(byPassword);
  });

  test('and leaves the sessions alone where the setting says so, but lets nobody in', async () => {
    await start({ reload: { endRevokedSessions: false } });
    const client = await loggedIn();
    replace(publicLine('ed25519'));
    await until(() => lines('revoked-keys.reloaded').length > 0, 'the list is read');
    await stillThere(client);
    expect(await (await connect()).publicKey('demo', keyOf('ed25519'), 'ssh-ed25519')).toBe(51);
  });

  test('to something unusable is told, and changes nothing', async () => {
    await start();
    replace(publicLine('ecdsa-256'));
    await reload();
    replace('SSHKRL\n\0 cut');
    await until(() => lines('revoked-keys.refused').length > 0, 'the change is refused');
    expect(lines('revoked-keys.refused')).toMatchObject([
      {
        level: 'error',
        jsonPath: '$.auth.revokedKeys[0]',
        msg: expect.stringContaining(`${list} is no usable revocation list`),
      },
    ]);
    const client = await connect();
    expect(await client.publicKey('demo', keyOf('ecdsa-256'), 'ecdsa-sha2-nistp256')).toBe(51);
    expect(await client.publicKey('demo', keyOf('ed25519'), 'ssh-ed25519')).toBe(52);
    // SIGHUP is refused for it, whole.
    await expect(reload()).rejects.toThrow(ConfigError);
  });
});

describe('the files', () => {
  const handler = () => {
    const told: string[] = [];
    return { told, onChange: () => told.push('changed'), onProblem: ({ message }: ConfigError) => told.push(message) };
  };
  const key = Buffer.from('a blob that the tests know');
  const blobOf = (type: string): Buffer => Buffer.concat([Buffer.of(0, 0, 0, 5), Buffer.from(type), key]);
  const lineOf = (type: string): string => `${type} ${blobOf(type).toString('base64')}`;
  const line = lineOf('ssh-x');
  const blob = blobOf('ssh-x');

  test('a change is read when it has been seen twice as it is, and told once', () => {
    const keys = new RevokedKeys(loadRevokedKeys([list], 'c.json'));
    const watched = handler();
    keys.look(watched);
    expect(keys.revokesKey(blob)).toBe(false);
    replace(line);
    keys.look(watched);
    expect(keys.revokesKey(blob)).toBe(false);
    for (let look = 0; look < 3; look += 1) keys.look(watched);
    expect(keys.revokesKey(blob)).toBe(true);
    expect(watched.told).toEqual(['changed']);
  });

  test('a broken one is told once, and read again when it is mended; one that is gone leaves what it said', () => {
    writeFileSync(list, line);
    const keys = new RevokedKeys(loadRevokedKeys([list], 'c.json'));
    const watched = handler();
    const look = (): void => {
      for (let time = 0; time < 3; time += 1) keys.look(watched);
    };
    replace('what is that');
    look();
    expect(watched.told).toEqual([
      `c.json: $.auth.revokedKeys[0]: ${list} is no usable revocation list: line 1 is neither a public key nor a SHA256: fingerprint`,
    ]);
    rmSync(list);
    look();
    expect(watched.told.at(-1)).toContain('revocation list cannot be read: ENOENT');
    expect(keys.revokesKey(blob)).toBe(true);
    writeFileSync(list, '');
    look();
    expect([watched.told.length, watched.told.at(-1), keys.revokesKey(blob)]).toEqual([3, 'changed', false]);
  });

  test('a broken one keeps nothing of another back', () => {
    const second = path.join(folder, 'second');
    writeFileSync(list, line);
    writeFileSync(second, '');
    const keys = new RevokedKeys(loadRevokedKeys([second, list], 'c.json'));
    const watched: (readonly string[] | string)[] = [];
    const look = (): void => {
      for (let time = 0; time < 3; time += 1) {
        keys.look({ onChange: (files) => watched.push(files), onProblem: ({ message }) => watched.push(message) });
      }
    };
    replace('what is that');
    writeFileSync(second, lineOf('ssh-y'));
    look();
    expect(watched).toEqual([expect.stringContaining('$.auth.revokedKeys[1]'), [second]]);
    expect([keys.revokesKey(blob), keys.revokesKey(blobOf('ssh-y'))]).toEqual([true, true]);
  });

  test('one that has changed since it was read again is read at the next look', () => {
    writeFileSync(list, '');
    const keys = new RevokedKeys(loadRevokedKeys([list], 'c.json'));
    const old = loadRevokedKeys([list], 'c.json');
    replace(line);
    keys.use(old);
    const watched = handler();
    keys.look(watched);
    expect([watched.told, keys.revokesKey(blob)]).toEqual([['changed'], true]);
  });

  test('a start names the file, the setting and what is wrong, and there is none', async () => {
    const good = path.join(folder, 'good');
    writeFileSync(good, '');
    await expect(startTestServer({ auth: { revokedKeys: [good, path.join(folder, 'nowhere')] } })).rejects.toThrow(
      /latticeport\.json: \$\.auth\.revokedKeys\[1\]: revocation list cannot be read: ENOENT.*nowhere/,
    );
    writeFileSync(list, 'alice');
    await expect(startTestServer({ auth: { revokedKeys: list } })).rejects.toThrow(
      `$.auth.revokedKeys[0]: ${list} is no usable revocation list: line 1`,
    );
  });

  test('are found from the folder of the configuration', () => {
    const { config } = parseConfig(
      JSON.stringify({ hostKeys: ['k'], storage: { type: 'memory' }, auth: { revokedKeys: ['a.krl', '/b'] } }),
      '/etc/latticeport/c.json',
    );
    expect(config.auth.revokedKeys).toEqual(['/etc/latticeport/a.krl', '/b']);
  });
});

const peer = findPeer('openssh-mldsa');
const given = peer === null ? test.skip : test;

given(`OpenSSH ${peer?.version ?? '(not installed)'} makes the KRL, logs in before it, and not after`, async () => {
  const started = await start();
  const { port, knownHosts } = started;
  const login = () =>
    run(
      [
        ...(peer?.command ?? []),
        ...['-F', 'none', '-P', String(port), '-b', '-'],
        ...['UserKnownHostsFile', 'GlobalKnownHostsFile', 'IdentityFile'].flatMap((option, index) => [
          '-o',
          `${option}=${[knownHosts, '/dev/null', started.userKey('ed25519')][index] ?? ''}`,
        ]),
        ...['IdentitiesOnly=yes', 'IdentityAgent=none', 'BatchMode=yes'].flatMap((option) => ['-o', option]),
        'demo@127.0.0.1',
      ],
      { input: 'ls /\n' },
    );
  expect(await login()).toMatchObject({ status: 0 });
  const [program = '', ...first] = peer?.program('ssh-keygen') ?? [];
  execFileSync(program, [...first, '-k', '-q', '-f', `${list}.krl`, `${started.userKey('ed25519')}.pub`]);
  renameSync(`${list}.krl`, list);
  await until(() => lines('revoked-keys.reloaded').length > 0, 'the KRL is read');
  const refused = await login();
  expect(refused.status).not.toBe(0);
  expect(refused.stderr).toContain('Permission denied');
  await until(() => lines('auth.failure').length > 0, 'the failure is told');
  expect(lines('auth.failure')).toMatchObject([{ user: 'demo', reason: 'revoked-key' }]);
});
