// Users that may have post-quantum sessions or logins only, each at its own time.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeUserAuthBanner } from '../../src/auth/messages.ts';
import { prepareKexMethods } from '../../src/crypto/kex/kex-constructors.ts';
import { generatePrivateKey, parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { certifiedKey } from '../client/certified-key.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import { FOREVER, makeCertificate } from '../crypto/certificates/make-certificate.ts';
import { findPeer, missingPeer } from '../peers/peers.ts';
import { runProgram } from '../peers/process.ts';
import { MODERN } from '../transport/transport-pair.ts';
import type { SignatureAlgorithm } from '../../src/crypto/keys/key.ts';
import { PASSWORD, startTestServer, type ConfigInput, type TestServer } from './test-server.ts';

const HYBRID = 'mlkem768x25519-sha256';
const SUCCESS = 52;
const BANNER = 53;

let server: TestServer;
const postQuantumKey = generatePrivateKey('mldsa44-ed25519', undefined, 'test');
beforeAll(async () => {
  await prepareKexMethods([HYBRID]);
  const first = await startTestServer();
  const [demo] = first.running.prepared.loaded.config.users;
  await first.stop();
  const { passwordHash, publicKeys } = demo ?? {};
  user = (name, requirements) => ({
    name,
    ...requirements,
    home: '/',
    ...(passwordHash === undefined ? {} : { passwordHash }),
    publicKeys: [...(publicKeys ?? []), postQuantumKey.publicKey],
  });
  server = await startTestServer({
    // A client that wants to be classical may.
    postQuantum: 'offer',
    users: [
      user('free'),
      user('required', { requirePostQuantum: true }),
      user('past', { requirePostQuantum: { from: '2020-01-01' } }),
      user('later', { requirePostQuantum: { from: '9999-12-31' } }),
      user('key', { requirePostQuantumKey: true }),
      user('key-past', { requirePostQuantumKey: { from: '2020-01-01' } }),
      user('key-later', { requirePostQuantumKey: { from: '9999-12-31' } }),
    ],
  });
});
afterAll(async () => {
  await server.stop();
});

type UserInput = NonNullable<ConfigInput['users']>[number];
type Requirements = Pick<UserInput, 'requirePostQuantum' | 'requirePostQuantumKey'>;
let user: (name: string, requirements?: Requirements) => UserInput;

async function connection(kex: string, to: TestServer = server): Promise<SshTestClient> {
  const client = SshTestClient.connect(to.port, { algorithms: { ...MODERN, kex: [kex] } });
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

describe('who needs a post-quantum key', () => {
  test.each(['key', 'key-past'])('%s: another login is refused, and its client is told what to do', async (name) => {
    for (const [login, has] of [
      ['password', 'this one is by a password'],
      ['publickey', 'the key of this one is classical'],
    ] as const) {
      const client = await connection(HYBRID);
      const attempt =
        login === 'password' ? client.password(name, PASSWORD) : client.publicKey(name, key(), 'ssh-ed25519');
      await expect(attempt).rejects.toMatchObject({ reason: 11, message: 'this user needs a post-quantum key' });
      expect(banners(client)).toEqual([
        expect.stringContaining(`Your account needs a login by a post-quantum key, and ${has}.\r\n`),
      ]);
      expect(failures().at(-1)).toMatchObject({
        user: name,
        method: login,
        reason: 'not-post-quantum-key',
        level: 'warn',
      });
    }
  });

  test('logs in with one, without a word', async () => {
    const client = await connection(HYBRID);
    const own = parsePrivateKey(postQuantumKey.privateKey);
    expect(await client.publicKey('key', own, 'ssh-mldsa44-ed25519')).toBe(SUCCESS);
    expect(banners(client)).toEqual([]);
    client.end();
  });

  test('is told before the date', async () => {
    const client = await connection(HYBRID);
    expect(await client.password('key-later', PASSWORD)).toBe(SUCCESS);
    expect(banners(client)).toEqual([expect.stringMatching(/^From 9999-12-31 on your account needs a login by/)]);
    client.end();
  });

  test('is not found out by a stranger', async () => {
    const client = await connection(HYBRID);
    expect(await client.password('key', 'guess')).toBe(51);
    expect(banners(client)).toEqual([]);
    client.end();
  });
});

test.each([
  ['ed25519', 'not-post-quantum-key'],
  ['mldsa44-ed25519', null],
] as const)('a certificate by a CA with %s: %s', async (caType, refused) => {
  const ca = generatePrivateKey(caType, undefined, 'ca');
  const certified = parsePrivateKey(generatePrivateKey('mldsa44-ed25519', undefined, 'certified').privateKey);
  const strict = await startTestServer({
    requirePostQuantumKey: true,
    auth: { trustedUserCaKeys: [ca.publicKey] },
    users: [user('any')],
  });
  try {
    const blob = await makeCertificate(certified.publicKey, parsePrivateKey(ca.privateKey), {
      principals: ['any'],
      validBefore: FOREVER,
    });
    const client = await connection(HYBRID, strict);
    const attempt = client.publicKey(
      'any',
      certifiedKey(certified, blob),
      'ssh-mldsa44-ed25519-cert' as SignatureAlgorithm,
    );
    if (refused === null) expect(await attempt).toBe(SUCCESS);
    else await expect(attempt).rejects.toMatchObject({ reason: 11 });
    client.end();
    const reasons = strict.log.filter(({ event }) => event === 'auth.failure').map((line) => line['reason']);
    expect(reasons).toEqual(refused === null ? [] : [refused]);
  } finally {
    await strict.stop();
  }
});

test('a setting of the server is for all users but those that have their own', async () => {
  const strict = await startTestServer({
    requirePostQuantum: true,
    requirePostQuantumKey: true,
    users: [user('any'), user('exempt', { requirePostQuantum: false, requirePostQuantumKey: false })],
  });
  try {
    const exempt = await connection('curve25519-sha256', strict);
    expect(await exempt.password('exempt', PASSWORD)).toBe(SUCCESS);
    exempt.end();
    const classical = await connection('curve25519-sha256', strict);
    await expect(classical.password('any', PASSWORD)).rejects.toMatchObject({ reason: 11 });
    // What it lacks it is told at once.
    expect(banners(classical)).toEqual([expect.stringMatching(/post-quantum key exchange,[^]*a login by/)]);
    const byPassword = await connection(HYBRID, strict);
    await expect(byPassword.password('any', PASSWORD)).rejects.toMatchObject({ reason: 11 });
    const reasons = strict.log.filter(({ event }) => event === 'auth.failure').map((line) => line['reason']);
    expect(reasons).toEqual(['not-post-quantum', 'not-post-quantum-key']);
  } finally {
    await strict.stop();
  }
});

describe('after the login', () => {
  /** Logs in post-quantum and then offers a classical method only, as a client that changes its mind. */
  async function changesItsMind(name: string): Promise<SshTestClient> {
    const kex = [HYBRID];
    const client = SshTestClient.connect(server.port, { algorithms: { ...MODERN, kex } });
    await client.startAuth();
    expect(await client.password(name, PASSWORD)).toBe(SUCCESS);
    kex.splice(0, 1, 'curve25519-sha256');
    client.transport.rekey();
    return client;
  }

  test('a later classical exchange ends the session of a user that may have none', async () => {
    const client = await changesItsMind('required');
    expect(await client.whenClosed()).toMatchObject({
      reason: 11,
      message: 'this user needs a post-quantum key exchange',
      byPeer: true,
    });
    expect(client.exchanges).toHaveLength(1);
    const told = server.log.filter(({ event }) => event === 'session.rekey-refused');
    expect(told).toMatchObject([{ user: 'required', method: 'curve25519-sha256', level: 'warn' }]);
  });

  test('it makes no difference who begins it', async () => {
    const impatient = await startTestServer({
      postQuantum: 'offer',
      rekey: { seconds: 0.1 },
      users: [user('required', { requirePostQuantum: true })],
    });
    try {
      const kex = [HYBRID];
      const client = SshTestClient.connect(impatient.port, { algorithms: { ...MODERN, kex } });
      await client.startAuth();
      kex.splice(0, 1, 'curve25519-sha256');
      // The server begins once the client has logged in, which may be before the client hears of it.
      const ended = client.password('required', PASSWORD).then(() => client.whenClosed());
      await expect(ended.catch((reason: unknown) => reason)).resolves.toMatchObject({
        reason: 11,
        message: 'this user needs a post-quantum key exchange',
      });
      expect(impatient.log.some(({ event }) => event === 'session.rekey-refused')).toBe(true);
      expect(impatient.log.some(({ event }) => event === 'session.rekeyed')).toBe(false);
    } finally {
      await impatient.stop();
    }
  });

  test.each(['free', 'later'])('%s: it is an exchange like any other', async (name) => {
    const client = await changesItsMind(name);
    await client.until(() => client.exchanges.length === 2, 'the second exchange is over');
    expect(client.exchanges[1]?.negotiated.kex).toBe('curve25519-sha256');
    client.end();
  });
});

const openssh = findPeer('openssh-machine');
const command = openssh?.program('ssh') ?? null;
(command === null ? test.skip : test)(
  `OpenSSH shows it (${missingPeer('openssh-machine') ?? openssh?.version ?? ''})`,
  async () => {
    const shown = await sshAs('required', 'KexAlgorithms=curve25519-sha256');
    expect(shown).toMatch(/Your account needs a post-quantum key exchange, and this session has none\.\r?\n/);
    expect(shown).toMatch(/OpenSSH \d+\.\d+ can, but its configuration does not list it/);
    expect(shown).toContain('this user needs a post-quantum key exchange');
    const byKey = await sshAs('key');
    expect(byKey).toMatch(
      /Your account needs a login by a post-quantum key, and the key of this one is classical\.\r?\n/,
    );
    expect(byKey).toMatch(
      /OpenSSH \d+\.\d+ can(?:not; OpenSSH 10\.6 and newer can \(|: make one with )ssh-keygen -t mldsa44-ed25519/,
    );
    expect(byKey).toContain('this user needs a post-quantum key');
  },
);

/** What OpenSSH says as it is refused. */
async function sshAs(name: string, ...more: string[]): Promise<string> {
  const options = [
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'BatchMode=yes',
    'IdentitiesOnly=yes',
    `IdentityFile=${server.userKey('ed25519')}`,
    ...more,
  ];
  const args = options.flatMap((option) => ['-o', option]);
  const { code, stderr } = await runProgram(
    [...(command ?? []), '-F', 'none', ...args, '-p', String(server.port), `${name}@127.0.0.1`, '-s', 'sftp'],
    { timeoutMs: 40_000 },
  );
  expect(code).toBe(255);
  return stderr;
}
