// Why a login did not come about: told apart in the log, and not to the client.
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { hashPassword } from '../../src/auth/password-hash.ts';
import type { PrivateKey } from '../../src/crypto/keys/key.ts';
import { generatePrivateKey, parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { SshWriter } from '../../src/wire/writer.ts';
import { SftpChannel } from '../client/sftp-channel.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import { MODERN, until } from '../transport/transport-pair.ts';
import type { LogLine, TestServer } from './test-server.ts';
import { PASSWORD, startTestServer } from './test-server.ts';

const newKey = (): PrivateKey => parsePrivateKey(generatePrivateKey('ed25519').privateKey);
const lineOf = ({ publicKey }: PrivateKey): string => `${publicKey.type} ${publicKey.blob.toString('base64')}`;
const ed25519 = newKey();
const rsa = parsePrivateKey(generatePrivateKey('rsa', 2048).privateKey);
const stranger = newKey();
let server: TestServer;
let from = 0;

beforeAll(async () => {
  server = await startTestServer({
    storage: { type: 'memory' },
    users: [
      { name: 'demo', publicKeys: [lineOf(ed25519), lineOf(rsa)], passwordHash: await hashPassword(PASSWORD) },
      { name: 'keyonly', publicKeys: [lineOf(newKey())] },
    ],
  });
});

afterAll(async () => {
  await server.stop();
});

afterEach(() => {
  from = server.log.length;
});

async function started(): Promise<SshTestClient> {
  const client = SshTestClient.connect(server.port, { algorithms: MODERN });
  await client.startAuth();
  return client;
}

const lines = (event: string): LogLine[] => server.log.slice(from).filter((line) => line.event === event);

/** Ends the connection; resolves to what was logged as failures of it. */
async function failures(client: SshTestClient): Promise<LogLine[]> {
  client.end();
  await until(() => lines('session.closed').length > 0, 'the connection is closed');
  return lines('auth.failure');
}

/** The answer to a request that must fail, byte by byte. */
async function refusal(client: SshTestClient, request: SshWriter): Promise<string> {
  client.transport.send(request.finish());
  return (await client.take(51, 52, 60)).toString('hex');
}

const keyQuery = (client: SshTestClient, user: string, algorithm: string, blob: Buffer): SshWriter =>
  client.authRequest(user, 'publickey').boolean(false).string(algorithm).string(blob);

describe('the reasons are told apart in the log, and the client gets one answer', () => {
  const answers = new Set<string>();

  test.each([
    ['an unknown user', 'nobody', 'unknown-user'],
    ['a user that has no password', 'keyonly', 'no-password-set'],
    ['a wrong password', 'demo', 'wrong-password'],
  ])('password: %s', async (_, user, reason) => {
    const client = await started();
    answers.add(await refusal(client, client.authRequest(user, 'password').boolean(false).string('guess')));
    expect(await failures(client)).toEqual([
      expect.objectContaining({ level: 'warn', user, method: 'password', reason, remoteAddress: '127.0.0.1' }),
    ]);
  });

  test('password: a change is asked for, with the right one', async () => {
    const client = await started();
    const request = client.authRequest('demo', 'password').boolean(true).string(PASSWORD).string('new');
    answers.add(await refusal(client, request));
    expect(await failures(client)).toMatchObject([{ reason: 'password-change-refused' }]);
  });

  test.each([
    ['an unknown user with the key of another', 'nobody', ed25519, 'ssh-ed25519', 'unknown-user', false],
    ["a key that is not the user's", 'demo', stranger, 'ssh-ed25519', 'wrong-key', false],
    ["the user's key with an algorithm of old", 'demo', rsa, 'ssh-rsa', 'algorithm-not-allowed', true],
    ['a key with the algorithm of another', 'demo', rsa, 'ssh-ed25519', 'bad-key', true],
  ] as const)('public key: %s', async (_, user, key, algorithm, reason, keyIsUsers) => {
    const { publicKey } = key;
    const client = await started();
    answers.add(await refusal(client, keyQuery(client, user, algorithm, publicKey.blob)));
    const { type, fingerprint } = publicKey;
    expect(await failures(client)).toEqual([
      expect.objectContaining({
        level: 'warn',
        user,
        method: 'publickey',
        reason,
        algorithm,
        keyType: type,
        fingerprint,
        keyIsUsers,
      }),
    ]);
  });

  test('public key: a type that this server does not know has a type and a fingerprint all the same', async () => {
    const blob = new SshWriter().string('ssh-dss').string('rubbish').finish();
    const client = await started();
    answers.add(await refusal(client, keyQuery(client, 'demo', 'ssh-dss', blob)));
    answers.add(await refusal(client, keyQuery(client, 'demo', 'ssh-ed25519', Buffer.from('no key'))));
    expect(await failures(client)).toMatchObject([
      {
        reason: 'algorithm-not-allowed',
        algorithm: 'ssh-dss',
        keyType: 'ssh-dss',
        fingerprint: expect.stringMatching(/^SHA256:[A-Za-z0-9+/]{43}$/),
        keys: [{ reason: 'algorithm-not-allowed' }, { reason: 'bad-key', type: null }],
      },
    ]);
  });

  test('all of these answers were the same', () => {
    expect(answers.size).toBe(1);
  });
});

describe('the user', () => {
  test('is in every line from the first request on, also where nothing was offered', async () => {
    const client = await started();
    client.transport.send(client.authRequest('someone', 'none').finish());
    await client.take(51);
    const [failure] = await failures(client);
    expect(failure).toMatchObject({ level: 'info', user: 'someone', reason: 'nothing-offered' });
    expect(lines('session.closed')).toMatchObject([{ user: 'someone', authenticated: false }]);
    expect(lines('session.negotiated')[0]).not.toHaveProperty('user');
  });

  test('is the one of the last request', async () => {
    const client = await started();
    await client.password('first', 'guess');
    await client.password('demo', PASSWORD);
    const written = await failures(client);
    expect(written.map(({ user, reason }) => [user, reason])).toEqual([['first', 'unknown-user']]);
    expect(lines('session.closed')).toMatchObject([{ user: 'demo', authenticated: true }]);
    // One field of a name, whatever reads the line.
    expect(JSON.stringify(lines('session.closed')[0]).match(/"user"/g)).toHaveLength(1);
  });

  test('is bounded', async () => {
    const client = await started();
    await client.password('x'.repeat(200), 'guess');
    expect(await failures(client)).toMatchObject([{ user: 'x'.repeat(100) }]);
  });
});

describe('an agent with eight keys', () => {
  const agent = Array.from({ length: 8 }, newKey);

  test('of which none is right is one warning, with every key', async () => {
    const client = await started();
    for (const key of agent) expect(await client.queryKey('demo', key, 'ssh-ed25519')).toBe(51);
    const written = await failures(client);
    expect(written).toHaveLength(1);
    expect(written[0]).toMatchObject({ level: 'warn', reason: 'wrong-key', msg: expect.stringContaining('8 keys') });
    expect((written[0]?.['keys'] as LogLine[]).map((each) => each['fingerprint'])).toEqual(
      agent.map(({ publicKey }) => publicKey.fingerprint),
    );
  });

  test('of which the ninth is right is one line that is no warning', async () => {
    const client = await started();
    for (const key of agent) await client.queryKey('demo', key, 'ssh-ed25519');
    expect(await client.publicKey('demo', ed25519, 'ssh-ed25519')).toBe(52);
    expect(await failures(client)).toEqual([]);
    expect(lines('auth.keys-refused')).toMatchObject([{ level: 'info', user: 'demo', keys: { length: 8 } }]);
    expect(server.log.slice(from).filter(({ level }) => level === 'warn')).toEqual([]);
  });

  test('asked about first and then signed with is one key', async () => {
    const client = await started();
    await client.queryKey('demo', stranger, 'ssh-ed25519');
    await client.publicKey('demo', stranger, 'ssh-ed25519');
    const [failure, ...others] = await failures(client);
    expect(others).toEqual([]);
    expect(failure).not.toHaveProperty('keys');
  });
});

describe('a client that resets the connection', () => {
  /** Logs in over a socket that the test can reset. */
  async function loggedIn(): Promise<{ client: SshTestClient; reset: () => void }> {
    const socket = connect({ host: '127.0.0.1', port: server.port, noDelay: true });
    const client = new SshTestClient(socket, { algorithms: MODERN });
    await client.startAuth();
    expect(await client.password('demo', PASSWORD)).toBe(52);
    return { client, reset: () => socket.resetAndDestroy() };
  }

  async function closing(): Promise<LogLine | undefined> {
    await until(() => lines('session.closed').length > 0, 'the connection is closed');
    return lines('session.closed')[0];
  }

  test('after it has closed its last channel has done nothing wrong', async () => {
    const { client, reset } = await loggedIn();
    const sftp = await SftpChannel.open(client);
    client.transport.send(new SshWriter().byte(97).uint32(sftp.channel).finish());
    await client.take(97);
    reset();
    expect(await closing()).toMatchObject({ level: 'info', msg: expect.not.stringContaining('lost') });
  });

  test('with a channel open is a connection that is lost', async () => {
    const { client, reset } = await loggedIn();
    await SftpChannel.open(client);
    reset();
    expect(await closing()).toMatchObject({ level: 'warn', msg: 'connection closed: connection lost' });
  });
});

test('an IPv4 client of an IPv6 socket is shown with its IPv4 address', async () => {
  const both = await startTestServer({ storage: { type: 'memory' }, listen: { host: '::', port: 0 } });
  try {
    const client = SshTestClient.connect(both.port, { algorithms: MODERN });
    await client.startAuth();
    await client.password('nobody', 'guess');
    client.end();
    await until(() => both.log.some(({ event }) => event === 'session.closed'), 'the connection is closed');
    const addresses = both.log.filter((line) => 'sessionId' in line).map((line) => line['remoteAddress']);
    expect(new Set(addresses)).toEqual(new Set(['127.0.0.1']));
  } finally {
    await both.stop();
  }
});
