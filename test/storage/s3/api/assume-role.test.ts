import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { assumeRole, AssumeRoleError } from '../../../../src/storage/s3/api/assume-role.ts';
import { classify, toStorageError } from '../../../../src/storage/s3/api/errors.ts';
import { S3Connections } from '../../../../src/storage/s3/api/s3-client.ts';
import { AccountStore, OWN_KEY } from '../account-store.ts';

const ROLE = {
  ...{ arn: 'arn:aws:iam::123456789012:role/a', sessionName: 'a@s-1', durationSeconds: 900 },
  ...{ policy: '{"Statement":[]}', externalId: 'x+1' },
};

let account: AccountStore;
beforeAll(async () => {
  // Nothing is asked of S3.
  account = await AccountStore.start('http://127.0.0.1:1');
});
afterAll(() => account.stop());
beforeEach(() => {
  account.sts = 'credentials';
});

const connect = (endpoint: string, credentials = OWN_KEY): S3Connections =>
  new S3Connections({
    ...{ region: 'eu-central-1', endpoint, credentials, maxSockets: 2 },
    ...{ connectTimeoutMs: 2000, idleTimeoutMs: 5000 },
  });

async function failureOf(connections: S3Connections): Promise<AssumeRoleError> {
  try {
    await assumeRole(connections.account, ROLE);
  } catch (error) {
    if (error instanceof AssumeRoleError) return error;
    throw error;
  } finally {
    connections.close();
  }
  throw new Error('STS has given credentials');
}

test('STS is asked at the store, with all that the role has, and signed by the store’s own key', async () => {
  const connections = connect(account.endpoint);
  const given = await assumeRole(connections.account, ROLE);
  connections.close();
  const { arn: role, sessionName: session, policy, externalId } = ROLE;
  expect(account.calls.at(-1)).toEqual({ role, session, policy, externalId, seconds: 900 });
  const { accessKeyId, token } = account.given.at(-1) ?? {};
  expect([given.accessKeyId, given.sessionToken]).toEqual([accessKeyId, token]);
  expect(Math.abs(given.expiresAt - Date.now() - 900_000)).toBeLessThan(60_000);
});

test.each([
  ['refused', true, 'AccessDenied'],
  ['unavailable', false, 'ServiceUnavailable'],
  ['without-token', false, 'BadAnswer'],
] as const)('an answer "%s": permanent is %s, the reason %s', async (answer, permanent, reason) => {
  account.sts = answer;
  expect(await failureOf(connect(account.endpoint))).toMatchObject({ permanent, reason });
});

test('an answer that is none of STS is no end', async () => {
  account.sts = 'page';
  expect((await failureOf(connect(account.endpoint))).permanent).toBe(false);
});

test('a wrong secret is told, and nobody at the address', async () => {
  const wrong = await failureOf(connect(account.endpoint, { ...OWN_KEY, secretAccessKey: 'wrong' }));
  expect(wrong).toMatchObject({ permanent: true, reason: 'SignatureDoesNotMatch' });
  expect(await failureOf(connect('http://127.0.0.1:1'))).toMatchObject({ permanent: false, reason: 'ECONNREFUSED' });
});

test('requests that need the credentials wait for STS, or fail at once, and the client is told neither role nor reason', () => {
  const [down, refused] = [false, true].map((permanent) => new AssumeRoleError(permanent, 'X', 'aborted by role/a'));
  expect([classify(down), classify(refused)]).toEqual([
    { remedy: 'retry', reason: 'RoleUnavailable', status: undefined, ambiguous: false },
    { remedy: 'fail', reason: 'RoleRefused', status: undefined, ambiguous: false },
  ]);
  for (const error of [down, refused]) {
    expect(toStorageError(error, 'GetObject')).toMatchObject({
      code: 'unavailable',
      message: 'The server could not sign in to its storage.',
    });
  }
});
