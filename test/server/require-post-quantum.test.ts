// Users that may have post-quantum sessions only, each at its own time.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { decodeUserAuthBanner } from '../../src/auth/messages.ts';
import { prepareKexMethods } from '../../src/crypto/kex/kex-constructors.ts';
import { parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import { findPeer, missingPeer } from '../peers/peers.ts';
import { runProgram } from '../peers/process.ts';
import { MODERN } from '../transport/transport-pair.ts';
import { PASSWORD, startTestServer, type TestServer } from './test-server.ts';

const HYBRID = 'mlkem768x25519-sha256';
const SUCCESS = 52;
const BANNER = 53;

let server: TestServer;
beforeAll(async () => {
  await prepareKexMethods([HYBRID]);
  const first = await startTestServer();
  const [demo] = first.running.prepared.loaded.config.users;
  await first.stop();
  const { passwordHash, publicKeys } = demo ?? {};
  const user = (name: string, requirePostQuantum: boolean | { from: string }) => ({
    name,
    requirePostQuantum,
    home: '/',
    ...(passwordHash === undefined ? {} : { passwordHash }),
    publicKeys: publicKeys ?? [],
  });
  server = await startTestServer({
    users: [
      user('free', false),
      user('required', true),
      user('past', { from: '2020-01-01' }),
      user('later', { from: '9999-12-31' }),
    ],
  });
});
afterAll(async () => {
  await server.stop();
});

async function connection(kex: string): Promise<SshTestClient> {
  const client = SshTestClient.connect(server.port, { algorithms: { ...MODERN, kex: [kex] } });
  await client.startAuth();
  return client;
}

const key = () => parsePrivateKey(readFileSync(server.userKey('ed25519'), 'utf8'));

const failures = () => server.log.filter(({ event }) => event === 'auth.failure');

const banners = ({ received }: SshTestClient): string[] =>
  received.filter((message) => message[0] === BANNER).map((message) => decodeUserAuthBanner(message));

test.each(['required', 'past'])(
  '%s: a classical session is refused, and its client is told what to do',
  async (name) => {
    for (const login of ['password', 'publickey']) {
      const client = await connection('curve25519-sha256');
      const attempt =
        login === 'password' ? client.password(name, PASSWORD) : client.publicKey(name, key(), 'ssh-ed25519');
      await expect(attempt).rejects.toMatchObject({
        reason: 11,
        message: 'this user needs a post-quantum key exchange',
      });
      expect(banners(client)).toEqual([
        expect.stringMatching(/^Your account needs a post-quantum key exchange.*\r\nUse a client that can: .*\r\n$/),
      ]);
      expect(failures().at(-1)).toMatchObject({ user: name, method: login, reason: 'not-post-quantum', level: 'warn' });
    }
  },
);

test('a post-quantum session is let in without a word', async () => {
  const client = await connection(HYBRID);
  expect(await client.password('required', PASSWORD)).toBe(SUCCESS);
  expect(banners(client)).toEqual([]);
  client.end();
});

test('before the date a classical session is let in and told', async () => {
  const client = await connection('curve25519-sha256');
  expect(await client.password('later', PASSWORD)).toBe(SUCCESS);
  expect(banners(client)).toEqual([expect.stringMatching(/^From 9999-12-31 on your account needs/)]);
  client.end();
});

test('where nothing is required nothing is said', async () => {
  const client = await connection('curve25519-sha256');
  expect(await client.password('free', PASSWORD)).toBe(SUCCESS);
  expect(banners(client)).toEqual([]);
  client.end();
});

test('a stranger learns nothing: a wrong credential fails as with any user', async () => {
  const client = await connection('curve25519-sha256');
  expect(await client.password('required', 'guess')).toBe(51);
  expect(await client.password('nobody', 'guess')).toBe(51);
  expect(await client.queryKey('required', key(), 'ssh-ed25519')).toBe(60);
  expect(banners(client)).toEqual([]);
  client.end();
});

const openssh = findPeer('openssh-machine');
const command = openssh?.program('ssh') ?? null;
(command === null ? test.skip : test)(
  `OpenSSH shows it (${missingPeer('openssh-machine') ?? openssh?.version ?? ''})`,
  async () => {
    const options = [
      'StrictHostKeyChecking=no',
      'UserKnownHostsFile=/dev/null',
      'BatchMode=yes',
      'IdentitiesOnly=yes',
      `IdentityFile=${server.userKey('ed25519')}`,
      'KexAlgorithms=curve25519-sha256',
    ];
    const args = options.flatMap((option) => ['-o', option]);
    const { code, stderr } = await runProgram(
      [...(command ?? []), '-F', 'none', ...args, '-p', String(server.port), 'required@127.0.0.1', '-s', 'sftp'],
      { timeoutMs: 40_000 },
    );
    expect(code).toBe(255);
    expect(stderr).toMatch(/Your account needs a post-quantum key exchange, and this session has none\.\r?\n/);
    expect(stderr).toMatch(/OpenSSH \d+\.\d+ can, but its configuration does not list it/);
    expect(stderr).toContain('this user needs a post-quantum key exchange');
  },
);
