import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { PrivateKey, SignatureAlgorithm } from '../../src/crypto/keys/key.ts';
import { generatePrivateKey, parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { SshWriter } from '../../src/wire/writer.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import { MODERN, until } from '../transport/transport-pair.ts';
import type { KeyName, LogLine, TestServer } from './test-server.ts';
import { KEY_NAMES, PASSWORD, startTestServer } from './test-server.ts';

let server: TestServer;
let client: SshTestClient;
const keys = {} as Record<KeyName, PrivateKey>;
const stranger = parsePrivateKey(generatePrivateKey('ed25519').privateKey);

beforeAll(async () => {
  server = await startTestServer({ storage: { type: 'memory' }, auth: { maxAttempts: 3, banner: 'Hello.' } });
  for (const name of KEY_NAMES) keys[name] = parsePrivateKey(readFileSync(server.userKey(name), 'utf8'));
});

afterAll(async () => {
  await server.stop();
});

beforeEach(() => {
  client = SshTestClient.connect(server.port, { algorithms: MODERN });
});

const lines = (event: string): LogLine[] => server.log.filter((line) => line.event === event);

describe('public key', () => {
  test.each<[KeyName, SignatureAlgorithm]>([
    ['ed25519', 'ssh-ed25519'],
    ['ecdsa-256', 'ecdsa-sha2-nistp256'],
    ['ecdsa-384', 'ecdsa-sha2-nistp384'],
    ['ecdsa-521', 'ecdsa-sha2-nistp521'],
    ['rsa', 'rsa-sha2-256'],
    ['rsa', 'rsa-sha2-512'],
  ])('%s with %s: asked about, then used', async (name, algorithm) => {
    await client.startAuth();
    expect(await client.queryKey('demo', keys[name], algorithm)).toBe(60);
    expect(await client.publicKey('demo', keys[name], algorithm)).toBe(52);
    expect(lines('auth.success').at(-1)).toMatchObject({
      user: 'demo',
      method: 'publickey',
      signatureAlgorithm: algorithm,
    });
    client.end();
  });

  test('ssh-rsa (SHA-1) is refused by a policy that does not list it', async () => {
    await client.startAuth();
    expect(await client.queryKey('demo', keys.rsa, 'ssh-rsa')).toBe(51);
    expect(await client.publicKey('demo', keys.rsa, 'ssh-rsa')).toBe(51);
    client.end();
    await until(() => lines('auth.failure').length > 0, 'what became of the key is logged');
    expect(lines('auth.failure').at(-1)).toMatchObject({ reason: 'algorithm-not-allowed' });
  });

  test("a key that is not the user's", async () => {
    await client.startAuth();
    expect(await client.queryKey('demo', stranger, 'ssh-ed25519')).toBe(51);
    expect(await client.publicKey('demo', stranger, 'ssh-ed25519')).toBe(51);
    client.end();
  });

  test('a key of one user does not open another', async () => {
    await client.startAuth();
    expect(await client.publicKey('reader', keys.ed25519, 'ssh-ed25519')).toBe(51);
    client.end();
  });

  test('a changed signature', async () => {
    await client.startAuth();
    const flip = (signature: Buffer): void => {
      signature[signature.length - 1] = (signature[signature.length - 1] ?? 0) ^ 1;
    };
    expect(await client.publicKey('demo', keys.ed25519, 'ssh-ed25519', flip)).toBe(51);
    expect(lines('auth.failure').at(-1)).toMatchObject({ reason: 'wrong-signature' });
    client.end();
  });

  test('a signature for another session', async () => {
    await client.startAuth();
    const request = client
      .authRequest('demo', 'publickey')
      .boolean(true)
      .string('ssh-ed25519')
      .string(keys.ed25519.publicKey.blob)
      .finish();
    const data = new SshWriter().string(Buffer.alloc(32, 7)).bytes(request).finish();
    client.transport.send(
      new SshWriter()
        .bytes(request)
        .string(await keys.ed25519.sign('ssh-ed25519', data))
        .finish(),
    );
    expect((await client.take(51, 52))[0]).toBe(51);
    client.end();
  });

  test('a blob that is no key fails the attempt, not the connection', async () => {
    await client.startAuth();
    client.transport.send(
      client.authRequest('demo', 'publickey').boolean(false).string('ssh-ed25519').string('rubbish').finish(),
    );
    expect((await client.take(51, 52, 60))[0]).toBe(51);
    expect(await client.publicKey('demo', keys.ed25519, 'ssh-ed25519')).toBe(52);
    client.end();
  });
});

describe('password', () => {
  test('right', async () => {
    await client.startAuth();
    expect(await client.password('demo', PASSWORD)).toBe(52);
    client.end();
  });

  test('wrong too often ends the connection with reason 14', async () => {
    await client.startAuth();
    expect(await client.password('demo', 'wrong')).toBe(51);
    expect(await client.password('demo', '')).toBe(51);
    client.transport.send(client.authRequest('demo', 'password').boolean(false).string('wrong').finish());
    expect((await client.whenClosed()).reason).toBe(14);
  });

  test('an unknown user gets the same answer as a wrong password', async () => {
    await client.startAuth();
    const answers: Buffer[] = [];
    for (const user of ['demo', 'nobody-of-this-name']) {
      client.transport.send(client.authRequest(user, 'password').boolean(false).string('wrong').finish());
      answers.push(await client.take(51, 52));
    }
    expect(answers[1]).toEqual(answers[0]);
    client.end();
  });

  test('never in the log', () => {
    expect(JSON.stringify(server.log)).not.toContain(PASSWORD);
  });
});

test('an unknown user, and one without a password, do as much work as a wrong password: the medians are alike (without the work: a hundredth)', async () => {
  client.end();
  const times = { demo: [] as number[], keyonly: [] as number[], 'nobody-of-this-name': [] as number[] };
  for (let round = 0; round < 7; round += 1) {
    for (const user of ['demo', 'keyonly', 'nobody-of-this-name'] as const) {
      const fresh = SshTestClient.connect(server.port, { algorithms: MODERN });
      await fresh.startAuth();
      const begun = performance.now();
      await fresh.password(user, 'wrong');
      times[user].push(performance.now() - begun);
      fresh.end();
    }
  }
  const median = (values: number[]): number => values.sort((a, b) => a - b)[3] ?? 0;
  const wrong = median(times.demo);
  for (const other of [median(times.keyonly), median(times['nobody-of-this-name'])]) {
    expect(wrong / other).toBeGreaterThan(1 / 4);
    expect(wrong / other).toBeLessThan(4);
  }
});

test('"none" is answered with the methods, and the banner comes first', async () => {
  await client.startAuth();
  client.transport.send(client.authRequest('demo', 'none').finish());
  const answer = await client.take(51);
  expect(answer).toEqual(new SshWriter().byte(51).nameList(['publickey', 'password']).boolean(false).finish());
  expect((await client.take(53)).toString('latin1')).toContain('Hello.');
  client.end();
});

test('asking about many keys ends the connection', async () => {
  await client.startAuth();
  const ask = async (): Promise<void> => {
    for (let i = 0; i < 100; i += 1) await client.queryKey('demo', stranger, 'ssh-ed25519');
  };
  await expect(ask()).rejects.toMatchObject({ reason: 14 });
});

test('a channel before authentication ends the connection', async () => {
  await client.startAuth();
  client.transport.send(new SshWriter().byte(90).string('session').uint32(0).uint32(1).uint32(1).finish());
  expect((await client.whenClosed()).reason).toBe(2);
});

test('a client may ask for the service before every attempt (paramiko)', async () => {
  await client.startAuth();
  expect(await client.password('demo', 'wrong')).toBe(51);
  client.transport.send(new SshWriter().byte(5).string('ssh-userauth').finish());
  await client.take(6);
  expect(await client.password('demo', PASSWORD)).toBe(52);
  client.end();
});

test('a password that cannot be one fails like a wrong one', async () => {
  await client.startAuth();
  for (const bytes of [Buffer.from([0xc3, 0x28]), Buffer.alloc(5000, 0x61)]) {
    client.transport.send(client.authRequest('demo', 'password').boolean(false).string(bytes).finish());
    expect((await client.take(51, 52))[0]).toBe(51);
  }
  client.end();
});

test('a password with zero bytes behind it, which hashes as the right one does, fails', async () => {
  await client.startAuth();
  for (const zeros of ['\0', '\0\0\0']) expect(await client.password('demo', `${PASSWORD}${zeros}`)).toBe(51);
  client.end();
});

test('silent connections make room for those who log in', async () => {
  client.end();
  const small = await startTestServer({
    storage: { type: 'memory' },
    limits: { unauthenticatedConnections: 5 },
  });
  const silent = Array.from({ length: 5 }, () => SshTestClient.connect(small.port, { algorithms: MODERN }));
  for (const each of silent) await each.startAuth();
  const good = SshTestClient.connect(small.port, { algorithms: MODERN });
  await good.startAuth();
  expect(await good.password('demo', PASSWORD)).toBe(52);
  expect((await (silent[0] ?? good).whenClosed()).reason).toBe(12);
  good.end();
  await small.stop();
});

test('a service that is not there', async () => {
  await client.keyExchange();
  client.transport.send(new SshWriter().byte(5).string('ssh-connection').finish());
  expect((await client.whenClosed()).reason).toBe(7);
});

test('a login that takes too long is ended', async () => {
  client.end();
  const slow = await startTestServer({ storage: { type: 'memory' }, auth: { loginGraceSeconds: 0.3 } });
  const silent = SshTestClient.connect(slow.port, { algorithms: MODERN });
  await silent.startAuth();
  expect((await silent.whenClosed()).message).toContain('login took too long');
  await slow.stop();
});

describe('a global request before the login', () => {
  const keepAlive = (): Buffer => new SshWriter().byte(80).string('keepalive@openssh.com').boolean(true).finish();

  /** SSH_MSG_UNIMPLEMENTED under AES-GCM: length, 16 bytes (padding length, message, number, padding), tag. */
  const ANSWER_BYTES = 4 + 16 + 16;

  test('is answered UNIMPLEMENTED, and the login goes on (russh, Tabby, libssh2)', async () => {
    await client.keyExchange();
    await client.take(7); // EXT_INFO, the last message of the exchange
    for (const phase of ['before the service request', 'while the user looks for the password']) {
      const before = client.transport.bytesReceived;
      client.transport.send(keepAlive());
      await until(() => client.transport.bytesReceived === before + ANSWER_BYTES, `an answer ${phase}`);
      if (phase.startsWith('before')) await client.startAuth();
    }
    expect(await client.publicKey('demo', keys.ed25519, 'ssh-ed25519')).toBe(52);
    client.transport.send(keepAlive());
    expect(await client.take(82)).toEqual(Buffer.from([82]));
    client.end();
  });

  test('is answered a bounded number of times', async () => {
    await client.startAuth();
    const before = client.transport.bytesReceived;
    for (let i = 0; i < 120; i += 1) client.transport.send(keepAlive());
    await until(() => client.transport.bytesReceived === before + 120 * ANSWER_BYTES, '120 answers');
    client.transport.send(keepAlive());
    expect(await client.whenClosed()).toMatchObject({ reason: 2, message: 'unexpected message 80 at this point' });
  });

  test('does not open the door for other messages of the connection layer', async () => {
    await client.startAuth();
    client.transport.send(new SshWriter().byte(90).string('session').uint32(0).uint32(1000).uint32(1000).finish());
    expect(await client.whenClosed()).toMatchObject({ reason: 2, message: 'unexpected message 90 at this point' });
  });
});
