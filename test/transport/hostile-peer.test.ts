import { randomBytes } from 'node:crypto';
import { duplexPair } from 'node:stream';
import { expect, test } from '@jest/globals';
import { SshWriter } from '../../src/wire/writer.ts';
import { clientSide, connected, NO_REKEY, serverSide, until } from './transport-pair.ts';

async function quiet(): Promise<void> {
  for (let i = 0; i < 50; i += 1) await new Promise((resolve) => setTimeout(resolve, 1));
}

test.each([
  ['before login', false, 2 * 1024 * 1024],
  ['after login', true, 8 * 1024 * 1024],
])('a peer that asks and does not read the answers is not read any more, %s', async (_, authenticated, bound) => {
  const [a, b] = duplexPair();
  const server = serverSide(a, {});
  const client = clientSide(b, {});
  await until(() => client.exchanges.length > 0 && server.exchanges.length > 0, 'the key exchange is over');
  if (authenticated) server.transport.peerAuthenticated();
  const before = server.transport.bytesReceived;
  client.transport.pause();
  const ping = new SshWriter(1100).byte(192).string(randomBytes(1000)).finish();
  for (let i = 0; i < 10_000; i += 1) client.transport.send(ping);
  await quiet();
  expect(server.transport.bytesReceived - before).toBeLessThan(bound);
  // Nothing is lost: when the peer reads again it gets every answer.
  client.transport.resume();
  await until(() => client.messages.length >= 10_001, 'all answers have come', 30_000);
  expect(server.closed).toEqual([]);
});

test('new keys before login are refused: each would cost a signature', async () => {
  const [a, b] = duplexPair();
  const server = serverSide(a, {});
  const client = clientSide(b, {});
  await until(() => client.exchanges.length > 0 && server.exchanges.length > 0, 'the key exchange is over');
  client.transport.rekey();
  await until(() => server.closed.length > 0, 'the server has ended it');
  expect(server.closed[0]).toMatchObject({ reason: 2 });
});

test('after login both sides may begin new keys at once', async () => {
  const { client, server } = await connected({ serverRekey: NO_REKEY });
  client.transport.rekey();
  server.transport.rekey();
  await until(() => client.exchanges.length === 2 && server.exchanges.length === 2, 'one exchange came of both');
  client.transport.rekey();
  await until(() => client.exchanges.length === 3 && server.exchanges.length === 3, 'and another');
  expect(server.closed).toEqual([]);
});

test('a signal in the method list is no method', async () => {
  const [a, b] = duplexPair();
  const server = serverSide(a, {});
  const client = clientSide(b, { client: { kex: ['kex-strict-s-v00@openssh.com'] } });
  await until(() => server.closed.length > 0 && client.closed.length > 0, 'both have ended');
  expect(server.closed[0]).toMatchObject({ reason: 3, message: 'no matching key exchange method found' });
});
