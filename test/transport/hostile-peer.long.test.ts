import { randomBytes } from 'node:crypto';
import { duplexPair } from 'node:stream';
import { expect, test } from '@jest/globals';
import { encodeIgnore, encodePing } from '../../src/transport/messages.ts';
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
  client.socket.pause();
  const ping = encodePing(randomBytes(1000));
  for (let i = 0; i < 10_000; i += 1) client.transport.send(ping);
  await quiet();
  expect(server.transport.bytesReceived - before).toBeLessThan(bound);
  // Nothing is lost: when the peer reads again it gets every answer.
  client.socket.resume();
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

test('before login no bytes and no time make the server begin new keys; after it they do', async () => {
  const [a, b] = duplexPair();
  const server = serverSide(a, { serverRekey: { bytes: 65_536, seconds: 0.01 } });
  const client = clientSide(b, {});
  await until(() => client.exchanges.length > 0 && server.exchanges.length > 0, 'the key exchange is over');
  const ignore = encodeIgnore(randomBytes(60_000));
  for (let i = 0; i < 20; i += 1) client.transport.send(Buffer.from(ignore));
  client.transport.send(encodePing(Buffer.from('still there')));
  await until(() => client.messages.some((message) => message[0] === 193), 'the answer has come');
  await quiet();
  expect([server.exchanges.length, server.closed.length]).toEqual([1, 0]);
  server.transport.peerAuthenticated();
  await until(() => server.exchanges.length > 1, 'there are new keys');
});

test('what waits for the end of a key exchange that we began holds the input', async () => {
  const { client, server } = await connected();
  // It does not read our KEXINIT, so it does not answer it.
  client.socket.pause();
  server.transport.rekey();
  const before = server.transport.bytesReceived;
  const ping = encodePing(randomBytes(30_000));
  for (let i = 0; i < 700; i += 1) client.transport.send(Buffer.from(ping));
  await quiet();
  expect(server.transport.bytesReceived - before).toBeLessThan(6 * 1024 * 1024);
  expect(server.closed).toEqual([]);
});

test('a client that begins new keys again and again waits for its turn, and gets it', async () => {
  const { client, server } = await connected({ serverRekey: { ...NO_REKEY, perMinute: 30 } });
  for (let n = 2; n <= 31; n += 1) {
    client.transport.rekey();
    await until(() => client.exchanges.length === n && server.exchanges.length === n, 'there are new keys');
  }
  client.transport.rekey();
  await quiet();
  expect(server.exchanges).toHaveLength(31);
  // What is under way to it goes on meanwhile.
  server.transport.send(new SshWriter(64).byte(80).string('news').boolean(false).finish());
  await until(() => client.messages.some((message) => message[0] === 80), 'the message has come');
  await until(() => client.exchanges.length === 32, 'its turn has come');
  expect(server.closed).toEqual([]);
});
