// What becomes of each request of RFC 4252, and what the client and the operator are told of it: no server, no transport.
import { pbkdf2Sync } from 'node:crypto';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { FailureReason } from '../../src/auth/failure-reasons.ts';
import type { IdentityProvider } from '../../src/auth/identity.ts';
import { MAX_KEY_QUERIES, MAX_REQUESTS, MAX_WAITING_REQUESTS } from '../../src/auth/limits.ts';
import {
  decodeUserAuthBanner,
  decodeUserAuthFailure,
  decodeUserAuthPkOk,
  encodePasswordFields,
  encodePublicKeyFields,
  encodeUserAuthFailure,
  encodeUserAuthRequest,
  SSH_MSG_USERAUTH,
} from '../../src/auth/messages.ts';
import { generatePrivateKey, parsePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { DISCONNECT_REASON } from '../../src/transport/disconnect.ts';
import { SshWriter } from '../../src/wire/writer.ts';
import { until } from '../transport/transport-pair.ts';
import type { LoginOptions } from './login.ts';
import { alice, cancelLogins, found, Login } from './login.ts';

const { FAILURE, SUCCESS, BANNER, PK_OK } = SSH_MSG_USERAUTH;

const PASSWORD = 'corr\u00e9ct';
const salt = Buffer.alloc(16, 1);
const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
/** The cheapest that there may be. */
const passwordHash = `$pbkdf2-sha256$i=1000$${base64(salt)}$${base64(pbkdf2Sync(PASSWORD, salt, 1000, 32, 'sha256'))}`;

const ed25519 = parsePrivateKey(generatePrivateKey('ed25519').privateKey);
const rsa = parsePrivateKey(generatePrivateKey('rsa', 2048).privateKey);
const stranger = parsePrivateKey(generatePrivateKey('ed25519').privateKey);

const everything = alice({ passwordHash, publicKeys: [ed25519.publicKey, rsa.publicKey] });
const users: IdentityProvider = {
  decoyHash: passwordHash,
  find: (name) =>
    Promise.resolve(
      name === 'alice' ? everything : name === 'keyonly' ? { ...everything, name, passwordHash: null } : null,
    ),
};
const login = (options: LoginOptions = {}): Login =>
  new Login(users, { userKeyAlgorithms: ['ssh-ed25519', 'rsa-sha2-256'], ...options });

const REFUSAL = encodeUserAuthFailure({ methods: ['publickey', 'password'], partialSuccess: false });

afterEach(cancelLogins);

describe('the methods', () => {
  test('"none" is told which there are; it is no attempt', async () => {
    const client = login({ maxAttempts: 1 });
    for (let i = 1; i <= 3; i += 1) {
      client.request('none');
      await client.answered(i);
    }
    expect(client.payloads.map(decodeUserAuthFailure)).toEqual(
      Array.from({ length: 3 }, () => ({ methods: ['publickey', 'password'], partialSuccess: false })),
    );
    expect(client.failures).toEqual([]);
    expect(client.ends).toEqual([]);
  });

  test.each(['keyboard-interactive', 'hostbased', 'Password', ''])('"%s" is none of them', async (method) => {
    const client = login();
    client.request(method, Buffer.from('anything'));
    await client.answered();
    expect(client.payloads).toEqual([REFUSAL]);
    expect(client.failures).toEqual([{ userName: 'alice', method, reason: 'method-not-available', key: null }]);
  });

  test('one that is turned off is not available, and its fields are not looked at', async () => {
    const client = login({ methods: ['publickey'], maxAttempts: 2 });
    client.request('password', Buffer.from('ff', 'hex'));
    await client.answered();
    expect(client.payloads.map(decodeUserAuthFailure)).toEqual([{ methods: ['publickey'], partialSuccess: false }]);
    client.password(PASSWORD);
    await until(() => client.ends.length > 0, 'the attempts are used up');
    expect(client.failures.map(({ reason }) => reason)).toEqual(['method-not-available', 'method-not-available']);
  });

  test('for another service than ssh-connection end the connection', async () => {
    const client = login();
    client.request('password', encodePasswordFields({ password: Buffer.from(PASSWORD), newPassword: null }), 'ssh-x');
    await client.answered();
    expect(client.sent).toEqual([]);
    expect(client.ends).toMatchObject([{ reason: DISCONNECT_REASON.SERVICE_NOT_AVAILABLE }]);
  });

  test('every request is told with the name that it gives, and the provider learns the address', async () => {
    const asked: unknown[] = [];
    const client = new Login(
      {
        find: (...call) => {
          asked.push(call);
          return Promise.resolve(null);
        },
      },
      { userName: 'b\u00f6b' },
    );
    client.request('none');
    client.query('ssh-ed25519', stranger.publicKey.blob);
    await client.answered(2);
    expect(client.requested).toEqual(['b\u00f6b', 'b\u00f6b']);
    expect(asked).toEqual([['b\u00f6b', { remoteAddress: '192.0.2.1' }]]);
  });
});

describe('the banner', () => {
  test('comes before the first answer, once, with the line ends of the protocol', async () => {
    const client = login({ banner: 'Hello.\nBe good.\r\n' });
    client.request('none');
    client.request('none');
    await client.answered(3);
    expect(client.sent).toEqual([BANNER, FAILURE, FAILURE]);
    expect(client.payloads.slice(0, 1).map(decodeUserAuthBanner)).toEqual(['Hello.\r\nBe good.\r\n']);
  });
});

describe('what is refused is refused in the same bytes, and the operator learns why', () => {
  const password =
    (text: string | Buffer, newPassword: string | null = null) =>
    (client: Login): void => {
      client.password(text, newPassword);
    };
  const cases: [string, FailureReason, LoginOptions, (client: Login) => void | Promise<void>][] = [
    ['a wrong password', 'wrong-password', {}, password('wrong')],
    ['an empty one', 'wrong-password', {}, password('')],
    ['one that is not UTF-8', 'wrong-password', {}, password(Buffer.from([0xc3, 0x28]))],
    ['the right one with a NUL behind it', 'wrong-password', {}, password(`${PASSWORD}\0`)],
    ['one of 1025 bytes', 'wrong-password', {}, password('a'.repeat(1025))],
    ['the right one with a new one', 'password-change-refused', {}, password(PASSWORD, 'new')],
    ['a wrong one with a new one', 'password-change-refused', {}, password('wrong', 'new')],
    ['a password of nobody', 'unknown-user', { userName: 'nobody' }, password(PASSWORD)],
    ['a password where there is none', 'no-password-set', { userName: 'keyonly' }, password(PASSWORD)],
    ['a name in other letters', 'unknown-user', { userName: 'Alice' }, password(PASSWORD)],
    ['a question about a strange key', 'wrong-key', {}, (c) => c.query('ssh-ed25519', stranger.publicKey.blob)],
    [
      'one about a key of nobody',
      'unknown-user',
      { userName: 'nobody' },
      (c) => c.query('ssh-ed25519', ed25519.publicKey.blob),
    ],
    ['one about rubbish', 'bad-key', {}, (c) => c.query('ssh-ed25519', Buffer.from('rubbish'))],
    ['one about a key of another type', 'bad-key', {}, (c) => c.query('ssh-ed25519', rsa.publicKey.blob)],
    ['one with SHA-1', 'algorithm-not-allowed', {}, (c) => c.query('ssh-rsa', rsa.publicKey.blob)],
    ['one with an unknown algorithm', 'algorithm-not-allowed', {}, (c) => c.query('x', ed25519.publicKey.blob)],
    ['a strange key, signed', 'wrong-key', {}, (c) => c.sign(stranger, 'ssh-ed25519')],
    ['a key of nobody, signed', 'unknown-user', { userName: 'nobody' }, (c) => c.sign(ed25519, 'ssh-ed25519')],
    [
      'a signature by another key',
      'wrong-signature',
      {},
      (c) => c.sign(stranger, 'ssh-ed25519', { blob: ed25519.publicKey.blob }),
    ],
    [
      'one for another session',
      'wrong-signature',
      {},
      (c) => c.sign(ed25519, 'ssh-ed25519', { sessionId: Buffer.alloc(32) }),
    ],
    ['one for another user', 'wrong-signature', {}, (c) => c.sign(ed25519, 'ssh-ed25519', { signedName: 'keyonly' })],
    ['none at all', 'wrong-signature', {}, (c) => c.sign(ed25519, 'ssh-ed25519', { tamper: () => Buffer.alloc(0) })],
    ['one of another algorithm', 'wrong-signature', {}, (c) => c.sign(rsa, 'rsa-sha2-256', { tamper: renamed })],
  ];

  test.each(cases)('%s: %s', async (_what, reason, options, act) => {
    const admitted: string[] = [];
    const client = login({ ...options, admit: ({ name }) => admitted.push(name) > 0 });
    await act(client);
    await client.answered();
    expect(client.payloads).toEqual([REFUSAL]);
    expect(client.ends).toEqual([]);
    expect(client.failures).toMatchObject([{ userName: options.userName ?? 'alice', reason }]);
    expect(client.successes).toEqual([]);
    expect(admitted).toEqual([]);
  });

  test.each([
    ['a key that is the user\u2019s', 'wrong-signature', true, ed25519],
    ['a strange one', 'wrong-key', false, stranger],
  ])('of %s the operator learns that, and which it was', async (_what, reason, keyIsUsers, key) => {
    const client = login();
    await client.sign(key, 'ssh-ed25519', { tamper: (signature) => signature.fill(0, signature.length - 4) });
    await client.answered();
    const { fingerprint } = key.publicKey;
    expect(client.failures).toMatchObject([
      { reason, keyIsUsers, key: { algorithm: 'ssh-ed25519', type: 'ssh-ed25519', fingerprint } },
    ]);
  });
});

/** An RSA signature that says it is of SHA-512. */
function renamed(signature: Buffer): Buffer {
  signature.write('rsa-sha2-512', 4, 'latin1');
  return signature;
}

describe('signatures', () => {
  test('a part of one is none, whatever part', async () => {
    const whole = 4 + 'ssh-ed25519'.length + 4 + 64;
    for (let length = 0; length < whole; length += 1) {
      const each = login();
      await each.sign(ed25519, 'ssh-ed25519', { tamper: (signature) => signature.subarray(0, length) });
      await each.answered();
      expect(each.failures).toMatchObject([{ reason: 'wrong-signature' }]);
    }
    const client = login();
    await client.sign(ed25519, 'ssh-ed25519', { tamper: (signature) => signature.subarray(0, whole) });
    await client.answered();
    expect(client.sent).toEqual([SUCCESS]);
  });

  test('one with bytes behind it is none', async () => {
    const client = login();
    await client.sign(ed25519, 'ssh-ed25519', { tamper: (signature) => Buffer.concat([signature, Buffer.alloc(1)]) });
    await client.answered();
    expect(client.failures).toMatchObject([{ reason: 'wrong-signature' }]);
  });
});

describe('success', () => {
  test('with a key that was asked about', async () => {
    const client = login();
    client.query('rsa-sha2-256', rsa.publicKey.blob);
    await client.answered();
    expect(client.payloads.map(decodeUserAuthPkOk)).toEqual([{ algorithm: 'rsa-sha2-256', blob: rsa.publicKey.blob }]);
    await client.sign(rsa, 'rsa-sha2-256');
    await client.answered(2);
    expect(client.sent).toEqual([PK_OK, SUCCESS]);
    expect(client.successes).toEqual([
      {
        identity: everything,
        method: 'publickey',
        publicKey: rsa.publicKey,
        signatureAlgorithm: 'rsa-sha2-256',
        certificate: null,
      },
    ]);
    expect(client.failures).toEqual([]);
  });

  test('with a password, however its letters are composed', async () => {
    const client = login();
    client.password(PASSWORD.normalize('NFD'));
    await client.answered();
    expect(client.sent).toEqual([SUCCESS]);
    expect(client.successes).toEqual([
      { identity: everything, method: 'password', publicKey: null, signatureAlgorithm: null, certificate: null },
    ]);
  });

  test('after it requests are ignored (RFC 4252 §5.1)', async () => {
    const client = login();
    client.password(PASSWORD);
    client.password('wrong');
    await client.answered();
    client.password('wrong');
    for (let i = 0; i < 100; i += 1) client.request('none');
    await new Promise(setImmediate);
    expect(client.sent).toEqual([SUCCESS]);
    expect([client.failures, client.ends]).toEqual([[], []]);
  });
});

describe('attempts', () => {
  test('the last one ends the connection instead of being answered', async () => {
    const client = login({ maxAttempts: 3 });
    client.password('wrong');
    await client.sign(stranger, 'ssh-ed25519', { blob: ed25519.publicKey.blob });
    client.request('hostbased');
    await until(() => client.ends.length > 0, 'the connection is ended');
    expect(client.sent).toEqual([FAILURE, FAILURE]);
    expect(client.failures.map(({ reason }) => reason)).toEqual([
      'wrong-password',
      'wrong-signature',
      'method-not-available',
    ]);
    expect(client.ends).toMatchObject([{ reason: DISCONNECT_REASON.NO_MORE_AUTH_METHODS_AVAILABLE }]);
    // Nothing comes of what follows.
    client.password(PASSWORD);
    await new Promise(setImmediate);
    expect(client.successes).toEqual([]);
  });

  test('one before the last may succeed', async () => {
    const client = login({ maxAttempts: 3 });
    for (const password of ['wrong', 'wrong', PASSWORD]) client.password(password);
    await client.answered(3);
    expect(client.sent).toEqual([FAILURE, FAILURE, SUCCESS]);
  });

  test.each<[string, (client: Login) => void | Promise<void>, number]>([
    ['strange keys, asked about', (client) => client.query('ssh-ed25519', stranger.publicKey.blob), FAILURE],
    ["the user's key, asked about", (client) => client.query('ssh-ed25519', ed25519.publicKey.blob), PK_OK],
    ['strange keys, signed', (client) => client.sign(stranger, 'ssh-ed25519'), FAILURE],
  ])('%s: no attempts, but bounded', async (_what, act, answer) => {
    const client = login({ maxAttempts: 1 });
    for (let i = 1; i <= MAX_KEY_QUERIES; i += 1) {
      await act(client);
      await client.answered(i);
    }
    expect(client.sent).toEqual(Array.from({ length: MAX_KEY_QUERIES }, () => answer));
    expect(client.ends).toEqual([]);
    await act(client);
    await until(() => client.ends.length > 0, 'the connection is ended');
    expect(client.ends).toMatchObject([{ reason: DISCONNECT_REASON.NO_MORE_AUTH_METHODS_AVAILABLE }]);
  });

  test('requests of any kind are bounded, the service asked for again among them', async () => {
    const client = login();
    let accepted = 0;
    for (let i = 1; i <= MAX_REQUESTS / 2; i += 1) {
      client.auth.serviceRequestedAgain(() => (accepted += 1));
      client.request('none');
      await client.answered(i);
    }
    expect(client.ends).toEqual([]);
    expect(() => {
      client.auth.serviceRequestedAgain(() => (accepted += 1));
    }).toThrow(expect.objectContaining({ reason: DISCONNECT_REASON.NO_MORE_AUTH_METHODS_AVAILABLE }));
    expect(accepted).toBe(MAX_REQUESTS / 2);
  });
});

describe('who is unknown, or has no password, costs the same work', () => {
  /** Whoever checks a password against the decoy finds that it is none. */
  const provider: IdentityProvider = { ...users, decoyHash: 'not a hash' };

  test.each<[string, string, string | Buffer]>([
    ['an unknown user', 'nobody', PASSWORD],
    ['a user without a password', 'keyonly', PASSWORD],
    ['what cannot be a password', 'alice', Buffer.from([0xc3, 0x28])],
    ['what is too long for one', 'alice', 'a'.repeat(2000)],
  ])('%s: the decoy is checked', async (_what, userName, password) => {
    const client = new Login(provider, { userName });
    client.password(password);
    await client.answered();
    expect(client.payloads).toEqual([REFUSAL]);
    expect(client.failures).toMatchObject([{ reason: 'internal-error', error: { name: 'PasswordHashError' } }]);
  });

  test('a wrong password: the hash is', async () => {
    const client = new Login(provider);
    client.password('wrong');
    await client.answered();
    expect(client.failures).toMatchObject([{ reason: 'wrong-password' }]);
  });
});

describe('one after the other', () => {
  /** A provider that answers when it is told to. */
  function held(): { provider: IdentityProvider; release: () => void } {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    return { provider: { find: () => gate.then(() => everything) }, release };
  }

  test('so many wait, and one more ends the connection', async () => {
    const { provider, release } = held();
    const client = new Login(provider, { maxAttempts: 100 });
    // One is being answered.
    for (let i = 0; i <= MAX_WAITING_REQUESTS; i += 1) client.query('ssh-ed25519', stranger.publicKey.blob);
    expect(() => {
      client.request('none');
    }).toThrow(expect.objectContaining({ reason: DISCONNECT_REASON.PROTOCOL_ERROR }));
    expect(client.sent).toEqual([]);
    release();
    await client.answered(MAX_WAITING_REQUESTS + 1);
    expect(client.sent).toEqual(Array.from({ length: MAX_WAITING_REQUESTS + 1 }, () => FAILURE));
  });

  test('of a login that is cancelled nothing is answered or told', async () => {
    const { provider, release } = held();
    const client = new Login(provider);
    await client.sign(ed25519, 'ssh-ed25519');
    client.request('none');
    client.auth.cancel();
    client.request('none');
    release();
    await new Promise(setImmediate);
    expect([client.sent, client.successes, client.failures, client.ends]).toEqual([[], [], [], []]);
  });

  test('what was received is overwritten: passwords do not stay in the buffers of the transport', () => {
    const client = login();
    const payload = encodeUserAuthRequest({
      userName: 'alice',
      service: 'ssh-connection',
      method: 'password',
      fields: encodePasswordFields({ password: Buffer.from(PASSWORD), newPassword: null }),
    });
    client.auth.receive(payload);
    expect(payload.every((byte) => byte === 0)).toBe(true);
  });
});

describe("what is malformed is the client's fault, and ends the connection", () => {
  const fields = encodePublicKeyFields({ algorithm: 'ssh-ed25519', blob: ed25519.publicKey.blob, signature: null });

  test.each<[string, string, Buffer]>([
    ['a password without a length', 'password', Buffer.from([0])],
    ['a password with bytes behind it', 'password', new SshWriter().boolean(false).string('x').byte(0).finish()],
    ['a change without a new password', 'password', new SshWriter().boolean(true).string('x').finish()],
    ['a key with bytes behind it', 'publickey', Buffer.concat([fields, Buffer.alloc(1)])],
    ['a key cut short', 'publickey', fields.subarray(0, -1)],
    ['a signature that is announced and missing', 'publickey', Buffer.concat([Buffer.from([1]), fields.subarray(1)])],
  ])('%s', async (_what, method, malformed) => {
    const client = new Login(found(everything));
    client.request(method, malformed);
    await client.answered();
    expect(client.sent).toEqual([]);
    expect(client.failures).toEqual([]);
    expect(client.ends).toMatchObject([
      { reason: DISCONNECT_REASON.PROTOCOL_ERROR, message: 'malformed authentication request' },
    ]);
  });
});
