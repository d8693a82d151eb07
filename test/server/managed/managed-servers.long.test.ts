// Servers and users of the state as clients see them: what an operator changes holds at once, for logins and sessions.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { generatePrivateKey } from '../../../src/crypto/keys/private-key.ts';
import { SettingRefused } from '../../../src/management/server-control.ts';
import { until } from '../../transport/transport-pair.ts';
import { run } from '../run.ts';
import { findSftp } from '../openssh-sftp.ts';
import { holdPort, ManagedSite, READER_ROLE, unusedPort } from './managed-site.ts';

const A = 's-0123456789abcdef0';
const B = 's-0123456789abcdef1';
const KEY = generatePrivateKey('ed25519', undefined, 'one');
const OTHER = generatePrivateKey('ed25519', undefined, 'two');

let site: ManagedSite;
afterEach(async () => {
  await site.end();
});

async function startSite(...[more]: ConstructorParameters<typeof ManagedSite>): Promise<ManagedSite> {
  site = await new ManagedSite(more).start();
  return site;
}

/** Whether somebody listens there. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => {
      resolve(false);
    });
  });
}

const refusedLogin = /All configured authentication methods failed/;

test('a server is there once it is made, serves its users, and is the same after a restart', async () => {
  await startSite();
  const port = await unusedPort();
  await site.createServer(A, port);
  expect(site.servers.stateOf(A)).toBe('ONLINE');
  await site.putUser(A, 'alice', [KEY]);
  const client = await site.login(port, 'alice', KEY);
  expect(await client.cwd()).toBe('/inbox/alice');
  await client.put('hello.txt', 'hello');
  expect(readFileSync(site.data('inbox', 'alice', 'hello.txt'), 'utf8')).toBe('hello');
  expect(await client.names('/')).toEqual(['inbox']);
  await expect(client.names('/outbox')).rejects.toThrow(/No such file/);
  expect(site.servers.sessions()).toMatchObject([{ serverId: A, userName: 'alice', remoteAddress: '127.0.0.1' }]);

  await site.restart();
  expect(site.servers.stateOf(A)).toBe('ONLINE');
  const again = await site.login(port, 'alice', KEY);
  expect(await again.get('hello.txt')).toBe('hello');
});

const sftp = findSftp();
(sftp === null ? test.skip : test)('OpenSSH logs in', async () => {
  await startSite();
  const port = await unusedPort();
  await site.createServer(A, port);
  await site.putUser(A, 'alice', [KEY]);
  const key = site.data('user-key');
  writeFileSync(key, KEY.privateKey, { mode: 0o600 });
  const options = [
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
  ];
  const { status, stdout, stderr } = await run(
    [
      ...(sftp?.command ?? []),
      '-F',
      'none',
      ...options.flatMap((each) => ['-o', each]),
      '-i',
      key,
      '-b',
      '-',
      '-P',
      String(port),
      'alice@127.0.0.1',
    ],
    { input: 'pwd\nmkdir d\nls\n' },
  );
  expect({ status, stderr }).toMatchObject({ status: 0 });
  expect(stdout).toContain('/inbox/alice');
});

test('two servers have users of their own; one that stops hinders no other', async () => {
  await startSite();
  const [portA, portB] = [await unusedPort(), await unusedPort()];
  await Promise.all([site.createServer(A, portA), site.createServer(B, portB)]);
  await site.putUser(A, 'alice', [KEY]);
  await site.putUser(B, 'bob', [OTHER]);
  await site.login(portA, 'alice', KEY);
  await expect(site.login(portB, 'alice', KEY)).rejects.toThrow(refusedLogin);
  await site.changeServer(A, { wanted: 'OFFLINE' });
  expect(await answers(portA)).toBe(false);
  await until(() => site.servers.stateOf(A) === 'OFFLINE', 'the server is OFFLINE');
  await site.login(portB, 'bob', OTHER);
  await site.changeServer(A, { wanted: 'ONLINE' });
  expect(site.servers.stateOf(A)).toBe('ONLINE');
  await site.login(portA, 'alice', KEY);
  await site.deleteServer(A);
  expect(await answers(portA)).toBe(false);
});

test('a changed port is opened, and the one before closed', async () => {
  await startSite();
  const [before, after] = [await unusedPort(), await unusedPort()];
  await site.createServer(A, before);
  await site.changeServer(A, { port: after });
  expect([await answers(before), await answers(after)]).toEqual([false, true]);
});

test('a port that is taken: START_FAILED, and the log says why; once it is free a start works', async () => {
  await startSite();
  const { server, port } = await holdPort();
  await site.createServer(A, port);
  expect(site.servers.stateOf(A)).toBe('START_FAILED');
  expect(site.log).toContainEqual(
    expect.objectContaining({
      event: 'managed.start-failed',
      server: A,
      err: expect.objectContaining({ code: 'EADDRINUSE' }),
    }),
  );
  await new Promise((resolve) => server.close(resolve));
  await site.changeServer(A, { wanted: 'OFFLINE' });
  expect(site.servers.stateOf(A)).toBe('OFFLINE');
  await site.changeServer(A, { wanted: 'ONLINE' });
  expect(site.servers.stateOf(A)).toBe('ONLINE');
});

describe('a session ends, and no other begins,', () => {
  const changes: Record<string, () => Promise<void>> = {
    'when its key is gone': () => site.putUser(A, 'alice', [OTHER]),
    'when its user is disabled': () =>
      site.putUser(A, 'alice', [KEY], {}, [{ Key: 'latticeport:disabled', Value: 'true' }]),
    'when its user has expired': () =>
      site.putUser(A, 'alice', [KEY], {}, [{ Key: 'latticeport:expires', Value: '2020-01-31' }]),
    'when its user may not come from there any more': () =>
      site.putUser(A, 'alice', [KEY], {}, [{ Key: 'latticeport:allowed-cidrs', Value: '192.0.2.0/24' }]),
    'when its user is gone': () => site.deleteUser(A, 'alice'),
  };
  for (const [when, change] of Object.entries(changes)) {
    test(when, async () => {
      await startSite();
      const port = await unusedPort();
      await site.createServer(A, port);
      await site.putUser(A, 'alice', [KEY]);
      const client = await site.login(port, 'alice', KEY);
      await change();
      await until(() => client.ended, 'the session ends');
      await expect(site.login(port, 'alice', KEY)).rejects.toThrow(refusedLogin);
    });
  }

  test('when the time comes at which its user expires', async () => {
    await startSite();
    const port = await unusedPort();
    await site.createServer(A, port);
    const Value = new Date(Date.now() + 1500).toISOString();
    await site.putUser(A, 'alice', [KEY], {}, [{ Key: 'latticeport:expires', Value }]);
    const client = await site.login(port, 'alice', KEY);
    await until(() => client.ended, 'the session ends');
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(Value));
  });

  test('when an operator ends it', async () => {
    await startSite();
    const port = await unusedPort();
    await site.createServer(A, port);
    await site.putUser(A, 'alice', [KEY]);
    const client = await site.login(port, 'alice', KEY);
    const [session] = site.servers.sessions();
    expect(site.servers.endSession(session?.sessionId ?? '')).toBe(true);
    await until(() => client.ended, 'the session ends');
    expect(site.servers.endSession(session?.sessionId ?? '')).toBe(false);
  });
});

test('a rotated key: the new one logs in, and both do while both are there', async () => {
  await startSite();
  const port = await unusedPort();
  await site.createServer(A, port);
  await site.putUser(A, 'alice', [KEY]);
  await site.putUser(A, 'alice', [KEY, OTHER]);
  await site.login(port, 'alice', KEY);
  await site.login(port, 'alice', OTHER);
  await site.putUser(A, 'alice', [OTHER]);
  await expect(site.login(port, 'alice', KEY)).rejects.toThrow(refusedLogin);
  await site.login(port, 'alice', OTHER);
});

test('logical directories over two storages, a file among them', async () => {
  await startSite();
  const port = await unusedPort();
  await site.createServer(A, port);
  writeFileSync(site.data('outbox', 'terms.txt'), 'terms');
  await site.putUser(A, 'alice', [KEY], {
    HomeDirectory: '/up',
    HomeDirectoryType: 'LOGICAL',
    HomeDirectoryMappings: [
      { Entry: '/up', Target: '/inbox/of/${transfer:UserName}' },
      { Entry: '/down', Target: '/outbox/partner' },
      { Entry: '/terms.txt', Target: '/outbox/terms.txt', Type: 'FILE' },
      { Entry: '/later.txt', Target: '/outbox/later.txt', Type: 'FILE' },
    ],
  });
  const client = await site.login(port, 'alice', KEY);
  expect(await client.cwd()).toBe('/up');
  await client.put('a.txt', 'x');
  expect(existsSync(site.data('inbox', 'of', 'alice', 'a.txt'))).toBe(true);
  await client.rename('/up/a.txt', '/down/b.txt');
  expect(readFileSync(site.data('outbox', 'partner', 'b.txt'), 'utf8')).toBe('x');
  expect(await client.get('/terms.txt')).toBe('terms');
  await expect(client.get('/later.txt')).rejects.toThrow(/No such file/);
  expect(existsSync(site.data('outbox', 'later.txt'))).toBe(false);
  await client.put('/later.txt', 'now');
  expect(readFileSync(site.data('outbox', 'later.txt'), 'utf8')).toBe('now');
  await expect(client.put('/beside.txt', 'x')).rejects.toThrow(/Permission denied/);
});

test('a role gives its storages and permissions and no others', async () => {
  await startSite();
  const port = await unusedPort();
  await site.createServer(A, port);
  await expect(site.putUser(A, 'alice', [KEY], { Role: READER_ROLE })).rejects.toThrow(SettingRefused);
  mkdirSync(site.data('outbox', 'alice'));
  await site.putUser(A, 'alice', [KEY], { Role: READER_ROLE, HomeDirectory: '/outbox/alice' });
  const client = await site.login(port, 'alice', KEY);
  await expect(client.put('a.txt', 'x')).rejects.toThrow(/Permission denied/);
});

test('a session policy holds: explicit Deny before Allow, nothing else', async () => {
  await startSite();
  const port = await unusedPort();
  await site.createServer(A, port);
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Action: 's3:ListBucket',
        Resource: 'arn:aws:s3:::${transfer:HomeBucket}',
        Condition: { StringLike: { 's3:prefix': ['${transfer:HomeFolder}/*', '${transfer:HomeFolder}'] } },
      },
      {
        Effect: 'Allow',
        Action: ['s3:PutObject', 's3:GetObject*', 's3:DeleteObject'],
        Resource: 'arn:aws:s3:::${transfer:HomeDirectory}/*',
      },
      { Effect: 'Deny', Action: 's3:GetObject', Resource: 'arn:aws:s3:::*/secret/*' },
      { Effect: 'Deny', Action: 's3:DeleteObject', Resource: 'arn:aws:s3:::*.keep' },
    ],
  });
  await site.putUser(A, 'alice', [KEY], { Policy });
  const client = await site.login(port, 'alice', KEY);
  await client.mkdir('secret');
  await client.put('secret/a.txt', 'x');
  expect(await client.names('secret')).toEqual(['a.txt']);
  await expect(client.get('secret/a.txt')).rejects.toThrow(/Permission denied/);
  // Moved elsewhere it could be read.
  await expect(client.rename('secret/a.txt', 'b.txt')).rejects.toThrow(/Permission denied/);
  await expect(client.rename('secret', 'open')).rejects.toThrow(/Permission denied/);
  await client.put('a.keep', 'x');
  await expect(client.remove('a.keep')).rejects.toThrow(/Permission denied/);
  await client.put('c.txt', 'x');
  await client.rename('c.txt', 'd.txt');
  await client.remove('d.txt');
});

test('a changed policy holds for new connections', async () => {
  await startSite();
  const port = await unusedPort();
  await site.createServer(A, port, { SecurityPolicyName: 'TransferSecurityPolicy-2024-01' });
  await site.putUser(A, 'alice', [KEY]);
  await site.login(port, 'alice', KEY);
  await site.changeServer(A, { settings: { SecurityPolicyName: 'TransferPQSecurityPolicy-2026-11' } });
  await site.login(port, 'alice', KEY);
  const policies = site.log.filter(({ event }) => event === 'session.negotiated').map(({ policy }) => policy);
  expect([policies.at(0), policies.at(-1)]).toEqual([
    'TransferSecurityPolicy-2024-01',
    'TransferPQSecurityPolicy-2026-11',
  ]);
});
