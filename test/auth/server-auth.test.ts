// What a login comes to when it is not the client that fails.
import { afterEach, describe, expect, test } from '@jest/globals';
import { hashPassword } from '../../src/auth/password-hash.ts';
import type { Identity } from '../../src/auth/identity.ts';
import { encodePublicKeyFields, SSH_MSG_USERAUTH } from '../../src/auth/messages.ts';
import { parsePrivateKey, generatePrivateKey } from '../../src/crypto/keys/private-key.ts';
import { DISCONNECT_REASON } from '../../src/transport/disconnect.ts';
import { until } from '../transport/transport-pair.ts';
import { alice, cancelLogins, found, Login } from './login.ts';

afterEach(cancelLogins);

test('a hash that is none: an internal error with its stack, answered as a failure', async () => {
  const login = new Login(found(alice({ passwordHash: 'plain text' })));
  login.password('secret');
  await login.answered();
  expect(login.sent).toEqual([SSH_MSG_USERAUTH.FAILURE]);
  expect(login.ends).toEqual([]);
  expect(login.failures).toMatchObject([{ userName: 'alice', method: 'password', reason: 'internal-error' }]);
  expect(login.failures[0]?.error).toBeInstanceOf(Error);
  // The next request finds a server that still answers.
  login.password('secret');
  await login.answered(2);
  expect(login.sent).toHaveLength(2);
});

test('a provider that answers nonsense', async () => {
  const nonsense = { name: 'alice' } as unknown as Identity;
  const login = new Login(found(nonsense));
  const { publicKey } = parsePrivateKey(generatePrivateKey('ed25519').privateKey);
  login.request(
    'publickey',
    encodePublicKeyFields({ algorithm: 'ssh-ed25519', blob: publicKey.blob, signature: null }),
  );
  await login.answered();
  expect(login.sent).toEqual([SSH_MSG_USERAUTH.FAILURE]);
  expect(login.failures).toMatchObject([{ method: 'publickey', reason: 'internal-error' }]);
});

test('a provider that throws before it promises', async () => {
  const login = new Login({
    find: () => {
      throw new Error('no database');
    },
  });
  login.password('secret');
  await login.answered();
  expect(login.sent).toEqual([SSH_MSG_USERAUTH.FAILURE]);
  expect(login.failures).toMatchObject([{ reason: 'provider-failed' }]);
});

test('an internal error counts as an attempt', async () => {
  const login = new Login(found(alice({ passwordHash: 'plain text' })), { maxAttempts: 1 });
  login.password('secret');
  await login.answered();
  expect(login.ends).toMatchObject([{ reason: DISCONNECT_REASON.NO_MORE_AUTH_METHODS_AVAILABLE }]);
});

test('what fails after the success is ours too, and ends the connection', async () => {
  const login = new Login(found(alice({ passwordHash: await hashPassword('secret') })), {
    onSuccess: () => {
      throw new Error('no session');
    },
  });
  login.password('secret');
  await until(() => login.ends.length > 0, 'the connection is ended');
  expect(login.sent).toEqual([SSH_MSG_USERAUTH.SUCCESS]);
  expect(login.ends).toMatchObject([{ reason: DISCONNECT_REASON.BY_APPLICATION, cause: { message: 'no session' } }]);
});

test("a malformed request is the client's fault", async () => {
  const login = new Login(found(alice()));
  login.auth.receive(Buffer.from([SSH_MSG_USERAUTH.REQUEST, 0, 0, 0, 9, 1]));
  await login.answered();
  expect(login.ends).toMatchObject([{ reason: DISCONNECT_REASON.PROTOCOL_ERROR }]);
  expect(login.failures).toEqual([]);
});

test('a user who has too many connections: the login is no success', async () => {
  const identity = alice({ passwordHash: await hashPassword('secret') });
  const login = new Login(found(identity), { admit: () => false });
  login.password('secret');
  await login.answered();
  expect(login.sent).toEqual([]);
  expect(login.successes).toEqual([]);
  expect(login.failures).toMatchObject([{ userName: 'alice', reason: 'too-many-connections' }]);
  expect(login.ends).toMatchObject([{ reason: DISCONNECT_REASON.TOO_MANY_CONNECTIONS }]);
});

test('"busy" is not a failed attempt, and one source does not make others busy', async () => {
  // 128 MiB and a quarter of a second or more each: they are there until the end of the test.
  const slow = found(alice({ passwordHash: `$scrypt$ln=17,r=8,p=2$${'A'.repeat(22)}$${'A'.repeat(43)}` }));
  const crowd = Array.from({ length: 34 }, () => new Login(slow));
  for (const login of crowd) login.password('guess');
  await new Promise(setImmediate);
  const late = new Login(slow, { maxAttempts: 1 });
  late.password('guess');
  late.password('guess');
  await late.answered(2);
  expect(late.sent).toEqual([SSH_MSG_USERAUTH.FAILURE, SSH_MSG_USERAUTH.FAILURE]);
  expect(late.ends).toEqual([]);
  expect(late.failures).toMatchObject([{ reason: 'too-busy' }, { reason: 'too-busy' }]);
  const other = new Login(slow, { source: 'elsewhere' });
  other.password('guess');
  await new Promise(setImmediate);
  expect(other.failures).toEqual([]);
});

describe('what is to be said of a session', () => {
  const told = { banner: 'one\ntwo\n', refusal: null };
  const refused = { banner: 'no\n', refusal: { reason: 'not-post-quantum', words: 'not so' } } as const;

  test('is said before the login, once the credential is known to be right', async () => {
    const identity = alice({ passwordHash: await hashPassword('secret') });
    const login = new Login(found(identity), { judgeSession: () => told });
    login.password('guess');
    login.password('secret');
    await login.answered(3);
    expect(login.sent).toEqual([SSH_MSG_USERAUTH.FAILURE, SSH_MSG_USERAUTH.BANNER, SSH_MSG_USERAUTH.SUCCESS]);
    expect(login.payloads[1]?.toString('latin1')).toContain('one\r\ntwo\r\n');
  });

  test('may be that there is no login: nobody is asked whether there is room', async () => {
    const identity = alice({ passwordHash: await hashPassword('secret') });
    const login = new Login(found(identity), {
      judgeSession: () => refused,
      admit: () => {
        throw new Error('asked');
      },
    });
    login.password('secret');
    await login.answered();
    await until(() => login.ends.length > 0, 'the connection is ended');
    expect(login.sent).toEqual([SSH_MSG_USERAUTH.BANNER]);
    expect(login.successes).toEqual([]);
    expect(login.failures).toMatchObject([{ userName: 'alice', reason: 'not-post-quantum' }]);
    expect(login.ends).toMatchObject([{ reason: DISCONNECT_REASON.BY_APPLICATION, message: 'not so' }]);
  });
});
