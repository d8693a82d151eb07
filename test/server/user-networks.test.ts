// From where a user may log in: elsewhere it is as if it did not exist, but for the log.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { hashPassword } from '../../src/auth/password-hash.ts';
import { AddressRules } from '../../src/server/address-networks.ts';
import { SshTestClient } from '../client/ssh-test-client.ts';
import { MODERN } from '../transport/transport-pair.ts';
import { PASSWORD, startTestServer, type TestServer } from './test-server.ts';

let server: TestServer;
beforeAll(async () => {
  const passwordHash = await hashPassword(PASSWORD);
  server = await startTestServer({
    storage: { type: 'memory' },
    users: [
      { name: 'here', passwordHash, allowedNetworks: ['127.0.0.0/8', '2001:db8::/32'] },
      { name: 'elsewhere', passwordHash, allowedNetworks: ['192.0.2.0/24'] },
      { name: 'denied', passwordHash, allowedNetworks: ['127.0.0.0/8'], deniedNetworks: ['127.0.0.1/32'] },
      { name: 'off', passwordHash, disabled: true },
    ],
  });
});
afterAll(async () => {
  await server.stop();
});

/** The answer to the right password, and what the log says of it. */
async function attempt(user: string): Promise<{ readonly answer: string; readonly reason: unknown }> {
  const from = server.log.length;
  const client = SshTestClient.connect(server.port, { algorithms: MODERN });
  await client.startAuth();
  client.transport.send(client.authRequest(user, 'password').boolean(false).string(PASSWORD).finish());
  const answer = (await client.take(51, 52)).toString('hex');
  client.end();
  const failure = server.log.slice(from).find(({ event }) => event === 'auth.failure');
  return { answer, reason: failure?.['reason'] };
}

test('the client is told nothing that it is not told about a user that does not exist', async () => {
  const nobody = await attempt('nobody');
  expect(nobody.reason).toBe('unknown-user');
  expect(await attempt('elsewhere')).toEqual({ answer: nobody.answer, reason: 'address-not-allowed' });
  expect(await attempt('denied')).toEqual({ answer: nobody.answer, reason: 'address-not-allowed' });
  expect(await attempt('off')).toEqual({ answer: nobody.answer, reason: 'disabled' });
  expect(await attempt('here')).toEqual({ answer: '34', reason: undefined });
});

test('what is denied is denied whatever is allowed, and an address that is not known is nowhere', () => {
  const rules = new AddressRules({
    allowedNetworks: ['192.0.2.0/24', '2001:db8::/32'],
    deniedNetworks: ['192.0.2.128/25'],
  });
  const allowed = ['192.0.2.1', '192.0.2.129', '198.51.100.1', '2001:db8::1', '2001:db9::1', 'unknown'].map((address) =>
    rules.allows(address),
  );
  expect(allowed).toEqual([true, false, false, true, false, false]);
  const without6 = new AddressRules({ deniedNetworks: ['::/0'] });
  expect(['192.0.2.1', '2001:db8::1'].map((address) => without6.allows(address))).toEqual([true, false]);
});
